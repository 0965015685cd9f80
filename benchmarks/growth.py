"""How the cost of each estimator grows: ten times the length, the units, the trials.

The contract's small examples are enlarged, by repeating them in another order along one dim, until
a fit and the calls after it take `LEAST` seconds; then once more by ten. What is printed is the
ratio of the processor seconds, fit and calls apart: 10 is proportional, and above 12 asks for a
reason. A dim that an example lacks, or along which it cannot be enlarged, has no row.

With ``--start`` the first enlargement is another one (3: thrice the example, then 6, 12, ...),
so that sizes are met that nobody chose.

Run: OMP_NUM_THREADS=1 python benchmarks/growth.py [NAME ...] [--limit SECONDS] [--dims length]
     [--start TIMES] [--least SECONDS] [--jobs N]
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import xarray as xr

ROOT = Path(__file__).resolve().parents[1]
LEAST = 0.05  # s; below it, what a call costs whatever its size hides how it grows
# times the example, before the ten times more; thousands of channels are no recording
LARGEST = {"length": 64, "units": 8, "trials": 64}
DIMS = {"length": ("time",), "units": ("unit", "channel"), "trials": ("trial",)}


def enlarge(x, dims, times):
    """Repeat a recording along the first of ``dims`` that it has, each time in another order."""
    from neurokit.recording import sampling_rate
    from neurokit.recording.clock import time_coordinates

    dim = next((d for d in dims if d in x.dims), None)
    if dim is None or times == 1:
        return x
    size = x.sizes[dim]
    turns = np.random.default_rng(0).integers(0, size, times)
    chosen = np.concatenate([(np.arange(size) + turn) % size for turn in turns])
    big = xr.DataArray(x.values.take(chosen, x.get_axis_num(dim)), dims=x.dims, attrs=x.attrs)
    if dim != "time":
        noise = np.random.default_rng(1).normal(size=big.shape)
        values = big.values
        big = big.copy(data=values + noise if values.dtype.kind == "f" else values)
    for name, coord in x.coords.items():
        if dim not in coord.dims and name != "time":
            big = big.assign_coords({name: coord.variable})
        elif coord.dims == (dim,) and name != "time":
            values = coord.values[chosen]
            if name in ("unit", "channel"):
                values = np.array([f"{value}.{k // size}" for k, value in enumerate(values)])
            big = big.assign_coords({name: (dim, values)})
    if "time" in x.coords:
        n_times = big.sizes["time"]
        big = big.assign_coords(time_coordinates(0, sampling_rate(x), n_times))
    return big


def enlarge_target(y, x, dims, times):
    """Repeat what belongs to the trials, or to the samples, of ``x`` as `enlarge` does."""
    if isinstance(y, xr.DataArray):
        return enlarge(y, dims, times)
    dim = next((d for d in dims if d in x.dims), None)
    if y is None or dim is None or np.shape(y)[:1] != (x.sizes[dim],):
        return y
    size = x.sizes[dim]
    turns = np.random.default_rng(0).integers(0, size, times)
    return np.asarray(y)[np.concatenate([(np.arange(size) + turn) % size for turn in turns])]


def measure(made, methods, x, y):
    """Return the processor seconds of a fit, and of what can be asked after it."""
    start = time.process_time()
    made.fit(x, y)
    fitted = time.process_time()
    for method in methods:
        if hasattr(made, method):
            getattr(made, method)(x)
    return fitted - start, time.process_time() - fitted


def grow(name, what, start, least):
    """Print the ratios of one estimator along one dim."""
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(ROOT / "tests"))
    import test_contract as contract

    example = contract.EXAMPLES[name]
    x, y = example.make()
    if not isinstance(x, xr.DataArray) or not set(DIMS[what]) & set(x.dims):
        return

    def at(times):
        made = contract.ESTIMATORS[name](**example.params)
        big, target = enlarge(x, DIMS[what], times), enlarge_target(y, x, DIMS[what], times)
        return measure(made, (*contract.METHODS, "tokenize"), big, target)

    at(1), at(2)  # loops are compiled
    times = start
    while sum(at(times)) < least and times < LARGEST[what]:
        times *= 2
    small = np.min([at(times) for _ in range(3)], axis=0)
    large = np.min([at(10 * times) for _ in range(2)], axis=0)  # the first meets fresh memory
    print(
        "RATIO", json.dumps([times, *(large / np.maximum(small, 1e-9)).tolist(), *small.tolist()])
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for one row")
    parser.add_argument("--dims", nargs="+", default=list(DIMS), choices=list(DIMS))
    parser.add_argument("--start", type=int, default=1, help="times the example")
    parser.add_argument("--least", type=float, default=LEAST, help="seconds before ten times more")
    parser.add_argument("--jobs", type=int, default=1, help="rows measured side by side")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        grow(*given.one, given.start, given.least)
        return
    sys.path.insert(0, str(ROOT / "tests"))
    import test_contract as contract

    def row(one):
        sizes = ["--start", str(given.start), "--least", str(given.least)]
        command = [sys.executable, __file__, *sizes, "--one", *one]
        name, what = one
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=given.limit)
        except subprocess.TimeoutExpired:
            return f"{name},{what},,longer than {given.limit:g} s,,,"
        found = [line for line in done.stdout.splitlines() if line.startswith("RATIO")]
        if found:
            times, fit, call, a, b = json.loads(found[0].removeprefix("RATIO"))
            return f"{name},{what},{times},{fit:.1f},{call:.1f},{a:.3f},{b:.3f}"
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["?"])[-1].replace(",", ";")[:60]
            return f"{name},{what},,refused: {said},,,"
        return None

    print(
        "estimator,dim,times the example,fit at 10 x,calls at 10 x,fit (s),calls (s)", flush=True
    )
    names = given.names or sorted(contract.EXAMPLES)
    with ThreadPoolExecutor(given.jobs) as pool:
        for line in pool.map(row, [(name, what) for name in names for what in given.dims]):
            if line is not None:
                print(line, flush=True)


if __name__ == "__main__":
    main()
