import json
import math
import os
import signal
import subprocess
import sys
import threading
import warnings
from itertools import chain
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from neurokit.training import TensorExamples, Trainer, resolve_device
from neurokit.training.split import split_groups


def net(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))


def task(n=50):
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(n, 3, generator=rng)
    return x, x.sum(1, keepdim=True) + 0.1 * torch.randn(n, 1, generator=rng)


def mse(module, x, y):
    return F.mse_loss(module(x), y)


def make(**kwargs):
    return Trainer(**{"n_epochs": 4, "batch_size": 16, "device": "cpu"} | kwargs)


def weights(module):
    return torch.cat([v.double().flatten() for v in module.state_dict().values()])


def fit(trainer, loss=mse, data=None, **kwargs):
    module = net()
    history = trainer.minimize(module, loss, data or task(), seed=3, **kwargs)
    return weights(module), [{k: v for k, v in e.items() if k != "seconds"} for e in history]


def test_one_step_is_adam_written_out():
    x, y = task(8)
    module = nn.Linear(3, 1)
    start = [p.detach().clone() for p in module.parameters()]
    grads = torch.autograd.grad(mse(module, x, y), list(module.parameters()))
    trainer = make(n_epochs=1, learning_rate=0.1, weight_decay=0.5, clip_norm=None, warmup=0)
    trainer.minimize(module, mse, (x, y), seed=0)
    for p, p0, g in zip(module.parameters(), start, grads, strict=True):
        m, v = 0.1 * g, 0.001 * g**2
        step = 0.1 * (m / 0.1) / ((v / 0.001).sqrt() + 1e-8)
        torch.testing.assert_close(p.detach(), p0 * (1 - 0.1 * 0.5) - step)


def test_the_rate_rises_in_a_line_and_falls_as_half_a_cosine():
    trainer = make(n_epochs=10, learning_rate=2.0, warmup=0.2, clip_norm=1e-9)
    _, history = fit(trainer, data=tuple(t[:16] for t in task()))  # one step an epoch
    expected = [1.0, 2.0] + [1 + math.cos(math.pi * k / 8) for k in range(8)]
    assert [e["learning_rate"] for e in history] == pytest.approx(expected)
    _, history = fit(trainer.set_params(schedule="constant"), data=tuple(t[:16] for t in task()))
    assert [e["learning_rate"] for e in history] == [1.0] + [2.0] * 9


class Scheduled(nn.Linear):
    """Notes what it is told, and has a bias that learns at half the rate."""

    rate_factors: ClassVar = {"bias": 0.5}

    def __init__(self):
        super().__init__(3, 1)
        self.told = []

    def schedule(self, progress):
        self.told.append(progress)


def test_a_layer_is_told_how_much_is_done_and_may_have_its_own_rates():
    x, y = task(8)
    module = Scheduled()
    weight, bias = (p.detach().clone() for p in module.parameters())
    options = {"learning_rate": 1e-3, "warmup": 0, "schedule": "constant"}
    make(n_epochs=1, batch_size=8, **options).minimize(module, mse, (x, y), seed=0)
    # the first step of Adam is as long as the rate, whatever the gradient
    assert (module.weight.detach() - weight).abs().max().item() == pytest.approx(1e-3, rel=1e-3)
    assert (module.bias.detach() - bias).abs().item() == pytest.approx(5e-4, rel=1e-3)
    make(n_epochs=2, batch_size=4, **options).minimize(module, mse, (x, y), seed=0)
    assert module.told == [0.0, 1.0, 0.0, 0.25, 0.5, 0.75, 1.0]


def test_the_gradient_is_clipped():
    x, y = task(8)
    moved = []
    for clip in (1e-12, None):
        module = nn.Linear(3, 1)
        before = weights(module)
        trainer = make(n_epochs=1, learning_rate=0.1, clip_norm=clip, warmup=0)
        trainer.minimize(module, mse, (x, y), seed=0)
        moved.append((weights(module) - before).abs().max().item())
    assert moved[0] < 1e-3 < moved[1]  # far below Adam's epsilon, the step shrinks with it


def test_training_recovers_a_line():
    x, y = task(200)
    line = nn.Linear(3, 1)
    make(n_epochs=60, learning_rate=0.05).minimize(line, mse, (x, y), seed=0)
    torch.testing.assert_close(line.weight.detach(), torch.ones(1, 3), atol=0.05, rtol=0)


def test_the_loss_in_the_history_is_the_mean_over_examples():
    x = torch.arange(10.0)[:, None]

    def loss(module, x):
        return x.mean() + 0 * module.weight.sum()

    history = make(n_epochs=1, batch_size=4).minimize(nn.Linear(1, 1), loss, x, seed=0)
    assert history[0]["loss"] == pytest.approx(4.5)
    assert history[0].keys() == {"epoch", "loss", "learning_rate", "seconds"}


def test_every_example_is_seen_once_an_epoch_in_another_order():
    seen = []

    def loss(module, x):
        seen.append(x.flatten().tolist())
        return module(x).mean()

    make(n_epochs=2, batch_size=4).minimize(
        nn.Linear(1, 1), loss, torch.arange(10.0)[:, None], seed=0
    )
    first, second = [*chain(*seen[:3])], [*chain(*seen[3:])]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_same_seed_same_bits_and_the_callers_generators_are_left_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, _ = fit(make())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(fit(make())[0], first)
    other = net()
    make().minimize(other, mse, task(), seed=4)
    assert not torch.equal(weights(other), first)


def test_fits_of_one_seed_in_threads_give_the_weights_of_one_alone():
    modules = [net() for _ in range(5)]
    stop = threading.Event()

    def work(k):
        make(n_epochs=8).minimize(modules[k], mse, task(), seed=3)

    def draw():  # somebody else's numbers, all the while
        while not stop.is_set():
            torch.rand(10)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    stranger = threading.Thread(target=draw)
    stranger.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    stranger.join()
    work(4)
    found = [weights(module) for module in modules]
    assert all(torch.equal(one, found[4]) for one in found)


class Drawing(nn.Module):
    """A stranger's layer that draws in its own ways."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, x):
        x = F.dropout(x, 0.5, self.training) + 0.1 * torch.randn_like(x)
        return self.layer(x + 0.1 * torch.rand(3))


def test_a_layer_of_strangers_is_seeded_too():
    made = []
    for seed in (3, 3, 4):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            module = Drawing()
        torch.manual_seed(seed + len(made))
        before = torch.get_rng_state()
        make().minimize(module, mse, task(), seed=seed)
        assert torch.equal(torch.get_rng_state(), before)
        made.append(weights(module))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_a_dropout_that_cannot_be_seeded_alone_is_refused():
    module = nn.Sequential(nn.GRU(3, 3, num_layers=2, dropout=0.1))
    with pytest.raises(
        ValueError, match=r"layer '0' \(GRU\) has a dropout inside .* give it drop"
    ):
        make().minimize(module, mse, task(), seed=0)


def test_other_means_stand_beside_the_loss_in_the_history():
    def loss(module, x, y):
        return mse(module, x, y), {"size": (y.abs() < 1).float().mean()}

    trainer = make(n_epochs=2, validation_fraction=0.2, batch_size=7)
    history = trainer.minimize(net(), loss, task(), seed=3)
    _, y = task()
    train, held = split_groups(50, 0.2, None, 3)
    for entry in history:
        assert entry["size"] == pytest.approx((y[train].abs() < 1).float().mean().item())
        assert entry["val_size"] == pytest.approx((y[held].abs() < 1).float().mean().item())
        assert list(entry)[:5] == ["epoch", "loss", "size", "val_loss", "val_size"]


class Limited(nn.Linear):
    """Weights of each unit no longer than a half."""

    norm_limits: ClassVar = {"weight": 0.5}


def test_rows_of_weights_are_never_longer_than_their_limit():
    x, y = task(64)
    torch.manual_seed(0)
    module, lengths = Limited(3, 2), []

    def loss(module, x, y):
        lengths.append(module.weight.detach().norm(dim=1).max().item())
        return ((module(x) - 5 * y) ** 2).mean()

    make(n_epochs=5, learning_rate=0.5).minimize(module, loss, (x, y), seed=0)
    assert max(lengths[1:]) <= 0.5 + 1e-6
    assert module.weight.detach().norm(dim=1).min().item() == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_best_or_the_last_epoch_is_kept(keep):
    x, y = task(40)
    module = net()
    trainer = make(n_epochs=12, learning_rate=0.5, validation_fraction=0.25, keep=keep)
    history = trainer.minimize(module, mse, (x, y), seed=0)
    losses = [e["val_loss"] for e in history]
    assert len(losses) == 12  # without patience, it does not stop
    _, held = split_groups(40, 0.25, None, 0)
    with torch.no_grad():
        kept = mse(module, x[held], y[held]).item()
    assert kept == pytest.approx(min(losses) if keep == "best" else losses[-1], rel=1e-5)


def interrupting(call, how):
    """A loss that is interrupted at its ``call``-th evaluation."""
    count = 0

    def loss(module, x, y):
        nonlocal count
        count += 1
        if count == call:
            how()
        return mse(module, x, y)

    return loss


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


def crash():
    raise KeyboardInterrupt


@pytest.mark.parametrize("how", [ctrl_c, crash])
@pytest.mark.parametrize("call", range(1, 17))
def test_an_interrupted_fit_goes_on_to_the_same_bits(tmp_path, call, how):
    trainer = make(checkpoint=tmp_path, validation_fraction=0.3, patience=3)
    plain = fit(make(validation_fraction=0.3, patience=3))
    with pytest.raises(KeyboardInterrupt):
        fit(trainer, interrupting(call, how))
    evaluations = 0

    def counting(module, x, y):
        nonlocal evaluations
        evaluations += 1
        return mse(module, x, y)

    got = fit(trainer, counting)
    assert torch.equal(got[0], plain[0])
    assert got[1] == plain[1]
    if how is ctrl_c or call > 4:
        assert evaluations < 20  # it went on and did not start again
    assert list(tmp_path.iterdir()) == []  # a fit that is done leaves nothing


def test_ctrl_c_at_every_step_of_one_fit(tmp_path):
    plain, trainer = fit(make()), make(checkpoint=tmp_path)
    for _ in range(16):
        with pytest.raises(KeyboardInterrupt):
            fit(trainer, interrupting(1, ctrl_c))
        assert len(list(tmp_path.iterdir())) == 1
    got = fit(trainer)
    assert torch.equal(got[0], plain[0])
    assert got[1] == plain[1]


def test_a_second_ctrl_c_does_not_wait(tmp_path):
    before = signal.getsignal(signal.SIGINT)  # a background job may have been started without it
    with pytest.raises(KeyboardInterrupt):
        fit(make(checkpoint=tmp_path), interrupting(2, lambda: (ctrl_c(), ctrl_c())))
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    "changed", ["learning_rate", "n_epochs", "seed", "data", "weights", "held out"]
)
def test_a_checkpoint_serves_only_the_fit_it_belongs_to(tmp_path, changed):
    with pytest.raises(KeyboardInterrupt):
        fit(make(checkpoint=tmp_path), interrupting(9, ctrl_c))
    options = {"learning_rate": {"learning_rate": 0.1}, "n_epochs": {"n_epochs": 5}}
    options["held out"] = {"validation_fraction": 0.2}
    (x, y), seed, module = task(), 3, net()
    if changed == "data":
        x[0, 0] += 1
    if changed == "seed":
        seed = 4
    if changed == "weights":
        module = net(1)
    trainer = make(checkpoint=tmp_path, **options.get(changed, {}))
    history = trainer.minimize(module, mse, (x, y), seed=seed)
    plain = net(1) if changed == "weights" else net()
    trainer.set_params(checkpoint=None).minimize(plain, mse, (x, y), seed=seed)
    assert torch.equal(weights(module), weights(plain))
    assert len(history) == trainer.n_epochs
    assert len(list(tmp_path.iterdir())) == 1  # the other fit's


def test_fits_in_other_threads_keep_checkpoints_too(tmp_path):
    result = []
    worker = threading.Thread(target=lambda: result.append(fit(make(checkpoint=tmp_path))))
    worker.start()
    worker.join()
    assert torch.equal(result[0][0], fit(make())[0])


def test_early_stopping_keeps_the_best_epoch():
    x, y = task(40)
    module = net()
    trainer = make(n_epochs=200, learning_rate=0.3, validation_fraction=0.25, patience=3)
    history = trainer.minimize(module, mse, (x, y), seed=0)
    losses = [e["val_loss"] for e in history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 4 < 200
    _, held = split_groups(40, 0.25, None, 0)
    with torch.no_grad():
        assert mse(module, x[held], y[held]).item() == pytest.approx(losses[best], rel=1e-5)


@given(
    labels=st.lists(st.integers(0, 6), min_size=2, max_size=60).filter(lambda x: len(set(x)) > 1),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_groups_never_straddle_the_split(labels, fraction, seed):
    train, held = split_groups(len(labels), fraction, [f"s{i}" for i in labels], seed)
    labels = np.array(labels)
    assert len(train)
    assert len(held)
    assert sorted([*train.tolist(), *held.tolist()]) == list(range(len(labels)))
    assert not set(labels[train]) & set(labels[held])


def test_a_split_without_groups_holds_out_the_fraction():
    _, held = split_groups(1000, 0.1, None, 0)
    assert abs(len(held) - 100) <= 1
    assert len(split_groups(1000, 0.0, None, 0)[1]) == 0


def test_bfloat16_trains_and_keeps_float32_weights():
    x, y = task(200)
    line = nn.Linear(3, 1)
    history = make(n_epochs=30, learning_rate=0.05, precision="bfloat16").minimize(
        line, lambda m, x, y: F.mse_loss(m(x).float(), y), (x, y), seed=0
    )
    assert line.weight.dtype == torch.float32
    assert history[-1]["loss"] < 0.1


def test_progress_is_shown_only_when_asked(capsys):
    fit(make())
    assert capsys.readouterr().err == ""
    fit(make(verbose=1))
    shown = capsys.readouterr().err
    assert "Sequential" in shown
    assert "loss=" in shown
    assert "batch/s" in shown


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_epochs": 0}, "n_epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"learning_rate": -1.0}, "learning_rate must be positive"),
        ({"weight_decay": -1.0}, "weight_decay must be zero or positive"),
        ({"warmup": 2.0}, "warmup must be between 0 and 1"),
        ({"schedule": "step"}, "schedule must be 'cosine' or 'constant', got 'step'"),
        ({"clip_norm": 0.0}, "clip_norm must be positive or None"),
        ({"validation_fraction": 1.0}, r"validation_fraction must be in \[0, 1\)"),
        ({"precision": "int8"}, "precision must be 'float32' or 'bfloat16'"),
        ({"patience": 2}, "patience must be at least 1, with a validation_fraction above 0"),
        ({"keep": "best"}, "keep must be 'last', 'best' with a validation_fraction above 0"),
        ({"device": "quantum"}, "device='quantum' cannot be used here .*; use 'auto' or 'cpu'"),
    ],
)
def test_settings_out_of_range_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        fit(make(**params))


def test_a_loss_that_is_not_finite_is_refused():
    with pytest.raises(
        ValueError, match=r"loss became nan in epoch 0; .* learning_rate, .* 0.001"
    ):
        fit(make(), lambda module, x, y: mse(module, x, y) * float("nan"))
    x, y = task()
    with pytest.raises(ValueError, match=r"loss became (inf|nan) in epoch 0"):
        fit(make(), data=(x, y + float("inf")))


def test_data_and_groups_are_checked():
    with pytest.raises(ValueError, match=r"common, positive number of examples, got \[50, 49\]"):
        fit(make(), data=(task()[0], task()[1][1:]))
    with pytest.raises(ValueError, match=r"common, positive number of examples, got \[0\]"):
        fit(make(), data=(torch.zeros(0, 3),))
    with pytest.raises(ValueError, match=r"holds out whole groups .* got only \['a'\]"):
        fit(make(validation_fraction=0.1), groups=["a"] * 50)
    with pytest.raises(ValueError, match=r"must name each of 50 examples, got \(3,\)"):
        fit(make(validation_fraction=0.1), groups=["a"] * 3)


def test_auto_is_a_device_that_works_here():
    assert resolve_device("auto").type in ("cpu", "cuda")
    assert resolve_device("cpu") == torch.device("cpu")


def test_the_trainer_is_a_plain_parameter_holder():
    trainer = make(learning_rate=0.1)
    before = trainer.get_params()
    fit(trainer)
    assert trainer.get_params() == before
    assert trainer.set_params(n_epochs=9).n_epochs == 9


SCRIPT = """
import sys, torch
from torch.nn import functional as F
from neurokit.training import Trainer
rng = torch.Generator().manual_seed(1)
x = torch.randn(51, 3, generator=rng)
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
trainer = Trainer(3, batch_size=10, device=sys.argv[1], validation_fraction=0.2)
loss = lambda net, x, y: F.mse_loss(net(x), y)
history = trainer.minimize(net, loss, (x, x.sum(1, keepdim=True)), seed=0)
weights = torch.cat([p.flatten() for p in net.parameters()]).tolist()
print([e["val_loss"] for e in history] + weights)
"""


@pytest.mark.slow
def test_two_processes_share_the_batches_of_one(tmp_path):
    pytest.importorskip("accelerate", reason="the accelerate extra is not installed")
    env = os.environ | {"ACCELERATE_USE_CPU": "true", "WORLD_SIZE": "2", "MASTER_PORT": "29517"}
    env |= {"MASTER_ADDR": "127.0.0.1", "LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    pair = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, "accelerate"],
            env=env | {"RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
        )
        for rank in "01"
    ]
    both = [json.loads(process.communicate(timeout=120)[0]) for process in pair]
    alone = json.loads(subprocess.check_output([sys.executable, "-c", SCRIPT, "cpu"]))
    assert both[0] == both[1]
    np.testing.assert_allclose(both[0], alone, rtol=1e-4, atol=1e-6)


def test_accelerate_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError, match=r"needs accelerate: pip install .*\[accelerate\]"):
        fit(make(device="accelerate"))


@pytest.mark.parametrize("parts", [2, 3, 100])
def test_a_batch_in_parts_takes_the_step_of_the_whole(parts):
    def free(module, x, y):  # batch norm would see the parts
        return F.mse_loss(module[3](torch.tanh(module[0](x))), y), {"size": x.new_tensor(1.0)}

    whole, expected = fit(make(), free)
    cut, found = fit(make(accumulate=parts), free)
    torch.testing.assert_close(cut, whole, rtol=1e-5, atol=1e-6)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_a_checkpoint_is_written_inside_of_a_long_epoch(tmp_path, monkeypatch):
    from neurokit.training.checkpoint import Checkpoint

    written = []
    write = Checkpoint.write
    monkeypatch.setattr(
        Checkpoint, "write", lambda self, h, a: (written.append(h["step"]), write(self, h, a))
    )
    fit(make(checkpoint=tmp_path, save_every=1e-9, n_epochs=1))
    assert written == [1, 2, 3, 0]


class Buckets(TensorExamples):
    """Batches of even or of odd rows."""

    def near(self, device):
        return self

    def divide(self, rows, batch_size):
        return [
            part
            for kind in (0, 1)
            for part in super(Buckets, self).divide(rows[rows % 2 == kind], batch_size)
        ]


def test_examples_may_divide_themselves_into_batches():
    seen = []

    def loss(module, x, y):
        seen.append(sorted(x[:, 0].long().tolist()))
        return F.mse_loss(module(x), y)

    x = torch.arange(9.0)[:, None].repeat(1, 3)
    module = nn.Linear(3, 1)
    trainer = make(n_epochs=2, batch_size=4)
    history = trainer.minimize(module, loss, Buckets(x, x[:, :1]), seed=0)
    assert len(history) == 2
    assert len(seen) == 6
    for epoch in (seen[:3], seen[3:]):
        assert sorted(chain(*epoch)) == list(range(9))
        assert all(len({k % 2 for k in part}) == 1 for part in epoch)


@pytest.mark.parametrize("wrong", [{"accumulate": 0}, {"save_every": 0}])
def test_parts_and_minutes_are_positive(wrong):
    with pytest.raises(ValueError, match=f"Trainer: {next(iter(wrong))} must be"):
        fit(make(**wrong))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", ["masked", "flash", "without an orderly kernel"])
def test_attention_gets_the_same_bits_on_cuda_each_time(kind):
    from neurokit.nn.attention import AttentionBlock

    tokens = torch.randn(64, 512, 128, generator=torch.Generator().manual_seed(0))
    allowed = torch.ones(512, 512, dtype=torch.bool).tril()

    def loss(module, x):
        out = module(x, allowed=allowed.to(x.device) if kind == "masked" else None)
        if kind == "without an orderly kernel":
            out = torch.nn.functional.adaptive_avg_pool2d(out[:, None], (7, 5))
        return (out**2).mean()

    precision = "float32" if kind == "masked" else "bfloat16"
    found = []
    for _ in range(3):
        torch.manual_seed(0)
        block = AttentionBlock(128, 2)
        trainer = Trainer(3, batch_size=16, device="cuda", precision=precision)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the operation that has no orderly kernel
            trainer.minimize(block, loss, [tokens], seed=0)
        found.append(torch.cat([p.detach().cpu().ravel() for p in block.parameters()]))
    same = [torch.equal(found[0], other) for other in found[1:]]
    assert all(same) or kind == "without an orderly kernel"


def test_an_operation_without_an_orderly_kernel_lets_attention_go_by_plain_products(monkeypatch):
    from contextlib import contextmanager

    from neurokit.training import run

    @contextmanager
    def refuse():
        raise RuntimeError("this has no deterministic implementation")
        yield

    switched = []
    monkeypatch.setattr(run, "in_order", refuse)
    monkeypatch.setattr(torch.backends.cuda, "enable_flash_sdp", switched.append)
    init = run.Run.__init__

    def orderly(self, *args):
        init(self, *args)
        self.orderly = True

    expected = fit(make())[1]
    monkeypatch.setattr(run.Run, "__init__", orderly)
    assert fit(make())[1] == expected
    assert switched == [False]
