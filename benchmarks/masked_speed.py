"""What a masked model costs on one CPU thread: a training step, kinds of attention, an hour.

    OMP_NUM_THREADS=1 python benchmarks/masked_speed.py [--repeats 7]

CPU time of one thread, the ways in turn, medians and ranges: a training step with 55 % of 4 x 19
x 10 tokens dropped (width 128, depth 6) over torch's dense ``TransformerEncoder`` of that size;
axial and windowed attention over full at 64 x 30 tokens; an hour of 19 channels embedded.
"""

import argparse
import statistics
import time

import numpy as np
import torch
from torch import nn

import neurokit
from neurokit.nn.masked import MaskedTransformer
from neurokit.pretraining import MaskedModel
from neurokit.training import Trainer


def step(module, loss):
    for p in module.parameters():
        p.grad = None
    loss().backward()


def compare(ways, repeats):
    """Run ways in turn; return CPU seconds by name."""
    found = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            if turn:
                found[name].append(time.process_time() - start)
    return found


def say(name, seconds, base=None):
    middle = statistics.median(seconds)
    over = "" if base is None else f", {middle / statistics.median(base):.2f} of the first"
    low, high = 1e3 * min(seconds), 1e3 * max(seconds)
    print(f"{name:44s} {1e3 * middle:7.0f} ms ({low:.0f} to {high:.0f}){over}", flush=True)


def training_step(repeats):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(128, 8, 512, 0.0, "gelu", batch_first=True, norm_first=True)
    dense, x = (
        nn.TransformerEncoder(layer, 6, enable_nested_tensor=False),
        torch.randn(4, 190, 128),
    )
    masked = MaskedTransformer(200, width=128, depth=6)
    patches, places = torch.randn(4, 19, 10, 200), 50 * torch.randn(4, 19, 3)
    hidden = torch.rand(4, 190).argsort(1).argsort(1) < round(0.55 * 190)
    hidden, times = hidden.view(4, 19, 10), torch.arange(10.0)

    def whole():
        told = masked(patches, places, times, ~hidden, hidden)
        truth = patches.flatten(1, 2).gather(1, told.wanted.number[..., None].expand(-1, -1, 200))
        return (told.samples - truth).square().mean()

    ways = {
        "torch's dense encoder": lambda: step(dense, lambda: dense(x).square().mean()),
        "masked model, 55 % dropped": lambda: step(masked, whole),
        "its encoder alone": lambda: step(
            masked, lambda: masked.encode(patches, places, times, ~hidden).latents.square().mean()
        ),
    }
    found = compare(ways, repeats)
    for name, seconds in found.items():
        say(name, seconds, found["torch's dense encoder"])


def attention(repeats):
    torch.manual_seed(0)
    patches, places = torch.randn(1, 64, 30, 200), 50 * torch.randn(1, 64, 3)
    seen, times = torch.rand(1, 64, 30) < 0.5, torch.arange(30.0)
    ways = {}
    for kind in ("full", "axial", "window"):
        model = MaskedTransformer(
            200, width=128, depth=6, attention=kind, hidden="replace", reach=3
        )

        def way(model=model):
            shown = model.encode(patches, places, times, seen)
            return shown.latents.square().mean()

        ways[f"{kind}, 64 x 30 tokens, forward and backward"] = lambda model=model, way=way: step(
            model, way
        )
    found = compare(ways, repeats)
    for name, seconds in found.items():
        say(name, seconds, next(iter(found.values())))


def hour(repeats):
    rng = np.random.default_rng(0)
    x = neurokit.signal(rng.normal(size=(19, 3600 * 128)).astype("f4"), sampling_rate=128)
    model = MaskedModel(1.0, window=10.0, trainer=Trainer(1, device="cpu"), device="cpu")
    model.fit(x.isel(time=slice(0, 1280)))
    found = compare({"an hour of 19 channels embedded": lambda: model.transform(x)}, repeats)
    for name, seconds in found.items():
        say(name, seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    training_step(repeats)
    attention(max(repeats // 2, 1))
    hour(max(repeats // 2, 1))


if __name__ == "__main__":
    main()
