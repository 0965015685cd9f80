"""One training under way: its epochs and steps, and how it is kept and taken up again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn
from tqdm.auto import tqdm

from neurokit.nn.draws import Draws
from neurokit.solvers.resuming import fingerprint_of, interruption_waits
from neurokit.training.checkpoint import Checkpoint
from neurokit.training.devices import in_order
from neurokit.training.examples import Examples, Rows, describe
from neurokit.training.processes import Processes
from neurokit.training.steps import Objective, cut_batch
from neurokit.types import Loss, TrainingHistory


class Run:
    """One fit: everything that changes while it goes, and how it is kept and taken up again."""

    def __init__(
        self,
        settings: BaseEstimator,
        module: nn.Module,
        loss: Loss,
        examples: Examples,
        split: tuple[Rows, Rows],
        seed: int,
        device: torch.device,
        processes: Processes | None,
    ) -> None:
        self.settings, self.loss, self.seed = settings, loss, seed
        self.train_set, self.held_set = split
        self.device, self.processes = device, processes
        self.objective: nn.Module | None = None  # made when it is first called
        self.draws = Draws(seed)
        self.serving: Callable[[], AbstractContextManager[object]] = nullcontext
        self.checkpoint: Checkpoint | None = None
        if settings.checkpoint is not None:
            name = self._fingerprint(module, examples)
            self.checkpoint = Checkpoint(settings.checkpoint, name)
        self.module = module.to(device)
        self.examples = examples.near(device)
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.scheduled: list[Any] = [m for m in module.modules() if hasattr(m, "schedule")]
        self.adam = torch.optim.AdamW(
            _by_rate(module, self.parameters),
            lr=settings.learning_rate,
            betas=(settings.betas[0], settings.betas[1]),
            weight_decay=settings.weight_decay,
            fused=device.type == "cuda",  # one kernel for all parameters
        )
        self.limited = _find_limits(module)
        self.n_batches = len(examples.divide(self.train_set, settings.batch_size))
        self.history: TrainingHistory = []
        self.orderly = settings.reproducible and device.type == "cuda" and processes is None
        self.step = 0  # inside the epoch
        self.seconds = 0.0
        self.saved_at = time.perf_counter()
        self.totals: dict[str, Tensor] = {}  # sums over the examples of this epoch
        self.best: dict[str, Tensor] = {}
        self.best_loss, self.waited = math.inf, 0

    def train(self) -> TrainingHistory:
        """Train every epoch that is left."""
        settings = self.settings
        bar = tqdm(
            total=settings.n_epochs * self.n_batches,
            initial=len(self.history) * self.n_batches + self.step,
            disable=not settings.verbose or self._follows(),
            unit="batch",
            desc=type(self.module).__name__,
        )
        with bar, interruption_waits(self.checkpoint is not None) as interrupted:
            while len(self.history) < settings.n_epochs and not self._stalled():
                self._epoch(bar, interrupted)
                self._save()
                if interrupted():
                    raise KeyboardInterrupt
        if self.best:
            self.module.load_state_dict(self.best)
        self._schedule(1.0)
        if self.checkpoint is not None:
            self.checkpoint.remove()
        return self.history

    def _epoch(self, bar: tqdm[Any], interrupted: Callable[[], bool]) -> None:
        epoch, size = len(self.history), self.settings.batch_size
        shuffle = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        order = self.train_set[torch.randperm(len(self.train_set), generator=shuffle).numpy()]
        parts = self.examples.divide(order, size)
        seen = sum(len(rows) for rows in parts[: self.step])
        parts = parts[self.step :]
        start = time.perf_counter() - self.seconds
        self.module.train()
        with closing(self._batches(parts)) as batches:
            for rows, batch, share in batches:
                self._learn(batch, len(rows), share, epoch)
                self.step += 1
                seen += len(rows)
                bar.update()
                if (
                    self.step % 50 == 0 or self.step == self.n_batches
                ):  # .item() makes the GPU wait
                    means = self._means(seen)
                    bar.set_postfix(loss=f"{means['loss']:.4g}", refresh=False)
                    self._check_finite(means["loss"], epoch)
                if self.step < self.n_batches and (interrupted() or self._is_time()):
                    self.seconds = time.perf_counter() - start
                    self._save()
                    if interrupted():
                        raise KeyboardInterrupt
        if self.processes:
            self.processes.share_buffers(self.module)
        entry = {"epoch": epoch, **means}
        if len(self.held_set):
            entry |= self._validate()
            self._check_finite(entry["val_loss"], epoch)
            self._remember(entry["val_loss"])
        entry["learning_rate"] = self._rate(epoch * self.n_batches + self.step - 1)
        entry["seconds"] = time.perf_counter() - start
        self.history.append(entry)
        self.step, self.seconds = 0, 0.0
        self.totals = {}

    def _batches(self, parts: list[Rows]) -> Any:
        """Yield the rows of every batch, this process's examples of it, and what they weigh."""
        if self.processes is None:
            for rows, batch in zip(parts, self.examples.batches(parts), strict=True):
                yield rows, batch, 1.0
            return
        shares = [self.processes.share(rows) for rows in parts]
        mine = self.examples.batches([rows for rows, _ in shares])
        for rows, batch, (_, share) in zip(parts, mine, shares, strict=True):
            yield rows, batch, share

    def _learn(self, batch: tuple[Tensor, ...], n: int, share: float, epoch: int) -> None:
        """Take one step along the gradient of a batch."""
        done = epoch * self.n_batches + self.step
        self._schedule(done / (self.settings.n_epochs * self.n_batches))
        found = self._differentiate(batch, share)
        if self.processes:
            found = {k: self.processes.mean(v) for k, v in found.items()}
        if self.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.settings.clip_norm)
        for group in self.adam.param_groups:
            group["lr"] = self._rate(done) * group["factor"]
        self.adam.step()
        for parameter, longest in self.limited:
            _shorten_rows(parameter, longest)
        for name, mean in found.items():
            if name not in self.totals:
                self.totals[name] = torch.zeros((), dtype=torch.float64, device=self.device)
            self.totals[name] += mean * n

    def _differentiate(self, batch: tuple[Tensor, ...], share: float) -> dict[str, Tensor]:
        """Leave the gradients with the parameters, and return the means over the batch."""
        self.adam.zero_grad()
        if self.orderly:
            self.draws.generator(self.device)  # so that it has a state to go back to
        draws = self.draws.states()
        found: dict[str, Tensor] = {}
        try:
            for part, weight in cut_batch(batch, self.settings.accumulate):
                one, others = self._evaluate(part)
                with in_order() if self.orderly else nullcontext(), self._alone_on_device():
                    (one * (share * weight)).backward()
                for name, mean in {"loss": one, **others}.items():
                    term = mean.detach() * (share * weight)
                    found[name] = found[name] + term if name in found else term
        except RuntimeError as error:
            if not self.orderly or "eterministic" not in str(error):
                raise
            # some operation has no such kernel: plain products for attention, and once more
            self.orderly = False
            torch.backends.cuda.enable_flash_sdp(False)
            self.draws.restore(draws, self.device)
            return self._differentiate(batch, share)
        return found

    def _alone_on_device(self) -> AbstractContextManager[object]:
        """Run backward in this thread: another one is woken for CUDA, which takes longer."""
        if self.device.type != "cuda" or self.processes is not None:
            return nullcontext()
        return torch.autograd.set_multithreading_enabled(False)

    def _means(self, n: int) -> dict[str, float]:
        """Return the means over the ``n`` examples of this epoch so far."""
        return {name: total.item() / n for name, total in self.totals.items()}

    def _schedule(self, progress: float) -> None:
        """Tell the layers that change in training how much of it is done."""
        for layer in self.scheduled:
            layer.schedule(progress)

    def _evaluate(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a batch, and whatever else the loss tells."""
        batch = tuple(x.to(self.device, non_blocking=True) for x in batch)
        half = self.settings.precision == "bfloat16"
        narrow = torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext()
        if self.objective is None:
            self.objective = self._prepare()
        objective = self.objective if self.module.training else self._alone
        with narrow, self.serving():
            return objective(*batch)

    def _prepare(self) -> nn.Module:
        """Return what gives the loss of a batch: compiled, and averaged over the processes."""
        self._alone: Any = Objective(self.module, self.loss)
        if self.settings.compile:
            self._alone = torch.compile(self._alone)
        return self.processes.prepare(self._alone) if self.processes else self._alone

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        """Return the means over the examples held out."""
        self.module.eval()
        size, n = self.settings.batch_size, len(self.held_set)
        parts = self.examples.divide(self.held_set, size)
        sums: dict[str, float] = {}
        for rows, batch in zip(parts, self.examples.batches(parts), strict=True):
            value, others = self._evaluate(batch)
            for name, mean in {"loss": value, **others}.items():
                sums[f"val_{name}"] = sums.get(f"val_{name}", 0.0) + mean.item() * len(rows)
        return {name: total / n for name, total in sums.items()}

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
        self.waited += 1
        if val_loss >= self.best_loss:
            return
        self.best_loss, self.waited = val_loss, 0
        if self.settings.keeps_best:
            self.best = {k: v.detach().clone() for k, v in self.module.state_dict().items()}

    def _stalled(self) -> bool:
        return self.settings.patience is not None and self.waited >= self.settings.patience

    def _is_time(self) -> bool:
        """Tell whether the checkpoint is older than it may be."""
        return (
            self.checkpoint is not None
            and time.perf_counter() - self.saved_at > 60 * self.settings.save_every
        )

    def _follows(self) -> bool:
        """Tell whether another process shows the progress and keeps the checkpoint."""
        return self.processes is not None and self.processes.rank > 0

    # -------------------------------------------------------- checkpoint

    def _fingerprint(self, module: nn.Module, examples: Examples) -> str:
        """Name this fit after whatever decides its result."""
        ignored = ("device", "checkpoint", "save_every", "verbose")
        params = {k: v for k, v in self.settings.get_params().items() if k not in ignored}
        return fingerprint_of(
            (sorted(params.items()), self.seed, self.device.type),
            examples.fingerprint(),
            self.train_set,
            *describe(*module.state_dict().values()),
        )

    def _save(self) -> None:
        self.saved_at = time.perf_counter()
        if self.checkpoint is None or self._follows():
            return
        tensors = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        for index, state in self.adam.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{k}": v for k, v in state.items()}
        tensors |= {f"random.{kind}": state for kind, state in self.draws.states().items()}
        tensors |= {f"total.{name}": total for name, total in self.totals.items()}
        header = {
            "history": self.history,
            "step": self.step,
            "seconds": self.seconds,
            "best_loss": repr(self.best_loss),
            "waited": self.waited,
        }
        arrays = {k: v.detach().cpu().numpy() for k, v in tensors.items()}
        self.checkpoint.write(header, arrays)

    def resume(self) -> None:
        """Take up the checkpoint of this very fit, if there is one."""
        found = None if self.checkpoint is None else self.checkpoint.read()
        if found is None:
            return
        header, arrays = found
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
        self.draws.restore(under("random."), self.device)
        self.totals = {k: v.to(self.device) for k, v in under("total.").items()}
        self.history, self.step = header["history"], header["step"]
        self.seconds, self.waited = header["seconds"], header["waited"]
        self.best_loss = float(header["best_loss"])


def _by_rate(module: nn.Module, parameters: list[nn.Parameter]) -> list[dict[str, object]]:
    """Return parameters grouped by how many times the learning rate they learn at."""
    factor = {
        id(layer.get_parameter(name)): value
        for layer in module.modules()
        for name, value in getattr(layer, "rate_factors", {}).items()
    }
    groups: dict[float, list[nn.Parameter]] = {}
    for p in parameters:
        groups.setdefault(factor.get(id(p), 1.0), []).append(p)
    return [{"params": group, "factor": value} for value, group in groups.items()]


def _find_limits(module: nn.Module) -> list[tuple[nn.Parameter, float]]:
    """Find the parameters whose rows may not be long, and how long."""
    return [
        (layer.get_parameter(name), float(longest))
        for layer in module.modules()
        for name, longest in getattr(layer, "norm_limits", {}).items()
    ]


@torch.no_grad()
def _shorten_rows(parameter: nn.Parameter, longest: float) -> None:
    """Shorten what goes into each unit to the longest that it may be."""
    rows = parameter.view(len(parameter), -1)
    norms = rows.norm(dim=1, keepdim=True)
    rows.mul_((longest / norms.clamp(min=1e-30)).clamp(max=1.0))
