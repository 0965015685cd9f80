"""Markov chains and restarts: many runs of one model, interrupted and resumed to the bit.

A model is three functions, or four. All that a run knows is in its state and its generator, so
that where it stopped, how many ran beside it and in which process change nothing::

    def init(rng):              # -> state: dicts, lists, plain tuples of arrays, numbers, words
    def step(state, rng):       # -> (state, scalar): one sweep, and the log joint after it
    def keep(state):            # -> what a draw is kept as (of the same kinds as a state)
    def done(state):            # -> True when a run need not go on (optional; for restarts)

    found = run_chains(init, step, keep, n_chains=4, n_steps=2000, n_burn=500, thin=2,
                       random_state=0, n_jobs=2, checkpoint="chains.npz",
                       data=fingerprint_of(counts, "NB"), verbose=1)
    found.chains[0].draws       # list of what keep returned
    found.chains[0].trace       # log joint of every step
    found.chains[0].state       # the last one
    found.interrupted           # Ctrl-C ended it; what was drawn is there

``step`` may change the state it is given. Each chain draws from a generator of its own, spawned
from ``random_state``. With ``n_jobs=1`` chains run in this process; else joblib runs them in
others, where functions may be closures. Ctrl-C waits for the end of a sweep; a second one does
not. With ``checkpoint`` the file is written beside and renamed now and then, at the end and after
Ctrl-C; the next call with the same file goes on from it.
"""

import contextlib
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurokit.atomic import atomic_path
from neurokit.solvers.resuming import interruption_waits

_ROUND = 1.0  # seconds that a chain runs before it is looked after
_SAVE_EVERY = 30.0  # seconds between checkpoints
_VERSION = 1


class Chain(NamedTuple):
    """One run, as far as it has come."""

    state: Any
    trace: NDArray[np.float64]  # log joint after every step
    draws: list[Any]
    rng: np.random.Generator
    finished: bool


class Chains(NamedTuple):
    """What `run_chains` returns."""

    chains: list[Chain]
    interrupted: bool

    @property
    def best(self) -> int:
        """Which chain ends with the highest log joint."""
        last = [chain.trace[-1] if len(chain.trace) else -np.inf for chain in self.chains]
        return int(np.nanargmax(last)) if not np.all(np.isnan(last)) else 0


def run_chains(
    init: Callable[[np.random.Generator], Any],
    step: Callable[[Any, np.random.Generator], tuple[Any, float]],
    keep: Callable[[Any], Any] | None = None,
    done: Callable[[Any], bool] | None = None,
    *,
    n_chains: int = 1,
    n_steps: int,
    n_burn: int = 0,
    thin: int = 1,
    random_state: int | np.random.Generator | None = None,
    n_jobs: int | None = None,
    checkpoint: str | Path | None = None,
    data: str = "",
    verbose: int = 0,
    caller: str = "run_chains",
) -> Chains:
    """Run chains, or restarts, of one model; see the top of the file.

    Parameters
    ----------
    init, step, keep, done : callable
        The model. Without ``keep`` no draws are kept.
    n_chains : int, default=1
    n_steps : int
        One for each chain, those before a checkpoint included.
    n_burn : int, default=0
        Steps of which nothing is kept.
    thin : int, default=1
        One of so many steps is kept.
    random_state : int, Generator or None
        One seed is spawned from it for every chain.
    n_jobs : int, optional
        Processes; -1 for all cores. Default: 1.
    checkpoint : path-like, optional
        File of the runs, resumed if it is there.
    data : str
        What the runs are of, from `neurokit.solvers.resuming.fingerprint_of`: a checkpoint of
        other data is refused.
    verbose : int, default=0
        1 shows steps, the best log joint and the time left.
    caller : str
        Who refuses.

    Returns
    -------
    Chains

    Raises
    ------
    ValueError
        If numbers of steps contradict each other, or the checkpoint is of other data.
    OSError
        If the checkpoint is damaged.

    Examples
    --------
    >>> def init(rng):
    ...     return {"x": 0.0}
    >>> def step(state, rng):
    ...     x = 0.5 * state["x"] + rng.standard_normal()
    ...     return {"x": x}, -0.5 * x * x
    >>> found = run_chains(init, step, lambda s: s["x"], n_chains=2, n_steps=100, random_state=0)
    >>> [len(chain.draws) for chain in found.chains]
    [100, 100]
    """
    if n_chains < 1 or thin < 1 or not 0 <= n_burn < n_steps:
        raise ValueError(
            f"{caller}: chains, steps and thin must be at least 1 and fewer steps be burnt than"
            f" are run, got {n_chains} chains, {n_steps} steps, {n_burn} burnt, thin {thin}."
        )
    plan = {
        "version": _VERSION,
        "data": data,
        "seed": random_state if isinstance(random_state, int) else None,
        "n_chains": n_chains,
        "n_burn": n_burn,
        "thin": thin,
    }
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and path.exists():
        chains = _read(caller, path, plan)
    else:
        generators = [np.random.default_rng(seed) for seed in _spawn(random_state, n_chains)]
        chains = [Chain(init(rng), np.empty(0), [], rng, False) for rng in generators]

    task = _Task(step, keep, done, n_steps, n_burn, thin)
    jobs = _count_jobs(n_jobs, n_chains)
    saved = time.monotonic()
    with interruption_waits(True) as stop, _progress(verbose, caller, chains, n_steps) as show:
        while not stop():
            waiting = [k for k, c in enumerate(chains) if not _is_over(c, n_steps)]
            if not waiting:
                break
            for k, chain in _advance_all(task, chains, waiting, jobs, stop):
                chains[k] = chain
            show(chains)
            if path is not None and time.monotonic() - saved > _SAVE_EVERY:
                _write(path, plan, chains)
                saved = time.monotonic()
    if path is not None:
        _write(path, plan, chains)
    return Chains(chains, any(not _is_over(chain, n_steps) for chain in chains))


class _Task(NamedTuple):
    step: Callable[[Any, np.random.Generator], tuple[Any, float]]
    keep: Callable[[Any], Any] | None
    done: Callable[[Any], bool] | None
    n_steps: int
    n_burn: int
    thin: int


def _is_over(chain: Chain, n_steps: int) -> bool:
    return chain.finished or len(chain.trace) >= n_steps


def _spawn(random_state: int | np.random.Generator | None, n: int) -> list[np.random.SeedSequence]:
    if isinstance(random_state, np.random.Generator):
        return np.random.SeedSequence(random_state.integers(2**63, size=4).tolist()).spawn(n)
    return np.random.SeedSequence(random_state).spawn(n)


def _count_jobs(n_jobs: int | None, n_chains: int) -> int:
    if n_jobs in (None, 1) or n_chains == 1:
        return 1
    from joblib import effective_n_jobs

    return min(int(effective_n_jobs(n_jobs)), n_chains)


def _advance_all(
    task: _Task, chains: list[Chain], waiting: list[int], jobs: int, stop: Callable[[], bool]
) -> Iterator[tuple[int, Chain]]:
    """Let each chain that is not over run for a while."""
    if jobs == 1:
        for k in waiting:
            if stop():
                return
            yield k, _advance(task, chains[k], stop)
        return
    from joblib import Parallel, delayed

    # large arrays are mapped into the other processes; copied there where a sweep writes to them
    parallel = Parallel(n_jobs=jobs, mmap_mode="c")
    moved = parallel(delayed(_advance_elsewhere)(task, _tip(chains[k])) for k in waiting)
    for k, new in zip(waiting, moved, strict=True):
        # what was drawn before stayed here
        old = chains[k]
        yield k, new._replace(draws=old.draws + new.draws)


def _tip(chain: Chain) -> Chain:
    return chain._replace(draws=[])


def _advance_elsewhere(task: _Task, chain: Chain) -> Chain:
    with interruption_waits(True) as stop:
        return _advance(task, chain, stop)


def _advance(task: _Task, chain: Chain, stop: Callable[[], bool]) -> Chain:
    """Run one chain for about a second, or until it is over; whole sweeps.

    Products of matrices are rounded differently on one thread and on several. Chains in other
    processes have one each, so chains here have one too.
    """
    from threadpoolctl import threadpool_limits  # scikit-learn needs it too

    with threadpool_limits(1, user_api="blas"):
        return _sweep(task, chain, stop)


def _sweep(task: _Task, chain: Chain, stop: Callable[[], bool]) -> Chain:
    state, _, draws, rng, finished = chain
    n = len(chain.trace)
    trace: list[float] = []
    draws = list(draws)
    end = time.monotonic() + _ROUND
    while n < task.n_steps and not finished:
        state, log_joint = task.step(state, rng)
        n += 1
        trace.append(float(log_joint))
        if task.keep is not None and n > task.n_burn and (n - task.n_burn - 1) % task.thin == 0:
            draws.append(task.keep(state))
        finished = task.done is not None and bool(task.done(state))
        if stop() or time.monotonic() > end:
            break
    return Chain(state, np.concatenate([chain.trace, trace]), draws, rng, finished)


@contextlib.contextmanager
def _progress(
    verbose: int, caller: str, chains: list[Chain], n_steps: int
) -> Iterator[Callable[[list[Chain]], None]]:
    """Show a bar over the steps of all chains, the best log joint beside it."""
    if not verbose:
        yield lambda chains: None
        return
    from tqdm import tqdm

    def count(chains: list[Chain]) -> int:
        return sum(n_steps if c.finished else len(c.trace) for c in chains)

    with tqdm(total=n_steps * len(chains), desc=caller, unit="step") as bar:
        bar.update(count(chains))

        def show(chains: list[Chain]) -> None:
            best = max(c.trace[-1] for c in chains if len(c.trace))
            bar.set_postfix_str(f"log joint {best:.6g}", refresh=False)
            bar.update(count(chains) - bar.n)

        yield show


def _write(path: Path, plan: Mapping[str, object], chains: list[Chain]) -> None:
    """Write all chains to one file: a description in JSON, and the bytes of all arrays."""
    leaves: list[np.ndarray] = []
    tree = {
        "plan": plan,
        "chains": [
            {
                "state": _pack(chain.state, leaves),
                "trace": _pack(chain.trace, leaves),
                "draws": _pack(chain.draws, leaves),
                "rng": _pack(chain.rng.bit_generator.state, leaves),
                "finished": chain.finished,
            }
            for chain in chains
        ],
        "arrays": [(leaf.dtype.str, leaf.shape) for leaf in leaves],
    }
    joined = b"".join(leaf.tobytes() for leaf in leaves)
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez(
            file,
            tree=np.frombuffer(json.dumps(tree).encode(), np.uint8),
            bytes=np.frombuffer(joined, np.uint8),
        )


def _read(caller: str, path: Path, plan: Mapping[str, object]) -> list[Chain]:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            tree = json.loads(file["tree"].tobytes())
            joined = file["bytes"].tobytes()
        leaves, at = [], 0
        for dtype, shape in tree["arrays"]:
            kind, size = np.dtype(dtype), int(np.prod(shape, dtype=np.int64))
            leaf = np.frombuffer(joined, kind, size, at).reshape(shape).copy()
            at += leaf.nbytes
            leaves.append(leaf)
        found = tree["plan"]
    except Exception as error:
        raise OSError(
            f"{caller}: {path} is no checkpoint of chains, or a damaged one; remove it or give"
            " another path."
        ) from error
    if found != plan:
        other = [name for name in plan if found.get(name) != plan[name]]
        raise ValueError(
            f"{caller}: the checkpoint {path} is of other {', '.join(other)} than this run; give"
            " another path, or remove the file."
        )
    chains = []
    for entry in tree["chains"]:
        bits = _unpack(entry["rng"], leaves)
        generator = getattr(np.random, bits["bit_generator"])()
        generator.state = bits
        state, trace, draws = (
            _unpack(entry[name], leaves) for name in ("state", "trace", "draws")
        )
        chains.append(
            Chain(state, trace, draws, np.random.Generator(generator), entry["finished"])
        )
    return chains


def _pack(value: Any, leaves: list[np.ndarray]) -> Any:
    """Turn a tree into JSON, its arrays into numbers of a list."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("a state of a chain may hold arrays of numbers and words, no objects.")
        leaves.append(value)
        return {"a": len(leaves) - 1}
    if isinstance(value, np.generic):
        leaves.append(np.asarray(value))
        return {"s": len(leaves) - 1}
    if isinstance(value, dict):
        return {"d": [[key, _pack(item, leaves)] for key, item in value.items()]}
    if type(value) is tuple:
        return {"t": [_pack(item, leaves) for item in value]}
    if isinstance(value, list):
        return {"l": [_pack(item, leaves) for item in value]}
    if value is None or isinstance(value, bool | int | str):
        return {"v": value}
    if isinstance(value, float):
        return {"f": value.hex()}
    raise TypeError(
        "a state of a chain may hold arrays, numbers, words, None, dicts, lists and plain tuples,"
        f" not {type(value).__name__}."
    )


def _unpack(packed: Any, leaves: list[np.ndarray]) -> Any:
    ((kind, value),) = packed.items()
    if kind == "a":
        return leaves[value]
    if kind == "s":
        return leaves[value][()]
    if kind == "d":
        return {key: _unpack(item, leaves) for key, item in value}
    if kind == "t":
        return tuple(_unpack(item, leaves) for item in value)
    if kind == "l":
        return [_unpack(item, leaves) for item in value]
    return float.fromhex(value) if kind == "f" else value
