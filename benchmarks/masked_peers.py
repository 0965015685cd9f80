"""A masked model beside published ones on equal input: forward, and forward and backward.

    OMP_NUM_THREADS=1 python benchmarks/masked_peers.py [--repeats 5]

4 windows of 19 channels and 10 s, random weights, CPU time of one thread, in turn, medians and
ranges. Peers are braindecode's, as they come; where it is not installed they are left out.
braindecode 1.8 imports torchaudio, whose wheels want CUDA: beside a CPU torch, take away its
``_torchaudio.so``. Nothing but ``forward`` is used of them.
"""

import argparse
import statistics
import time
import warnings
from unittest import mock

import torch
from torch import nn

from neurokit.nn.masked import MaskedTransformer

NAMES = "Fp1 Fp2 F7 F3 Fz F4 F8 T7 C3 Cz C4 T8 P7 P3 Pz P4 P8 O1 O2"
BATCH, SECONDS, RATE = 4, 10, 200


class Ours(nn.Module):
    """Embed windows of samples, with all tokens or 45 % of them."""

    def __init__(self, places, seen, **sizes):
        super().__init__()
        self.model = MaskedTransformer(RATE, **sizes)
        self.register_buffer("places", places)
        self.register_buffer("seen", seen)

    def forward(self, x):
        patches = x.unflatten(-1, (-1, RATE))
        times = torch.arange(patches.shape[2], device=x.device, dtype=torch.float32)
        return self.model.encode(patches, self.places, times, self.seen).latents


class Shipped(nn.Module):
    """Embed by windows of 4 s and patches of .25 s, as the weights that ship do."""

    def __init__(self, places):
        super().__init__()
        self.model = MaskedTransformer(RATE // 4, width=64, depth=4, n_heads=4)
        self.register_buffer("places", places[:1])

    def forward(self, x):
        found = []
        for start in range(0, SECONDS, 4):  # windows of one length side by side
            patches = x[..., start * RATE : (start + 4) * RATE].unflatten(-1, (-1, RATE // 4))
            times = 0.25 * torch.arange(patches.shape[2], dtype=torch.float32)
            places = self.places.expand(len(x), -1, -1)
            seen = torch.ones(patches.shape[:3], dtype=torch.bool)
            found.append(self.model.encode(patches, places, times, seen).latents)
        return torch.cat(found, 1)


def peers(places):
    """Build braindecode's models; none where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from braindecode.models import REVE, CBraMod, Labram, reve
    except (ImportError, OSError) as error:
        print(f"braindecode is left out: {error}")
        return {}

    class Placed(nn.Module):
        """REVE's tokens by its own forward; places are in metres."""

        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(x, pos=places.to(x.device)[: len(x)] / 1000, return_features=True)

    class Named(nn.Module):
        """LaBraM with the names that it wants."""

        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(x, ch_names=NAMES.split())

    common = {"n_chans": 19, "n_times": SECONDS * RATE, "n_outputs": 2, "sfreq": RATE}
    infos = [{"ch_name": name, "loc": [0.0] * 12, "kind": "eeg"} for name in NAMES.split()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = {"CBraMod": CBraMod(**common)}
        made["LaBraM"] = Named(Labram(**common, chs_info=infos))
        with mock.patch.object(reve, "RevePositionBank", nn.Identity):  # a table on the net
            made["REVE-base"] = Placed(REVE(**common))
    return made


def total(out):
    """Make a number of whatever a model gives."""
    if isinstance(out, dict):
        out = next(v for v in out.values() if v is not None)
    return out.float().square().mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = torch.randn(BATCH, 19, SECONDS * RATE)
    places = 50 * torch.randn(1, 19, 3).expand(BATCH, -1, -1).contiguous()
    every = torch.ones(BATCH, 19, SECONDS, dtype=torch.bool)
    some = torch.rand(BATCH, 19 * SECONDS).argsort(1).argsort(1) >= round(0.55 * 19 * SECONDS)
    some = some.view_as(every)
    small = {"width": 128, "depth": 6, "n_heads": 8}
    axial = small | {"attention": "axial", "hidden": "replace"}
    models = {
        "ours, width 128, depth 6": Ours(places, every, **small),
        "ours, the same, axial": Ours(places, every, **axial),
        "ours, the same, 55 % dropped": Ours(places, some, **small),
        "ours, width 64, depth 4 (default)": Ours(places, every, width=64, depth=4, n_heads=4),
        "ours, as it ships (4 patches a second)": Shipped(places),
    } | peers(places)
    found = {(name, way): [] for name in models for way in ("forward", "both")}
    for turn in range(given.repeats + 1):
        for name, model in models.items():
            start = time.process_time()
            with torch.no_grad():
                model.eval()(x)
            middle = time.process_time()
            total(model.train()(x)).backward()
            if turn:
                found[name, "forward"].append(middle - start)
                found[name, "both"].append(time.process_time() - middle)
    base = {way: statistics.median(found["ours, width 128, depth 6", way]) for _, way in found}
    for name, model in models.items():
        n = sum(p.numel() for p in model.parameters())
        told = []
        for way in ("forward", "both"):
            s = found[name, way]
            middle = statistics.median(s)
            told.append(
                f"{1e3 * middle:6.0f} ms ({1e3 * min(s):.0f}-{1e3 * max(s):.0f},"
                f" {middle / base[way]:.2f} of the first)"
            )
        print(f"{name:36s} {n / 1e6:5.1f} M  {'   '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
