"""The trainer: the settings of a training, held by an estimator as a parameter."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from neurokit.training.devices import import_torch, reproducible, resolve_device
from neurokit.training.examples import Examples, as_examples
from neurokit.training.processes import Processes
from neurokit.training.split import split_groups
from neurokit.types import Loss, TrainingHistory

if TYPE_CHECKING:
    from torch import Tensor, nn

KEPT = ("best", "last")


class Trainer(BaseEstimator):
    """Mini-batch Adam, held by an estimator as its ``trainer`` parameter.

    For one seed, one machine and one device the weights are the same to the bit, however often
    the fit was interrupted, and whatever runs beside it in other threads: all random numbers come
    from generators of the fit's own, and the caller's are left alone.

    Parameters
    ----------
    n_epochs : int, default=20
        Passes over the training examples.
    batch_size : int, default=64
        Examples per step, over all processes together.
    learning_rate : float, default=1e-3
        Highest rate of the schedule.
    weight_decay : float, default=0.0
        Decoupled from the gradient (AdamW).
    betas : tuple of float, default=(0.9, 0.999)
        Decay of Adam's two averages.
    warmup : float, default=0.05
        Part of all steps over which the rate rises linearly from zero.
    schedule : {"cosine", "constant"}, default="cosine"
        What the rate does after that; the cosine ends at zero.
    clip_norm : float or None, default=1.0
        Longest gradient: a longer one is shortened to this.
    validation_fraction : float, default=0.0
        Part of the examples held out to watch; whole groups where groups are given.
    patience : int, optional
        Stop when ``val_loss`` has not improved for this many epochs. Default: train all epochs.
    keep : {"best", "last"}, optional
        The epoch whose weights are kept; "best" has the least ``val_loss``. Default: "best" with
        ``patience``, else "last".
    precision : {"float32", "bfloat16"}, default="float32"
        How exactly the products inside ``module`` are computed; weights and sums stay float32.
    accumulate : int, default=1
        Parts that a batch is cut into, one behind the other, where it does not fit into memory;
        gradients are summed, and the step is that of the whole batch.
    compile : bool, default=False
        Let ``torch.compile`` fuse what surrounds the products. It takes up to minutes before the
        first step and once for each shape of batch, and pays in long trainings on a GPU.
    reproducible : bool, default=True
        On CUDA, choose kernels that give the same bits each time; False lets the quicker ones of
        attention and scatter run, and the weights then differ in their last digits.
    device : str, default="auto"
        ``"auto"`` is CUDA where there is one, else the CPU. ``"accelerate"`` trains on every
        process that ``accelerate launch`` started, and needs that package: each reads its share
        of every batch, and torch's DistributedDataParallel averages gradients while it computes
        them.
    checkpoint : path-like, optional
        Folder that keeps an unfinished fit: one file per fit, named after its data, settings,
        weights at the start and seed, written every epoch and on Ctrl-C, and taken away
        when the fit is done. The same fit, started again, goes on where the file stands.
    save_every : float, default=10.0
        Minutes after which the checkpoint is written inside of an epoch, too.
    verbose : int, default=0
        1 shows a progress bar with rate, loss and time left.

    References
    ----------
    .. [1] Loshchilov and Hutter (2019), Decoupled weight decay regularization, Algorithm 2,
       arXiv:1711.05101.

    Examples
    --------
    >>> import torch
    >>> X = torch.linspace(-1, 1, 64)[:, None]
    >>> line = torch.nn.Linear(1, 1)
    >>> trainer = Trainer(n_epochs=50, batch_size=16, learning_rate=0.1, device="cpu")
    >>> history = trainer.minimize(
    ...     line, lambda f, x, y: torch.nn.functional.mse_loss(f(x), y), (X, 3 * X + 1), seed=0
    ... )
    >>> history[-1]["loss"] < 1e-3
    True
    """

    def __init__(
        self,
        n_epochs: int = 20,
        *,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        warmup: float = 0.05,
        schedule: str = "cosine",
        clip_norm: float | None = 1.0,
        validation_fraction: float = 0.0,
        patience: int | None = None,
        keep: str | None = None,
        precision: str = "float32",
        accumulate: int = 1,
        compile: bool = False,  # noqa: A002
        reproducible: bool = True,
        device: str = "auto",
        checkpoint: str | os.PathLike[str] | None = None,
        save_every: float = 10.0,
        verbose: int = 0,
    ) -> None:
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.betas = betas
        self.warmup = warmup
        self.schedule = schedule
        self.clip_norm = clip_norm
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.keep = keep
        self.precision = precision
        self.accumulate = accumulate
        self.compile = compile
        self.reproducible = reproducible
        self.device = device
        self.checkpoint = checkpoint
        self.save_every = save_every
        self.verbose = verbose

    def minimize(
        self,
        module: nn.Module,
        loss: Loss,
        data: Tensor | Sequence[Tensor] | Examples,
        *,
        seed: int,
        groups: ArrayLike | None = None,
    ) -> TrainingHistory:
        """Train ``module`` in place; it comes back on the CPU, in eval mode.

        Parameters
        ----------
        module : nn.Module
            A layer with a method ``schedule(progress)`` is told before every step how much of
            the training is done, 0 to 1, and 1 at the end; ``rate_factors`` of a layer, a dict,
            names parameters of its that learn at so many times the rate; ``norm_limits``, a dict,
            names parameters whose rows (what goes into one unit) are never longer than that.
            What a layer draws by ``neurokit.nn.draws.generator`` is seeded, as are the dropout
            layers of torch.
        loss : callable ``loss(module, *batch) -> Tensor``
            Mean over the examples of a batch. It may return a pair instead: the loss, and a dict
            of other means, such as the accuracy, that the history tells beside it.
        data : Tensor, sequence of Tensors, or Examples
            The first axis of tensors counts the examples.
        seed : int
            It decides the order of batches, dropout, and whatever else ``module`` draws.
        groups : array-like of shape (n_examples,), optional
            Subject or session of each example: none stands on both sides of the held-out split.

        Returns
        -------
        list of dict
            One per epoch: ``epoch``, ``loss``, ``val_loss`` (with a held-out split), the other
            means likewise, ``learning_rate`` at its end, ``seconds``.

        Raises
        ------
        ValueError
            If a setting is out of range, there is nothing to train on or to hold out, or the
            loss becomes NaN or infinite.
        KeyboardInterrupt
            On Ctrl-C, after the step under way and with a checkpoint written where one is set.
        ImportError
            If torch is not installed.
        """
        import_torch("Trainer")
        from neurokit.nn.draws import Draws
        from neurokit.training.run import Run

        self._check()
        examples = as_examples(data)
        train, held = split_groups(len(examples), self.validation_fraction, groups, seed)
        processes = Processes() if self.device == "accelerate" else None
        device = processes.device if processes else resolve_device(self.device)
        exact = reproducible(device) if self.reproducible else nullcontext()
        with Draws(seed) as draws, exact, draws.serve(module) as serving:
            run = Run(self, module, loss, examples, (train, held), seed, device, processes)
            run.draws, run.serving = draws, serving
            try:
                run.resume()
                return run.train()
            finally:
                module.cpu().eval()

    @property
    def keeps_best(self) -> bool:
        """Whether the weights of the best epoch are kept, not those of the last."""
        return self.keep == "best" or (self.keep is None and self.patience is not None)

    def _check(self) -> None:
        """Refuse settings out of range."""
        wanted = {
            "n_epochs": (self.n_epochs >= 1, "at least 1"),
            "batch_size": (self.batch_size >= 1, "at least 1"),
            "learning_rate": (0 < self.learning_rate < math.inf, "positive"),
            "weight_decay": (self.weight_decay >= 0, "zero or positive"),
            "warmup": (0 <= self.warmup <= 1, "between 0 and 1"),
            "schedule": (self.schedule in ("cosine", "constant"), "'cosine' or 'constant'"),
            "clip_norm": (self.clip_norm is None or self.clip_norm > 0, "positive or None"),
            "validation_fraction": (0 <= self.validation_fraction < 1, "in [0, 1)"),
            "precision": (self.precision in ("float32", "bfloat16"), "'float32' or 'bfloat16'"),
            "accumulate": (self.accumulate >= 1, "at least 1"),
            "save_every": (self.save_every > 0, "positive"),
            "patience": (
                self.patience is None or (self.patience >= 1 and self.validation_fraction > 0),
                "at least 1, with a validation_fraction above 0, or None",
            ),
            "keep": (
                self.keep in (None, "last") or (self.keep == "best" and self.validation_fraction),
                "'last', 'best' with a validation_fraction above 0, or None",
            ),
        }
        for name, (fine, what) in wanted.items():
            if not fine:
                raise ValueError(f"Trainer: {name} must be {what}, got {getattr(self, name)!r}.")
