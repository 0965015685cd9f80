"""Networks on trials of EEG: an epoch beside plain PyTorch, and the time of one trial.

    OMP_NUM_THREADS=1 python benchmarks/eeg_networks.py --repeats 9

120 trials of 15 channels x 438 samples at 125 Hz, batches of 32, one thread, processor time. The
plain DBConformer is written with torch's own layers, as its paper reads, and trained by the usual
loop with Adam; it has as many weights.
"""

import argparse
import time
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from neurokit.decoders import (
    DBConformerClassifier,
    EEGNetClassifier,
    ShallowConvNetClassifier,
    SSVEPNetClassifier,
)
from neurokit.training import Trainer

N, CHANNELS, TIMES, RATE, DIM, PATCH = 120, 15, 438, 125.0, 40, 62


class Attend(nn.Module):
    """A block of a transformer, normalised first, queries scaled by the size of the model."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.q, self.k, self.v, self.out = (nn.Linear(DIM, DIM) for _ in range(4))
        self.wide = nn.Sequential(
            nn.Linear(DIM, 4 * DIM), nn.GELU(), nn.Dropout(0.5), nn.Linear(4 * DIM, DIM)
        )
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        n, m, _ = x.shape
        y = self.one(x)
        q, k, v = (f(y).view(n, m, 10, 4).transpose(1, 2) for f in (self.q, self.k, self.v))
        weights = self.drop((q @ k.transpose(-1, -2) / DIM**0.5).softmax(-1))
        x = x + self.drop(self.out((weights @ v).transpose(1, 2).reshape(n, m, DIM)))
        return x + self.drop(self.wide(self.two(x)))


class Plain(nn.Module):
    """DBConformer of torch's layers."""

    def __init__(self):
        super().__init__()
        self.spatial = nn.Sequential(nn.Conv1d(CHANNELS, DIM, 1, bias=False), nn.BatchNorm1d(DIM))
        self.temporal = nn.Sequential(
            nn.Conv1d(DIM, DIM, 63, padding=31, groups=DIM, bias=False), nn.BatchNorm1d(DIM)
        )
        self.pool, self.drop = nn.AvgPool1d(PATCH, PATCH), nn.Dropout(0.5)
        self.times = nn.Parameter(torch.randn(1, TIMES // PATCH, DIM))
        self.filters = nn.Conv1d(1, 16, 25, 5, padding=12)
        self.project = nn.Linear(16, DIM)
        self.places = nn.Parameter(torch.randn(1, CHANNELS, DIM))
        self.over_time = nn.Sequential(Attend(), Attend())
        self.over_channels = nn.Sequential(Attend(), Attend())
        self.weigh = nn.Sequential(nn.Linear(DIM, DIM), nn.Tanh(), nn.Linear(DIM, 1))
        self.head = nn.Sequential(
            *(nn.Linear(2 * DIM, 64), nn.ELU(), nn.Dropout(0.5), nn.Linear(64, 32), nn.ELU()),
            *(nn.Dropout(0.3), nn.Linear(32, 2)),
        )

    def forward(self, x):
        y = self.drop(self.pool(F.gelu(self.temporal(self.spatial(x))))).transpose(1, 2)
        by_time = self.over_time(y + self.times).mean(1)
        z = F.elu(self.filters(x.flatten(0, 1)[:, None]))
        z = self.project(F.adaptive_avg_pool1d(z, 1)[..., 0]).view(len(x), CHANNELS, DIM)
        z = self.over_channels(z + self.places)
        by_channel = (self.weigh(z).softmax(1) * z).sum(1)
        return self.head(torch.cat([by_time, by_channel], 1))


def train_plainly(x, y, epochs):
    torch.manual_seed(0)
    net = Plain()
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    data = torch.utils.data.TensorDataset(x, y)
    loader = torch.utils.data.DataLoader(data, batch_size=32, shuffle=True)
    start = time.process_time()
    for _ in range(epochs):
        for some, labels in loader:
            optimiser.zero_grad()
            F.cross_entropy(net(some), labels).backward()
            optimiser.step()
    return (time.process_time() - start) / epochs, sum(p.numel() for p in net.parameters())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, CHANNELS, TIMES)).astype(np.float32)
    y = np.arange(N) % 2
    tensors = torch.from_numpy(x), torch.from_numpy(y)
    trainer = Trainer(
        args.epochs,
        batch_size=32,
        learning_rate=1e-3,
        schedule="constant",
        warmup=0.0,
        clip_norm=None,
        device="cpu",
    )
    networks = {
        cls.__name__.removesuffix("Classifier"): cls(
            sampling_rate=RATE, trainer=trainer, random_state=0
        )
        for cls in (
            DBConformerClassifier,
            EEGNetClassifier,
            ShallowConvNetClassifier,
            SSVEPNetClassifier,
        )
    }
    epochs = {name: [] for name in ("plain DBConformer", *networks)}
    train_plainly(*tensors, 1)
    for _ in range(args.repeats):
        took, weights = train_plainly(*tensors, args.epochs)
        epochs["plain DBConformer"].append(took)
        for name, decoder in networks.items():
            start = time.process_time()
            decoder.fit(x, y)
            epochs[name].append((time.process_time() - start) / args.epochs)
    ours = sum(p.numel() for p in networks["DBConformer"].module_.parameters())
    print(f"weights of DBConformer: plain {weights}, ours {ours}")
    for name, took in epochs.items():
        low, middle, high = np.quantile(took, [0, 0.5, 1]) * 1e3
        print(f"| epoch | {name} | {middle:.0f} ms [{low:.0f}-{high:.0f}] |")
    ratio = np.divide(epochs["plain DBConformer"], epochs["DBConformer"])
    print(f"plain / ours: {np.median(ratio):.2f} [{ratio.min():.2f}-{ratio.max():.2f}]")

    for name, decoder in networks.items():
        took, live = [], []
        for _ in range(200):
            start = time.process_time()
            decoder.predict_proba(x[:1])
            took.append(time.process_time() - start)
            stream = decoder.stream()
            stream.push(x[0].T[:-1])
            start = time.process_time()
            stream.push(x[0].T[-1:])
            live.append(time.process_time() - start)
        words = [
            f"{middle * 1e3:.2f} ms [{low * 1e3:.2f}-{high * 1e3:.2f}]"
            for low, middle, high in (np.quantile(t, [0.05, 0.5, 0.95]) for t in (took, live))
        ]
        print(f"| one trial | {name} | predict_proba {words[0]} | last sample, live {words[1]} |")


if __name__ == "__main__":
    main()
