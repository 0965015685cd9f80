"""Tensor factorisation beside tensorly and tensortools: time for an iteration, memory, error.

Ratios are between medians of alternating repeats inside one process; memory is the peak of a
process of its own. Run it with ``OMP_NUM_THREADS=1``. ``--device cuda`` measures torch on a GPU
against its bandwidth bound and against tensorly on torch. The peers: ``pip install tensorly
tensortools``.
"""

import argparse
import subprocess
import sys
import time
import warnings
from functools import partial

import numpy as np
import xarray as xr

from neurokit.connectomes import Affinity
from neurokit.connectomes.tensors.dense import Dense
from neurokit.connectomes.tensors.packed import Pairs, pack
from neurokit.connectomes.tensors.presence import Presence
from neurokit.connectomes.tensors.restarts import draw, fit_restarts
from neurokit.connectomes.tensors.sweeps import Settings, sweeps_of

STANDARD = {"n_units": 150, "n_times": 200, "n_animals": 10, "rank": 8}
SMALL = {"n_units": 90, "n_times": 120, "n_animals": 8, "rank": 6}


def make_tensor(n_units, n_times, n_animals, rank, noise=0.1, seed=0):
    """Symmetric in the first two modes, folded-normal noise of a tenth of the norm; float32.

    The draws, in their order, are those of the workload that the peers were first measured on.
    """
    rng = np.random.default_rng(seed)
    units = rng.gamma(1.0, 1.0, (n_units, rank)) * (rng.random((n_units, rank)) < 0.35)
    t, centre = np.linspace(0, 1, n_times)[:, None], rng.random(rank)
    width = 0.05 + 0.1 * rng.random(rank)
    times = np.exp(-0.5 * ((t - centre) / width) ** 2) + 0.05 * rng.random((n_times, rank))
    animals = rng.gamma(2.0, 0.5, (n_animals, rank))
    x = np.einsum("ir,jr,tr,wr->ijtw", units, units, times, animals, optimize=True)
    loud = noise * np.linalg.norm(x) / np.sqrt(x.size)
    for w in range(n_animals):
        drawn = np.abs(rng.standard_normal((n_units, n_units, n_times)))
        x[..., w] += loud * 0.5 * (drawn + drawn.transpose(1, 0, 2))
    starts = [rng.random((size, rank)) for size in x.shape]
    return np.ascontiguousarray(x, dtype=np.float32), starts


def packed(x):
    n_units, _, *cells = x.shape
    sizes = (n_units, *cells)
    values, presence, missing = pack(
        lambda i: x[i, i:].reshape(n_units - i, -1), sizes, np.dtype("f4")
    )
    return Pairs.held(values, sizes, presence, missing)


def implicit(n_units, n_times, n_animals, seed=0):
    rng = np.random.default_rng(seed)
    rates = rng.standard_normal((n_units, n_times, n_animals)).astype(np.float32)
    return Affinity(xr.DataArray(rates, dims=("unit", "time", "animal")), "geometric")


def ours(operand, starts, n_iter):
    settings = Settings("hals", 0.0, n_iter, 0.0)
    return fit_restarts(operand, starts, settings, np.zeros(1, np.float32))


def batch(operand, rank, n_restarts):
    return draw(operand.sizes, rank, n_restarts, np.random.RandomState(0), signed=False)


def tensorly(x, starts, n_iter):
    from tensorly.cp_tensor import CPTensor
    from tensorly.decomposition import non_negative_parafac_hals

    start = CPTensor((np.ones(starts[0].shape[1], x.dtype), [s.astype(x.dtype) for s in starts]))
    found, errors = non_negative_parafac_hals(
        x, starts[0].shape[1], n_iter_max=n_iter, init=start, tol=1e-30, return_errors=True
    )
    return len(errors), found


def tensortools(x, starts, n_iter):
    from tensortools.optimize import ncp_hals
    from tensortools.tensors import KTensor

    return ncp_hals(
        x,
        rank=starts[0].shape[1],
        init=KTensor([s.astype(x.dtype) for s in starts]),
        tol=-1.0,
        max_iter=n_iter,
        min_iter=n_iter,
        verbose=False,
    )


def per_iteration(call, few=2, many=8):
    """CPU seconds of one iteration: a long run less a short one, set-up being in both."""

    def run(n_iter):
        start = time.process_time()
        call(n_iter)
        return time.process_time() - start

    return (run(many) - run(few)) / (many - few)


def say(name, times, unit=1e3):
    low, middle, high = np.quantile(times, [0, 0.5, 1]) * unit
    print(f"{name:44s} {middle:9.2f} ms  [{low:.2f}, {high:.2f}]", flush=True)
    return middle


def compare(repeats):
    """The standard tensor: every contender in turn, again and again."""
    x, starts = make_tensor(**STANDARD)
    folded, whole = packed(x), Dense(x)
    own = [starts[0][None], *(s[None] for s in starts[2:])]
    contenders = {
        "tensorly HALS": lambda n: tensorly(x, starts, n),
        "tensortools HALS": lambda n: tensortools(x, starts, n),
        "ours, dense, not symmetric": lambda n: ours(whole, [s[None] for s in starts], n),
        "ours, symmetric packed": lambda n: ours(folded, own, n),
    }
    sixteen = batch(folded, STANDARD["rank"], 16)
    ours(folded, sixteen, 2)  # compiles
    table = {name: [] for name in contenders} | {"ours, 16 restarts, each": []}
    for _ in range(repeats):
        for name, call in contenders.items():
            table[name].append(per_iteration(call))
        many = per_iteration(lambda n: ours(folded, sixteen, n))
        table["ours, 16 restarts, each"].append(many / 16)
    print("150 x 150 x 200 x 10, rank 8, float32, one thread, CPU time of one iteration")
    middle = {name: say(name, times) for name, times in table.items()}
    for peer in ("tensorly HALS", "tensortools HALS"):
        for name in list(middle)[2:]:
            print(f"  {name} against {peer}: {middle[peer] / middle[name]:.1f} x")
    return x


def errors(x):
    operand = packed(x)
    for seed in range(3):
        starts = draw(operand.sizes, 8, 16, np.random.RandomState(seed), signed=False)
        settings = Settings("hals", 0.0, 500, 1e-5)
        found = fit_restarts(operand, starts, settings, np.zeros(1, np.float32))
        print(
            f"seed {seed}: best of 16 {found.errors.min():.5f}, reached by"
            f" {(found.errors < found.errors.min() + 1e-3).sum()}, others"
            f" {np.round(np.sort(found.errors)[::-1][:4], 3).tolist()}, sweeps"
            f" {found.n_sweeps.min()} to {found.n_sweeps.max()}"
        )


def smaller(repeats):
    x, starts = make_tensor(**SMALL)
    operand = packed(x)
    four = batch(operand, SMALL["rank"], 4)
    own = [starts[0][None], *(s[None] for s in starts[2:])]
    ours(operand, four, 2)
    table = {"tensorly": [], "ours, one": [], "ours, four, each": []}
    for _ in range(repeats):
        table["tensorly"].append(per_iteration(lambda n: tensorly(x, starts, n)))
        table["ours, one"].append(per_iteration(lambda n: ours(operand, own, n), 4, 24))
        each = per_iteration(lambda n: ours(operand, four, n), 4, 24) / 4
        table["ours, four, each"].append(each)
    print("90 x 90 x 120 x 8, rank 6, float32")
    middle = {name: say(name, times) for name, times in table.items()}
    for name in ("ours, one", "ours, four, each"):
        print(f"  {name} against tensorly: {middle['tensorly'] / middle[name]:.1f} x")
    _, found = tensorly(x, starts, 100)
    model = np.einsum("ir,jr,tr,wr->ijtw", *found.factors, optimize=True)
    theirs = np.linalg.norm(x - model) / np.linalg.norm(x)
    best = ours(operand, batch(operand, 6, 4), 100).errors.min()
    print(f"  error after 100 sweeps: ours, best of four, {best:.5f}; tensorly {theirs:.5f}")


def implicit_times(repeats):
    print("traces only (the tensor is never built), rank 8, float32")
    for shape, unit in (((150, 200, 10), "6.7e-2"), ((5000, 1000, 2), "186")):
        affinity = implicit(*shape)
        operand = affinity.operand(np.dtype("f4"))
        one = batch(operand, 8, 1)
        call = partial(ours, operand, one)
        times = [per_iteration(call, 2, 7) for _ in range(repeats)]
        say(f"  N {shape[0]}, T {shape[1]} x {shape[2]} ({unit} GiB if dense)", times)


def memory():
    """Peak of a process that holds the tensor and then fits it, beyond the tensor."""
    code = (
        "import numpy as np, re, sys; from pathlib import Path; sys.path.insert(0, {folder!r});"
        "import ncp; status = lambda key: int(re.search(key + r':\\s+(\\d+)',"
        " Path('/proc/self/status').read_text())[1]) / 1024;"
        "small, _ = ncp.make_tensor(12, 9, 3, 2); ncp.ours(ncp.packed(small), ncp.batch("
        "ncp.packed(small), 2, {n}), 2); x = np.load({path!r}); before = status('VmRSS');"
        "Path('/proc/self/clear_refs').write_text('5');"
        "operand = ncp.packed(x); ncp.ours(operand, ncp.batch(operand, 8, {n}), 5);"
        "print(status('VmHWM') - before)"
    )
    import tempfile
    from pathlib import Path

    x, _ = make_tensor(**STANDARD)
    size = 150 * 151 / 2 * 2000 * 4 / 2**20
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "x.npy")
        np.save(path, x)
        for n in (1, 16):
            text = code.format(folder=str(Path(__file__).parent), path=path, n=n)
            command = [sys.executable, "-W", "ignore", "-c", text]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            print(
                f"peak memory beyond the input, {n} restarts: {float(said):.0f} MiB,"
                f" {float(said) / size:.2f} x the packed tensor ({size:.0f} MiB)"
            )


def make_there(device, n_units, n_times, n_animals, rank, noise=0.1, seed=0):
    """Make such a tensor where it is needed: all of it, and its pairs; torch, float32."""
    import torch

    _, starts = make_tensor(n_units, 2, n_animals, rank)
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    units = rng.gamma(1.0, 1.0, (n_units, rank)) * (rng.random((n_units, rank)) < 0.35)
    t, centre = np.linspace(0, 1, n_times)[:, None], rng.random(rank)
    times = np.exp(-0.5 * ((t - centre) / 0.1) ** 2) + 0.05 * rng.random((n_times, rank))
    factors = (units, times, rng.gamma(2.0, 0.5, (n_animals, rank)))
    units, times, animals = (torch.from_numpy(f).float().to(device) for f in factors)
    i, j = torch.triu_indices(n_units, n_units, device=device)
    pairs = (units[i] * units[j]) @ (times[:, None] * animals).reshape(-1, rank).T
    pairs += torch.rand_like(pairs) * (2 * noise * pairs.square().mean().sqrt())
    whole = torch.empty(n_units, n_units, n_times * n_animals, device=device)
    whole[i, j] = whole[j, i] = pairs
    starts[2] = rng.random((n_times, rank))
    return whole.reshape(n_units, n_units, n_times, n_animals), pairs, starts


def on_gpu(device, repeats, scale):
    """Symmetric packed on a GPU: share of the bandwidth bound, and tensorly on torch beside it."""
    import torch

    print(torch.cuda.get_device_name(device) if device != "cpu" else "torch on the CPU")
    sync = torch.cuda.synchronize if device != "cpu" else (lambda: None)

    def clock(call):
        sync()
        start = time.perf_counter()
        call()
        sync()
        return time.perf_counter() - start

    n_entries = 2**28 if device != "cpu" else 2**22
    blocks = [torch.empty(n_entries, device=device) for _ in range(2)]
    for factor in (1, scale):
        shape = STANDARD | {"n_times": STANDARD["n_times"] * factor}
        whole, pairs, starts = make_there(device, **shape)
        everywhere = Presence(np.ones((len(whole), 1, 1), bool), diagonal=True)
        operand = Pairs.held(pairs, tuple(whole.shape[1:]), everywhere)
        name = "x".join(map(str, whole.shape))
        for n_restarts in (1, 16):
            settings = Settings("hals", 0.0, 1, 0.0)
            sweeps = sweeps_of(operand, settings, pairs, n_restarts, 8)
            moving = [torch.from_numpy(f).to(pairs) for f in batch(operand, 8, n_restarts)]
            moving = sweeps.advance(moving, sweeps.pace).factors  # compiles, and records
            times, copies = [], []
            for _ in range(repeats * 10):
                copies.append(clock(lambda: blocks[1].copy_(blocks[0])) / (8 * n_entries))
                start = time.perf_counter()
                moving = sweeps.advance(moving, sweeps.pace).factors  # waits for the errors
                times.append((time.perf_counter() - start) / sweeps.pace)
            middle = say(f"{name}, {n_restarts} restarts, one sweep", times) / 1e3
            two_reads = 2 * 4 * pairs.numel() * np.array(copies)  # s at the rate of a copy
            print(
                f"  {type(sweeps).__name__}; copies at {1e-9 / np.median(copies):.0f} GB/s, at"
                f" best {1e-9 / np.min(copies):.0f}; share of the bandwidth bound"
                f" {np.median(two_reads) / middle:.2f} (medians),"
                f" {np.min(two_reads) / np.min(times):.2f} (best of both)"
            )
            flops = 2 * 2 * pairs.numel() * 8 * n_restarts
            print(f"  {flops / middle / 1e12:.1f} TFLOP/s in the two products", flush=True)
            if n_restarts == 1:
                alone = middle
        try:
            import tensorly as tl
        except ImportError:
            print("  tensorly is not installed")
            continue
        tl.set_backend("pytorch")
        from tensorly.cp_tensor import CPTensor
        from tensorly.decomposition import non_negative_parafac_hals

        def theirs(n, there=whole, starts=starts):
            begin = [torch.from_numpy(s.astype(np.float32)).to(device) for s in starts]
            start = CPTensor((torch.ones(8, device=device), begin))
            non_negative_parafac_hals(there, 8, n_iter_max=n, init=start, tol=0)

        theirs(2)
        few, many = partial(theirs, 2), partial(theirs, 6)
        times = [(clock(many) - clock(few)) / 4 for _ in range(min(repeats, 3))]
        other_time = say(f"{name}, tensorly on torch, one iteration", times) / 1e3
        print(f"  ours against tensorly on torch: {other_time / alone:.1f} x", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="numpy", help="numpy, cuda, or cpu for torch there")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scale", type=int, default=10, help="how much larger the second tensor")
    parser.add_argument(
        "--only", default="compare,errors,small,implicit,memory", help="parts of the CPU run"
    )
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.device != "numpy":
        on_gpu(given.device, given.repeats, given.scale)
        return
    parts = given.only.split(",")
    x = compare(given.repeats) if "compare" in parts else None
    if "errors" in parts:
        errors(make_tensor(**STANDARD)[0] if x is None else x)
    if "small" in parts:
        smaller(given.repeats)
    if "implicit" in parts:
        implicit_times(given.repeats)
    if "memory" in parts:
        memory()


if __name__ == "__main__":
    main()
