"""What learned delays of the inputs bring: simulated reaching with lags, with and without.

    OMP_NUM_THREADS=1 python benchmarks/delays.py

Units lead the hand by times of their own (`make_reaching`). Five populations that nothing was
chosen on; the first three quarters train, the last tests; real-time R2 of velocity, no filter.
"""

import numpy as np
from scipy.stats import spearmanr

from neurokit import bin_spikes
from neurokit.datasets import make_reaching
from neurokit.decoders import SpikingRegressor
from neurokit.metrics import decoding_r2
from neurokit.training import Trainer

SEEDS = range(500, 505)
NETWORKS = {
    "64 spiking units": {"recurrent": False},
    "64 recurrent spiking units": {},
}


def main():
    print(
        "network | longest delay | R2, mean and s.d. | correlation of delays with the true leads"
    )
    for name, options in NETWORKS.items():
        for max_delay in (0.0, 0.2):
            scores, alike = [], []
            for seed in SEEDS:
                spikes, hand, _, truth = make_reaching(160, bin_width=0.01, random_state=seed)
                x = bin_spikes(spikes, 0.01)
                y = hand.sel(feature=["vx", "vy"]).isel(time=slice(0, x.sizes["time"]))
                n = 3 * x.sizes["time"] // 4
                train, test = slice(0, n), slice(n, None)
                decoder = SpikingRegressor(
                    max_delay=max_delay,
                    trainer=Trainer(30, batch_size=8, learning_rate=5e-3, device="cpu"),
                    random_state=seed,
                    **options,
                ).fit(x.isel(time=train), y.isel(time=train))
                guess = decoder.predict(x.isel(time=test))
                scores.append(decoding_r2(y.isel(time=test), guess).realtime)
                if max_delay:
                    learned = decoder.module_[0].position.detach().numpy()
                    alike.append(spearmanr(learned, truth["lag"].values)[0])
            text = f"{np.mean(alike):.2f} +- {np.std(alike):.2f}" if alike else ""
            print(
                f"{name} | {1000 * max_delay:.0f} ms | {np.mean(scores):.3f} +-"
                f" {np.std(scores):.3f} | {text}",
                flush=True,
            )


if __name__ == "__main__":
    main()
