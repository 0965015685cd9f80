"""NWB and zarr against the readers beneath: pynwb, h5py, xarray. Prints medians and ratios.

OMP_NUM_THREADS=1 python benchmarks/nwb.py
"""

import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

import neurokit
from neurokit import io

N_UNITS, N_SPIKES = 300, 5_400_000
N_CHANNELS, RATE, SECONDS = 16, 30_000, 60


def timed(do: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Median and spread (half the range between quartiles) in seconds."""
    do()
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        do()
        taken.append(time.perf_counter() - begun)
    quarters = statistics.quantiles(taken, n=4)
    return statistics.median(taken), (quarters[2] - quarters[0]) / 2


def compare(what: str, ours: Callable[[], Any], theirs: Callable[[], Any], repeats: int) -> None:
    a, b = timed(ours, repeats), timed(theirs, repeats)
    print(
        f"{what:<44} {a[0] * 1e3:9.2f} ± {a[1] * 1e3:6.2f} ms   peer {b[0] * 1e3:9.2f} ±"
        f" {b[1] * 1e3:6.2f} ms   {b[0] / a[0]:6.2f} x"
    )


def main() -> None:
    rng = np.random.default_rng(0)
    folder = Path(tempfile.mkdtemp())
    stop = 3600.0
    spikes = neurokit.spikes(
        [np.sort(rng.uniform(0, stop, N_SPIKES // N_UNITS)) for _ in range(N_UNITS)], stop=stop
    )
    signal = neurokit.signal(
        rng.normal(size=(N_CHANNELS, RATE * SECONDS)).astype(np.float32), sampling_rate=RATE
    )
    units = io.write_nwb(folder / "units.nwb", spikes)
    series = io.write_nwb(folder / "series.nwb", signal)

    def pynwb_units() -> Any:
        import pynwb

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pynwb.NWBHDF5IO(str(units), "r") as reader:
                table = reader.read().units
                return [table["spike_times"][i] for i in range(N_UNITS)]

    compare("5.4 million spikes of 300 units, vs pynwb", lambda: io.read_spikes(units),
            pynwb_units, 5)  # fmt: skip
    x = io.read_session(series)["signal/signal/signal"]
    with h5py.File(series) as file:
        data = file["acquisition/signal/data"]
        compare("1 s window of 16 ch at 30 kHz, vs bare h5py", lambda: x[:, 60_000:90_000].values,
                lambda: data[60_000:90_000].T.astype(np.float32), 51)  # fmt: skip
        compare("60 s by blocks of 1 s, vs bare h5py",
                lambda: [x[:, a : a + RATE].values for a in range(0, RATE * SECONDS, RATE)],
                lambda: [data[a : a + RATE].T.astype(np.float32)
                         for a in range(0, RATE * SECONDS, RATE)], 5)  # fmt: skip
    compare("open the session, vs pynwb's open", lambda: io.read_session(series),
            lambda: _open_pynwb(series), 11)  # fmt: skip
    plain = signal.drop_vars(["time", "channel"]).to_dataset(name="signal").drop_attrs()
    compare("save 115 MB to zarr, vs xarray.to_zarr", lambda: io.save(folder / "a.zarr", signal),
            lambda: plain.to_zarr(folder / "b.zarr", mode="w", consolidated=False), 3)  # fmt: skip
    a = io.load(folder / "a.zarr")
    b = xr.open_zarr(folder / "b.zarr", chunks=None, consolidated=False)["signal"]
    compare("1 s window from zarr, vs xarray's own", lambda: a[:, 60_000:90_000].values,
            lambda: b[:, 60_000:90_000].values, 21)  # fmt: skip
    compare("load 115 MB from zarr, vs xarray's own", lambda: a.copy().compute(),
            lambda: b.copy().compute(), 3)  # fmt: skip


def _open_pynwb(path: Path) -> Any:
    import pynwb

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pynwb.NWBHDF5IO(str(path), "r") as reader:
            return reader.read().acquisition["signal"].data.shape


if __name__ == "__main__":
    main()
