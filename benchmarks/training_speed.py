"""Tokens per second of a transformer: a plain compiled loop, and Trainer with and without options.

    python benchmarks/training_speed.py [--width 512 --depth 8 --tokens 256 --batch 256]

Written for one CUDA device (bfloat16); on a CPU it falls back to small sizes and float32. Each way
is run several times in turn in one process after a warm-up; medians and ranges are printed. The
plain loop is what one writes by hand: compiled loss, fused AdamW, clipping of the gradient, data
on the device. Several GPUs: ``accelerate launch benchmarks/training_speed.py --accelerate``.
"""

import argparse
import statistics
import time

import torch
from torch import nn

from neurokit.nn.attention import AttentionBlock
from neurokit.training import Trainer


def network(width, depth):
    torch.manual_seed(0)
    heads = max(width // 64, 1)
    return nn.Sequential(*(AttentionBlock(width, heads) for _ in range(depth)))


def error(module, x):
    return (module(x) - x.roll(1, 1)).square().mean()


def plain(x, options, n_epochs):
    """Train as by hand; return seconds."""
    module = network(options.width, options.depth).to(x.device)
    adam = torch.optim.AdamW(module.parameters(), lr=1e-4, fused=x.is_cuda)
    compiled = torch.compile(error) if options.compile else error
    kind = x.device.type
    times = []
    for _ in range(n_epochs):
        start = time.perf_counter()
        for part in x.split(options.batch):
            with torch.autocast(kind, torch.bfloat16, enabled=x.is_cuda):
                loss = compiled(module, part)
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            adam.step()
        if x.is_cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return times[1:]


def trained(x, options, n_epochs, **more):
    """Train by Trainer; return seconds of each epoch but the first."""
    module = network(options.width, options.depth)
    trainer = Trainer(
        n_epochs,
        batch_size=options.batch,
        learning_rate=1e-4,
        precision="bfloat16" if x.is_cuda else "float32",
        **more,
    )
    history = trainer.minimize(module, error, x, seed=0)
    return [entry["seconds"] for entry in history][1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cuda = torch.cuda.is_available()
    for name, value in {"width": 512, "depth": 8, "tokens": 256, "batch": 256}.items():
        parser.add_argument(f"--{name}", type=int, default=value if cuda else value // 8)
    parser.add_argument("--steps", type=int, default=40 if cuda else 4)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--compile", type=int, default=int(cuda))
    parser.add_argument("--accelerate", action="store_true")
    options = parser.parse_args()
    device = "cuda" if cuda else "cpu"
    shape = (options.steps * options.batch, options.tokens, options.width)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, *shape[1:], generator=generator).expand(shape).to(device).contiguous()
    where = {"device": "accelerate" if options.accelerate else device}
    quick = {"reproducible": False, "compile": bool(options.compile)}
    ways = {
        "plain loop": lambda n: plain(x, options, n),
        "Trainer": lambda n: trained(x, options, n, **where),
        "Trainer, not reproducible": lambda n: trained(x, options, n, reproducible=False, **where),
        "Trainer, compiled, reproducible": lambda n: trained(
            x, options, n, compile=bool(options.compile), **where
        ),
        "Trainer, compiled": lambda n: trained(x, options, n, **quick, **where),
    }
    n_weights = sum(p.numel() for p in network(options.width, options.depth).parameters())
    print(f"{n_weights / 1e6:.1f} M weights, {shape}, {torch.__version__}, {device}")
    n_tokens = shape[0] * shape[1]
    seconds = {name: [] for name in ways}
    for _ in range(2):
        for name, way in ways.items():
            seconds[name] += way(1 + options.repeats)
    base = statistics.median(seconds["plain loop"])
    for name, found in seconds.items():
        rates = sorted(n_tokens / s / 1e6 for s in found)
        middle = statistics.median(found)
        print(
            f"{name:32s} {n_tokens / middle / 1e6:7.3f} M tokens/s"
            f" [{rates[0]:.3f}, {rates[-1]:.3f}], {base / middle:.2f} of the plain loop"
        )


if __name__ == "__main__":
    main()
