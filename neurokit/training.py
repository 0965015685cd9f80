"""The one training loop of the package."""

from __future__ import annotations

import hashlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn
from tqdm.auto import tqdm

from neurokit.persistence import read_tensors, write_tensors

Loss = Callable[..., Tensor]
History = list[dict[str, float]]


class Trainer(BaseEstimator):
    """Mini-batch Adam, held by an estimator as its ``trainer`` parameter.

    For one seed, one machine and one device the weights are the same to the bit, however often
    the fit was interrupted. The caller's random numbers are left alone.

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
        Stop when ``val_loss`` has not improved for this many epochs, and keep the best epoch's
        weights. Default: train all epochs, keep the last.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the products inside ``module``; weights and sums stay float32.
    device : str, default="auto"
        ``"auto"`` is CUDA where there is one, else the CPU. ``"accelerate"`` trains on every
        process that ``accelerate launch`` started, and needs that package.
    checkpoint : path-like, optional
        Folder that keeps an unfinished fit: one file per fit, named after its data, settings,
        weights at the start and seed, written every epoch and on Ctrl-C, and taken away
        when the fit is done. The same fit, started again, goes on where the file stands.
    verbose : int, default=0
        1 shows a progress bar with rate, loss and time left.

    References
    ----------
    .. [1] Loshchilov and Hutter (2019), Decoupled weight decay regularization, Algorithm 2,
       arXiv:1711.05101.

    Examples
    --------
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
        precision: str = "float32",
        device: str = "auto",
        checkpoint: str | os.PathLike[str] | None = None,
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
        self.precision = precision
        self.device = device
        self.checkpoint = checkpoint
        self.verbose = verbose

    def minimize(
        self,
        module: nn.Module,
        loss: Loss,
        data: Tensor | Sequence[Tensor],
        *,
        seed: int,
        groups: Any = None,
    ) -> History:
        """Train ``module`` in place; it comes back on the CPU, in eval mode.

        Parameters
        ----------
        module : nn.Module
            A layer with a method ``schedule(progress)`` is told before every step how much of
            the training is done, 0 to 1, and 1 at the end; ``rate_factors`` of a layer, a dict,
            names parameters of its that learn at so many times the rate.
        loss : callable ``loss(module, *batch) -> Tensor``
            Mean over the examples of a batch.
        data : Tensor or sequence of Tensors
            The first axis counts the examples.
        seed : int
            Of batch order, dropout, and whatever else ``module`` draws.
        groups : array-like of shape (n_examples,), optional
            Subject or session of each example: none stands on both sides of the held-out split.

        Returns
        -------
        list of dict
            One per epoch: ``epoch``, ``loss``, ``val_loss`` (with a held-out split),
            ``learning_rate`` at its end, ``seconds``.

        Raises
        ------
        ValueError
            If a setting is out of range, there is nothing to train on or to hold out, or the
            loss becomes NaN or infinite.
        KeyboardInterrupt
            On Ctrl-C, after the step under way and with a checkpoint written where one is set.
        """
        self._check()
        tensors = (data,) if isinstance(data, Tensor) else tuple(data)
        if not tensors or len({len(x) for x in tensors}) != 1 or len(tensors[0]) == 0:
            raise ValueError(
                "Trainer: data must be tensors with one common, positive number of examples,"
                f" got {[len(x) for x in tensors]}."
            )
        train, held = _split(len(tensors[0]), self.validation_fraction, groups, seed)
        processes = _Processes() if self.device == "accelerate" else None
        device = processes.device if processes else resolve_device(self.device)
        cuda = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda), _reproducible(device):
            torch.default_generator.manual_seed(seed)
            if cuda:
                torch.cuda.manual_seed(seed)
            run = _Run(self, module, loss, tensors, train, held, seed, device, processes)
            try:
                run.resume()
                return run.train()
            finally:
                module.cpu().eval()

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
            "patience": (
                self.patience is None or (self.patience >= 1 and self.validation_fraction > 0),
                "at least 1, with a validation_fraction above 0, or None",
            ),
        }
        for name, (fine, what) in wanted.items():
            if not fine:
                raise ValueError(f"Trainer: {name} must be {what}, got {getattr(self, name)!r}.")


def resolve_device(name: str) -> torch.device:
    """Torch device for ``"auto"`` (CUDA where there is one), ``"cpu"``, ``"cuda"``, ...

    Parameters
    ----------
    name : str

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device={name!r} cannot be used here ({reason}); use 'auto' or 'cpu'."
        ) from None
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    return device


class _Run:
    """One fit: everything that changes while it goes, and how it is kept and taken up again."""

    def __init__(
        self,
        settings: Trainer,
        module: nn.Module,
        loss: Loss,
        data: tuple[Tensor, ...],
        train: Tensor,
        held: Tensor,
        seed: int,
        device: torch.device,
        processes: _Processes | None,
    ) -> None:
        self.settings, self.loss, self.seed = settings, loss, seed
        self.train_set, self.held_set = train, held
        self.device, self.processes = device, processes
        self.path: Path | None = None
        if settings.checkpoint is not None:
            name = self._fingerprint(module, data)
            self.path = Path(settings.checkpoint) / f"{name}.safetensors"
        self.module = module.to(device)
        self.data = tuple(_near(x, device) for x in data)
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.scheduled: list[Any] = [m for m in module.modules() if hasattr(m, "schedule")]
        self.adam = torch.optim.AdamW(
            _by_rate(module, self.parameters),
            lr=settings.learning_rate,
            betas=(settings.betas[0], settings.betas[1]),
            weight_decay=settings.weight_decay,
        )
        self.n_batches = math.ceil(len(train) / settings.batch_size)
        self.history: History = []
        self.step = 0  # inside the epoch
        self.seconds = 0.0
        self.total = torch.zeros((), dtype=torch.float64, device=device)
        self.best: dict[str, Tensor] = {}
        self.best_loss, self.waited = math.inf, 0

    def train(self) -> History:
        """Every epoch that is left."""
        settings = self.settings
        bar = tqdm(
            total=settings.n_epochs * self.n_batches,
            initial=len(self.history) * self.n_batches + self.step,
            disable=not settings.verbose or self._follows(),
            unit="batch",
            desc=type(self.module).__name__,
        )
        with bar, _interrupt_waits(self.path is not None) as interrupted:
            while len(self.history) < settings.n_epochs and not self._stalled():
                self._epoch(bar, interrupted)
                self._save()
                if interrupted():
                    raise KeyboardInterrupt
        if self.best:
            self.module.load_state_dict(self.best)
        self._schedule(1.0)
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        return self.history

    def _epoch(self, bar: Any, interrupted: Callable[[], bool]) -> None:
        epoch, size = len(self.history), self.settings.batch_size
        shuffle = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        order = self.train_set[torch.randperm(len(self.train_set), generator=shuffle)]
        start = time.perf_counter() - self.seconds
        self.module.train()
        while self.step < self.n_batches:
            self._step(order[self.step * size : (self.step + 1) * size], epoch)
            self.step += 1
            bar.update()
            if self.step % 50 == 0 or self.step == self.n_batches:  # .item() makes the GPU wait
                mean = self.total.item() / min(self.step * size, len(order))
                bar.set_postfix(loss=f"{mean:.4g}", refresh=False)
                self._check_finite(mean, epoch)
            if interrupted() and self.step < self.n_batches:
                self.seconds = time.perf_counter() - start
                self._save()
                raise KeyboardInterrupt
        entry = {"epoch": epoch, "loss": mean}
        if len(self.held_set):
            entry["val_loss"] = self._validate()
            self._check_finite(entry["val_loss"], epoch)
            self._remember(entry["val_loss"])
        entry["learning_rate"] = self._rate(epoch * self.n_batches + self.step - 1)
        entry["seconds"] = time.perf_counter() - start
        self.history.append(entry)
        self.step, self.seconds = 0, 0.0
        self.total.zero_()

    def _step(self, rows: Tensor, epoch: int) -> None:
        n = len(rows)
        share = 1.0
        if self.processes:
            rows, share = self.processes.share(rows)
        done = epoch * self.n_batches + self.step
        self._schedule(done / (self.settings.n_epochs * self.n_batches))
        value = self._loss(rows) * share
        self.adam.zero_grad()
        value.backward()
        if self.processes:
            value = self.processes.average(value, self.parameters, self.module)
        if self.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.settings.clip_norm)
        for group in self.adam.param_groups:
            group["lr"] = self._rate(done) * group["factor"]
        self.adam.step()
        self.total += value.detach() * n

    def _schedule(self, progress: float) -> None:
        """Tell the layers that change in training how much of it is done."""
        for layer in self.scheduled:
            layer.schedule(progress)

    def _loss(self, rows: Tensor) -> Tensor:
        batch = [x[rows.to(x.device)].to(self.device, non_blocking=True) for x in self.data]
        half = self.settings.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext():
            return self.loss(self.module, *batch)

    @torch.no_grad()
    def _validate(self) -> float:
        self.module.eval()
        batches = self.held_set.split(self.settings.batch_size)
        return sum(self._loss(b).item() * len(b) for b in batches) / len(self.held_set)

    def _rate(self, step: int) -> float:
        """Learning rate of one step: a line up, then half a cosine down."""
        n_steps = self.settings.n_epochs * self.n_batches
        n_warm = round(self.settings.warmup * n_steps)
        if step < n_warm:
            return self.settings.learning_rate * (step + 1) / n_warm
        if self.settings.schedule == "constant":
            return self.settings.learning_rate
        done = (step - n_warm) / max(n_steps - n_warm, 1)
        return self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def _check_finite(self, value: float, epoch: int) -> None:
        if not math.isfinite(value):
            raise ValueError(
                f"Trainer: the loss became {value} in epoch {epoch}; scale the data, or lower"
                f" learning_rate, which is {self.settings.learning_rate:g}."
            )

    def _remember(self, val_loss: float) -> None:
        """Keep the weights of the best epoch, and count the epochs since."""
        if self.settings.patience is None:
            return
        self.waited += 1
        if val_loss < self.best_loss:
            self.best_loss, self.waited = val_loss, 0
            self.best = {k: v.detach().clone() for k, v in self.module.state_dict().items()}

    def _stalled(self) -> bool:
        return self.settings.patience is not None and self.waited >= self.settings.patience

    def _follows(self) -> bool:
        """Whether another process shows the progress and keeps the checkpoint."""
        return self.processes is not None and self.processes.rank > 0

    # -------------------------------------------------------- checkpoint

    def _fingerprint(self, module: nn.Module, data: tuple[Tensor, ...]) -> str:
        """Name of this fit: whatever decides its result, hashed."""
        ignored = ("device", "checkpoint", "verbose")
        params = {k: v for k, v in self.settings.get_params().items() if k not in ignored}
        digest = hashlib.blake2b(
            repr((sorted(params.items()), self.seed, self.device.type)).encode(), digest_size=16
        )
        for tensor in (*data, self.train_set, *module.state_dict().values()):
            values = tensor.detach().cpu().contiguous()
            digest.update(repr((values.dtype, values.shape)).encode())
            digest.update(values.reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    def _save(self) -> None:
        if self.path is None or self._follows():
            return
        tensors = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        for index, state in self.adam.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{k}": v for k, v in state.items()}
        tensors["random.cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device)
        tensors["total"] = self.total
        header = {
            "format": 1,
            "history": self.history,
            "step": self.step,
            "seconds": self.seconds,
            "best_loss": repr(self.best_loss),
            "waited": self.waited,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {k: v.detach().cpu().numpy() for k, v in tensors.items()}
        write_tensors(self.path, header, arrays)

    def resume(self) -> None:
        """Take up the checkpoint of this very fit, if there is one."""
        if self.path is None or not self.path.exists():
            return
        header, arrays = read_tensors(self.path)
        tensors = {name: torch.from_numpy(value.copy()) for name, value in arrays.items()}

        def under(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        self.module.load_state_dict(under("module."))
        self.best = {k: v.to(self.device) for k, v in under("best.").items()}
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in under("adam.").items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = value
        groups = self.adam.state_dict()["param_groups"]
        self.adam.load_state_dict({"state": state, "param_groups": groups})
        torch.set_rng_state(tensors["random.cpu"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random.cuda"], self.device)
        self.total = tensors["total"].to(self.device)
        self.history, self.step = header["history"], header["step"]
        self.seconds, self.waited = header["seconds"], header["waited"]
        self.best_loss = float(header["best_loss"])


def _by_rate(module: nn.Module, parameters: list[nn.Parameter]) -> list[dict[str, Any]]:
    """Parameters grouped by how many times the learning rate they learn at."""
    factor = {
        id(layer.get_parameter(name)): value
        for layer in module.modules()
        for name, value in getattr(layer, "rate_factors", {}).items()
    }
    groups: dict[float, list[nn.Parameter]] = {}
    for p in parameters:
        groups.setdefault(factor.get(id(p), 1.0), []).append(p)
    return [{"params": group, "factor": value} for value, group in groups.items()]


class _Processes:
    """The other processes of an ``accelerate launch``: each takes its share of every batch."""

    def __init__(self) -> None:
        try:
            from accelerate import Accelerator
        except ImportError:
            raise ImportError(
                "Trainer(device='accelerate') needs accelerate:"
                ' pip install "neurokit-brain[accelerate]".'
            ) from None
        self.accelerator = Accelerator()
        self.device: torch.device = self.accelerator.device
        self.rank: int = self.accelerator.process_index
        self.n: int = self.accelerator.num_processes

    def share(self, rows: Tensor) -> tuple[Tensor, float]:
        """Rows of this process, and what their mean weighs in the mean over all processes."""
        mine = rows[self.rank :: self.n]
        if len(mine):
            return mine, len(mine) * self.n / len(rows)
        return rows[:1], 0.0  # the last batch may have fewer rows than there are processes

    def average(self, value: Tensor, parameters: list[nn.Parameter], module: nn.Module) -> Tensor:
        """Average loss and gradients in place; running averages follow the first process."""
        from accelerate.utils import broadcast

        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad = self.accelerator.reduce(parameter.grad, "mean")
        for buffer in module.buffers():
            buffer.copy_(broadcast(buffer.detach().clone()))
        return self.accelerator.reduce(value.detach(), "mean")


def _split(n: int, fraction: float, groups: Any, seed: int) -> tuple[Tensor, Tensor]:
    """Rows to train on and rows held out: whole groups, at least one on either side."""
    if fraction == 0:
        return torch.arange(n), torch.arange(0)
    labels = np.arange(n) if groups is None else np.asarray(groups)
    if labels.shape != (n,):
        raise ValueError(f"Trainer: groups must name each of {n} examples, got {labels.shape}.")
    names, member = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            f"Trainer: validation_fraction={fraction} holds out whole groups and needs two or"
            f" more, got only {names.tolist()}; set validation_fraction=0."
        )
    order = np.random.default_rng(seed).permutation(len(names))
    reached = np.cumsum(np.bincount(member)[order])
    n_held = min(int(np.searchsorted(reached, fraction * n)) + 1, len(names) - 1)
    held = np.isin(member, order[:n_held])
    return torch.from_numpy(np.flatnonzero(~held)), torch.from_numpy(np.flatnonzero(held))


def _near(tensor: Tensor, device: torch.device) -> Tensor:
    """Move the data beside the module once, where a GPU has the room for it."""
    if device.type != "cuda":
        return tensor
    free, _ = torch.cuda.mem_get_info(device)
    size = tensor.numel() * tensor.element_size()
    return tensor.to(device) if size < free / 2 else tensor.pin_memory()


@contextmanager
def _reproducible(device: torch.device) -> Iterator[None]:
    """Choose CUDA kernels that give the same bits each time; the caller's choice comes back."""
    if device.type != "cuda":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            torch.use_deterministic_algorithms(True, warn_only=True)
            yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)


@contextmanager
def _interrupt_waits(wanted: bool) -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C wait for the end of a step, so that no checkpoint holds half of one.

    A second Ctrl-C does not wait.
    """
    pressed: list[int] = []
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def handler(number: int, frame: Any) -> None:
        pressed.append(number)
        if len(pressed) > 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
