"""Files of tokens: how fast they are written and read, how many bits a token takes.

    OMP_NUM_THREADS=1 python benchmarks/token_files.py RECORDING.edf

Tokens of `LinearRVQTokenizer`, of the pretrained codec and of an even grid of 97 values, all of
the recording; MB are those of the tokens as uint16, on one thread, in processor time: median of
seven repeats with the range in brackets. Writing decodes every block once before the file takes
its name. Last come the first calls, in processes of their own with an empty cache, less what the
same call takes again.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

FIRST = """
import time
import numpy as np, xarray as xr
from neurokit.io.packed.lossless import pack_samples
from neurokit.io.packed.ntok import write_tokens
rng = np.random.default_rng(0)
values = rng.geometric(0.03, (8, {frames}, 4)) % 256
tokens = xr.DataArray(values, dims=("channel", "frame", "level"))
samples = np.cumsum(rng.integers(-9, 9, (8, 3000)), 1)
call = {call}
seconds = []
for _ in range(2):
    start = time.process_time()
    call()
    seconds.append(time.process_time() - start)
print(seconds[0] - seconds[1])
"""
WRITE = "lambda: write_tokens({path!r}, tokens)"


def spread(values):
    return f"{np.median(values):6.1f} [{min(values):.1f}, {max(values):.1f}]"


def kinds(x):
    from neurokit.tokenizers import CodecTokenizer, LinearRVQTokenizer, ScalarTokenizer

    yield "linear", LinearRVQTokenizer(random_state=0).fit(x)
    yield "eeg-small", CodecTokenizer.from_pretrained().set_params(device="cpu")
    yield "even grid, 97", ScalarTokenizer("uniform", codebook_size=97).fit(x)


def measure(name, tokens, path):
    from neurokit.io import read_tokens, write_tokens

    write_tokens(path, tokens)
    megabytes = tokens.size * 2 / 1e6
    write, read = [], []
    for _ in range(7):
        start = time.process_time()
        write_tokens(path, tokens)
        middle = time.process_time()
        back = read_tokens(path).load()
        write.append(megabytes / (middle - start))
        read.append(megabytes / (time.process_time() - middle))
    assert np.array_equal(back.values, tokens.values)
    bits = 8 * path.stat().st_size / tokens.size
    print(f"{name:14s} {spread(write):22s} {spread(read):22s} {bits:7.3f}", flush=True)


def first_call(call, frames=300):
    with tempfile.TemporaryDirectory() as cache:
        code = FIRST.format(call=call.format(path=str(Path(cache) / "x.ntok")), frames=frames)
        command = [sys.executable, "-c", code]
        seconds = [
            subprocess.run(
                command,
                env=os.environ | {"NUMBA_CACHE_DIR": cache},
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            for _ in range(2)
        ]
    return "  ".join(f"{float(s):6.2f}" for s in seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    from neurokit.io import read_signal

    x = read_signal(parser.parse_args().recording)
    print(f"{'tokens':14s} {'written, MB/s':22s} {'read, MB/s':22s} bits a token")
    with tempfile.TemporaryDirectory() as folder:
        for name, tokenizer in kinds(x):
            measure(name, tokenizer.transform(x), Path(folder) / "x.ntok")
    print("first call, processor seconds: empty cache, cached")
    print(f"  write_tokens, 9,600 tokens     {first_call(WRITE)}")
    print(f"  write_tokens, 160,000 tokens   {first_call(WRITE, 5000)}")
    print(f"  pack_samples, 8 x 3,000        {first_call('lambda: pack_samples(samples)')}")


if __name__ == "__main__":
    main()
