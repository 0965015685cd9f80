"""How well embeddings fit each other, and losses that learn from that."""

import torch
from torch import Tensor
from torch.nn import functional as F


def compare(z: Tensor, y: Tensor, normalize: str = "target", temperature: float = 1.0) -> Tensor:
    """Return how well every candidate fits every estimate.

    Parameters
    ----------
    z : Tensor of shape (n, ...)
        Estimates.
    y : Tensor of shape (m, ...)
        Candidates, of the same shape else.
    normalize : {"target", "both", "none"}, default="target"
        Whose length does not count: that of the candidates alone, as in [1]_, or of both.
    temperature : float, default=1.0
        Scores are divided by it.

    Returns
    -------
    Tensor of shape (n, m)

    References
    ----------
    .. [1] Defossez et al. (2023), Nat. Mach. Intell. 5, 1097-1107, eq. 1 and 2.

    Examples
    --------
    >>> compare(2 * torch.eye(2), 3 * torch.eye(2)).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    z, y = z.flatten(1), y.flatten(1)
    if normalize != "none":
        y = F.normalize(y, dim=1)
    if normalize == "both":
        z = F.normalize(z, dim=1)
    return z @ y.T / temperature


def clip_loss(scores: Tensor, stimulus: Tensor) -> Tensor:
    """Return how unlikely each trial's own candidate is among all of the batch, in the mean.

    Parameters
    ----------
    scores : Tensor of shape (n, n)
        Row i and column i belong together.
    stimulus : Tensor of int, shape (n,)
        Other trials of the same stimulus are no wrong answers, and are left out of the row.

    Returns
    -------
    Tensor
        A number.

    References
    ----------
    .. [1] Radford et al. (2021), Learning transferable visual models from natural language
       supervision, arXiv:2103.00020, figure 3, in one direction.

    Examples
    --------
    >>> clip_loss(torch.zeros(4, 4), torch.arange(4)).item() == torch.tensor(4.0).log().item()
    True
    """
    n = len(scores)
    same = stimulus[:, None] == stimulus
    same = same & ~torch.eye(n, dtype=torch.bool, device=scores.device)
    own = torch.arange(n, device=scores.device)
    return F.cross_entropy(scores.masked_fill(same, -torch.inf), own)
