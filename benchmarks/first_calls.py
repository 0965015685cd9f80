"""How long a user waits for the first call of each estimator, whose loops may not be compiled.

Each estimator of the contract's examples is fitted and asked in a process of its own, with an
empty cache, and again with what the first left. The time of the same call repeated is taken off,
so that compilation is left, or loading what was compiled, and what is imported on the way (torch
takes two to three seconds).

Run: OMP_NUM_THREADS=1 python benchmarks/first_calls.py [NAME ...]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def time_calls(name):
    """Fit and ask one estimator twice, and print the processor seconds of both."""
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(ROOT / "tests"))
    import test_contract as contract

    made = contract.ESTIMATORS[name](**contract.EXAMPLES[name].params)
    X, y = contract.EXAMPLES[name].make()
    seconds = []
    for _ in range(2):
        start = time.process_time()
        made.fit(X, y)
        for method in (*contract.METHODS, "tokenize"):
            if hasattr(made, method):
                getattr(made, method)(X)
        seconds.append(time.process_time() - start)
    print("SECONDS", json.dumps(seconds))


def run(name, cache):
    """Return the seconds that the first call took more than the second, in a new process."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", name],
        env=os.environ | {"NUMBA_CACHE_DIR": cache},
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("SECONDS")]
    if not lines:
        return float("nan")
    first, second = json.loads(lines[0].removeprefix("SECONDS"))
    return first - second


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        time_calls(given.one)
        return
    sys.path.insert(0, str(ROOT / "tests"))
    import test_contract as contract

    print(f"{'estimator':26s} {'empty cache':>12s} {'cached':>8s}   processor seconds")
    for name in given.names or sorted(contract.EXAMPLES):
        with tempfile.TemporaryDirectory() as cache:
            print(f"{name:26s} {run(name, cache):12.1f} {run(name, cache):8.2f}", flush=True)


if __name__ == "__main__":
    main()
