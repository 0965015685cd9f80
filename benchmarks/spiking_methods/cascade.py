"""A cascade: a network of 16 units answers, one of 128 is asked where the small one is not sure.

Letters: where the largest probability is low. Movement: where the small network's output is far
from the mean (there errors cost most). The limit is the one at which half of the validation is
passed on; operations count the second network for the share of the test that asks for it, and
both networks' states for movement, which cannot begin in the middle: its dense state is run on.
"""

import torch
from protocol import Plain, Result, judge, predict, score_of, train


def doubt(output, classes):
    """How little the answer is to be trusted, one number per letter or step."""
    if classes:
        return -output.mean(0).softmax(-1).max(-1).values
    return output.norm(dim=-1)


def run(problem, seed):
    small = train(Plain(problem, 16), problem, seed)
    large = train(Plain(problem, 128), problem, seed)
    limit = doubt(predict(small, problem.validate), problem.classes)
    if not problem.classes:
        limit = limit[problem.validate.mask]
    limit = limit.median()
    first, second = predict(small, problem.test), predict(large, problem.test)
    ask = doubt(first, problem.classes) > limit
    output = torch.where(ask[None, :, None] if problem.classes else ask[..., None], second, first)
    share = float(ask.float().mean() if problem.classes else ask[problem.test.mask].float().mean())
    a, b = judge(small, problem, 48), judge(large, problem, 384)
    used = share if problem.classes else 1.0  # recurrent states have to be kept up
    score = score_of(output, problem.test, problem.classes)
    extra = {"asked": share, "small alone": a.score, "large alone": b.score}
    return Result(
        score, a.macs + used * b.macs, a.acs + used * b.acs, a.n_bytes + b.n_bytes, extra
    )
