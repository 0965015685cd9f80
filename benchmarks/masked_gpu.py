"""What masked pretraining does on one GPU, beside braindecode's REVE of equal size.

    python benchmarks/masked_gpu.py [--width 512 --depth 12 --tokens 65536]

bfloat16, 19 channels, windows of 10 s, patches of 1 s every .9 s (11 frames), AdamW in one kernel;
medians and ranges in million tokens per second, tokens that are dropped counted among them.
``networks``: one step on all tokens by REVE as it comes, by ours, and by ours with compiled
blocks; and a step of pretraining, 55 % dropped. ``fit``: epochs of `MaskedModel` after the first,
recordings in memory, masks and losses and all. On a CPU it falls back to small sizes.
"""

import argparse
import statistics
import time
from unittest import mock

import numpy as np
import torch
from torch import nn

import neurokit
from neurokit.datasets.head import electrodes
from neurokit.nn.masked import MaskedTransformer
from neurokit.pretraining import MaskedModel
from neurokit.training import Trainer

N_CHANNELS, N_FRAMES, RATE, STEP = 19, 11, 200, 180
TOKENS = N_CHANNELS * N_FRAMES
N_TIMES = (N_FRAMES - 1) * STEP + RATE


class Ours(nn.Module):
    """All tokens embedded; or 55 % dropped, and told."""

    def __init__(self, sizes, places, drops):
        super().__init__()
        self.model = MaskedTransformer(RATE, **sizes)
        self.register_buffer("places", places)
        self.drops = drops

    def forward(self, x):
        patches = x.unfold(-1, RATE, STEP)
        places = self.places.expand(len(x), -1, -1)
        times = 0.9 * torch.arange(N_FRAMES, device=x.device)
        seen = torch.ones(patches.shape[:3], dtype=torch.bool, device=x.device)
        if not self.drops:
            return self.model.encode(patches, places, times, seen).latents.square().mean()
        order = torch.rand(len(x), TOKENS, device=x.device).argsort(1).argsort(1)
        seen = (order >= round(0.55 * TOKENS)).view(seen.shape)
        told = self.model(patches, places, times, seen, ~seen)
        at = told.wanted.number[..., None].expand(-1, -1, RATE)
        return (told.samples - patches.flatten(1, 2).gather(1, at)).square().mean()


class Reve(nn.Module):
    """braindecode's REVE; its table of places on the net is not wanted."""

    def __init__(self, sizes, places):
        super().__init__()
        from braindecode.models import reve

        with mock.patch.object(reve, "RevePositionBank", nn.Identity):
            self.model = reve.REVE(
                n_chans=N_CHANNELS,
                n_times=N_TIMES,
                sfreq=RATE,
                n_outputs=2,
                embed_dim=sizes["width"],
                depth=sizes["depth"],
                heads=sizes["n_heads"],
                head_dim=sizes["width"] // sizes["n_heads"],
            )
        self.register_buffer("places", places / 1000)

    def forward(self, x):
        pos = self.places.expand(len(x), -1, -1)
        return self.model(x, pos=pos, return_features=True)["features"].square().mean()


def prepare(module, device, tokens):
    """Return a function that takes one step, and how many tokens it sees."""
    module = module.to(device).train()
    adam = torch.optim.AdamW(module.parameters(), lr=1e-4, fused=device == "cuda")
    x = torch.randn(max(tokens // TOKENS, 1), N_CHANNELS, N_TIMES, device=device)

    def step():
        with torch.autocast(device, torch.bfloat16):
            loss = module(x)
        adam.zero_grad()
        loss.backward()
        adam.step()

    return step, len(x) * TOKENS


def clock(step, device, n_steps):
    """Return seconds of so many steps."""
    start = time.perf_counter()
    for _ in range(n_steps):
        step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def networks(sizes, places, device, tokens, repeats):
    makers = {
        "REVE of braindecode, all tokens": lambda: Reve(sizes, places),
        "ours, all tokens": lambda: Ours(sizes, places, False),
        "ours, compiled, all tokens": lambda: Ours(sizes, places, False),
        "ours, compiled, pretraining, 55 % dropped": lambda: Ours(sizes, places, True),
    }
    steps, rates = {}, {}
    for name, make in makers.items():
        try:
            module = make()
        except ImportError as error:
            print(f"{name}: left out ({error})")
            continue
        n_weights = sum(p.numel() for p in module.parameters())
        print(f"{name}: {n_weights / 1e6:.1f} M weights", flush=True)
        if "compiled" in name and device == "cuda":
            for block in [*module.model.blocks, *module.model.decoder]:
                block.compile()
        steps[name] = prepare(module, device, tokens)
        for _ in range(3):
            steps[name][0]()
    n_steps = 5 if device == "cuda" else 1
    for _ in range(repeats):
        for name, (step, n) in steps.items():
            rates.setdefault(name, []).append(n_steps * n / clock(step, device, n_steps) / 1e6)
    say(rates)


def say(rates):
    for name, found in rates.items():
        print(f"{name:44s} {statistics.median(found):.4f} M tokens/s"
              f" ({min(found):.4f} to {max(found):.4f})", flush=True)  # fmt: skip


def fit(sizes, device, tokens, names, places):
    seconds = max(6 * tokens // TOKENS, 12) * 10
    values = np.random.default_rng(0).normal(size=(N_CHANNELS, seconds * RATE)).astype("f4")
    X = neurokit.signal(values, sampling_rate=RATE, channels=names, positions=places)
    for compiled in (False, True) if device == "cuda" else (False,):
        trainer = Trainer(
            4,
            batch_size=10**6,
            precision="bfloat16",
            compile=compiled,
            reproducible=False,
            device=device,
        )
        options = {"overlap": 0.1, "model_rate": RATE, "window": 10.0, "mask_span": 3.0}
        model = MaskedModel(
            1.0, **options, **sizes, batch_tokens=tokens, trainer=trainer, random_state=0
        ).fit(X)
        n = seconds // 10 * TOKENS
        rates = [n / entry["seconds"] / 1e6 for entry in model.history_[1:]]
        say({f"MaskedModel.fit, compile={compiled}": rates})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    parser.add_argument("what", nargs="*", default=["networks", "fit"])
    for name, value in {"width": 512, "depth": 12, "tokens": 65536}.items():
        parser.add_argument(f"--{name}", type=int, default=value if cuda else value // 12)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    width = max(given.width // 64, 1) * 64
    sizes = {"width": width, "depth": given.depth, "n_heads": width // 64}
    names, places = electrodes(N_CHANNELS)
    if "networks" in given.what:
        where = torch.from_numpy(np.asarray(places, np.float32))[None]
        networks(sizes, where, device, given.tokens, given.repeats)
    if "fit" in given.what:
        fit(sizes, device, given.tokens, list(names), places)


if __name__ == "__main__":
    main()
