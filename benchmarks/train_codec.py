"""Train the codec that comes with the package, and the published network on the same data.

Two steps: ``python benchmarks/train_codec.py extract --data FOLDER --out .nkdata`` reads the
public sets once into small arrays; ``python benchmarks/train_codec.py train --data .nkdata --out
OUT --name eeg-small`` trains and scores. Subjects are split as `SPLIT` says; no window of a
held-out subject is ever trained on.
"""

import argparse
import json
import time
from fractions import Fraction
from multiprocessing import Pool
from pathlib import Path

import numpy as np

RATE = 320
SPLIT = {  # recordings whose name begins so are held out
    "held": ("mi_eegmmidb/S002", "ssvep_exo/subject12", "erp_n170_muse/subject0002"),
    "unseen sets": ("erp_p300_bi2012", "ieeg_mne_misc"),
}
BANDS = {"delta": (1, 4), "theta": (4, 8), "alpha": (8, 13), "beta": (13, 30), "gamma": (30, 80)}


# ------------------------------------------------------------------ data


def extract(data: Path, out: Path) -> None:
    """Read the sets and keep each recording as int16, a two-hundredth of its spread a step."""
    out.mkdir(exist_ok=True)
    table = {}
    for name, values, rate in _recordings(data):
        values = values - np.median(values, 1, keepdims=True)
        spread = np.median(np.abs(values), 1, keepdims=True) / 0.6745
        values = values[spread[:, 0] > 0]
        unit = spread[spread[:, 0] > 0] / 200
        key = name.replace("/", "__")
        np.save(out / f"{key}.npy", np.clip(np.round(values / unit), -32767, 32767).astype("i2"))
        table[name] = str(rate)
        print(f"{name:55} {values.shape} {float(rate):g} Hz")
    (out / "table.json").write_text(json.dumps(table))


def _recordings(data: Path):
    import mne
    import pandas as pd

    mne.set_log_level("error")
    for path in sorted((data / "mi_eegmmidb").glob("*.edf")):
        raw = mne.io.read_raw_edf(path)
        yield f"mi_eegmmidb/{path.stem}", raw.get_data("eeg") * 1e6, Fraction(160)
    for path in sorted((data / "ssvep_exo").glob("*_raw.fif")):
        if path.name.startswith("subject07_record-2012.07.11"):
            continue  # the same recording as one of subject03
        raw = mne.io.read_raw_fif(path)
        yield f"ssvep_exo/{path.stem}", raw.get_data("eeg"), Fraction(256)
    found = np.load(data / "erp_p300_bi2012/subject_01_session_01.npz")["data"]
    yield "erp_p300_bi2012/subject_01", found[3000:, :16].T, Fraction(128)
    for path in sorted((data / "erp_n170_muse").glob("*.csv")):
        table = pd.read_csv(path)[["TP9", "AF7", "AF8", "TP10"]]
        yield f"erp_n170_muse/{path.stem}", table.to_numpy().T, Fraction(250)
    found = np.load(data / "ieeg_seizure_pt01/pt01EcoG.npz", allow_pickle=False)
    yield "ieeg_seizure_pt01/pt01", found["X"], Fraction(1000)
    found = np.load(data / "ieeg_seeg_motor_tensorpac/seeg_data_pac.npz", allow_pickle=False)
    yield "ieeg_seeg_motor_tensorpac/site", found["data"].astype(float), Fraction(1024)
    raw = mne.io.read_raw_edf(data / "ieeg_mne_misc/sample_ecog.edf")
    yield "ieeg_mne_misc/sample_ecog", raw.get_data() * 1e6, Fraction(99941, 100)


def load(folder: Path):
    """Training and held-out recordings as (name, values, rate)."""
    held = SPLIT["held"] + SPLIT["unseen sets"]
    parts = {"train": [], "held": []}
    for name, rate in json.loads((folder / "table.json").read_text()).items():
        values = np.load(folder / f"{name.replace('/', '__')}.npy")
        parts["held" if name.startswith(held) else "train"].append((name, values, Fraction(rate)))
    return parts["train"], parts["held"]


def windows(recordings, n: int, seed: int, seconds: float = 4.0) -> np.ndarray:
    """Draw ``n`` windows at 320 Hz: half their sets evenly, with changes of speed and spectrum."""
    from neurokit.tokenizers._resample import Resampler

    rng = np.random.default_rng(seed)
    size = int(seconds * RATE)
    sets = sorted({name.split("/")[0] for name, _, _ in recordings})
    weight = {"mi_eegmmidb": 4.0, "ssvep_exo": 2.0}
    chance = np.array([weight.get(s, 1.0) for s in sets])
    by_set = {s: [r for r in recordings if r[0].startswith(s)] for s in sets}
    out = np.empty((n, size), np.float32)
    resamplers = {}
    for i in range(n):
        if rng.random() < 0.12:
            out[i] = _simulated(rng, size)
            continue
        pool = by_set[sets[rng.choice(len(sets), p=chance / chance.sum())]]
        _, values, rate = pool[rng.integers(len(pool))]
        speed = Fraction(int(rng.integers(16, 26)), 20) if rng.random() < 0.5 else Fraction(1)
        key = rate * speed
        resampler = resamplers.setdefault(key, Resampler(key, Fraction(RATE)))
        needed = min(int(np.ceil(size * resampler.step)) + 2 * resampler.reach, values.shape[1])
        start = rng.integers(values.shape[1] - needed + 1)
        x = values[rng.integers(len(values)), start : start + needed].astype(float)
        if rng.random() < 0.3 and len(values) > 1:  # another reference
            x = x - rng.uniform(0.3, 1.2) * values[rng.integers(len(values)), start:][:needed]
        first = int(np.ceil(resampler.reach / resampler.step)) if len(x) < values.shape[1] else 0
        y = resampler.apply(x[None], first, first + size, n_in=len(x))[0]
        out[i] = _changed(rng, y)
    return out


def drawn(folder: Path, recordings, n: int) -> np.ndarray:
    """Windows, drawn once and kept."""
    path = folder / f"windows_{n}.npy"
    if not path.exists():
        with Pool() as pool:
            parts = [(recordings, 500, seed) for seed in range(n // 500)]
            np.save(path, np.concatenate(pool.starmap(windows, parts)))
    return np.load(path)


def _changed(rng, y: np.ndarray) -> np.ndarray:
    frequency = np.fft.rfftfreq(len(y), 1 / RATE)
    spread = y.std() + 1e-9
    if rng.random() < 0.35:  # a steeper or flatter spectrum
        mean = y.mean()
        tilt = ((frequency + 1) / 10) ** rng.uniform(-0.6, 0.6)
        y = np.fft.irfft(np.fft.rfft(y - mean) * tilt, len(y)) + mean
    if rng.random() < 0.1:
        y = y + spread * rng.uniform(0.1, 1) * _tone(rng, len(y), rng.choice([50.0, 60.0]))
    if rng.random() < 0.1:  # a change of level
        at = rng.integers(len(y))
        y[at:] = y[at] + (y[at:] - y[at]) * 10 ** rng.uniform(-1, 1)
    if rng.random() < 0.08:  # a blink or a jolt
        width = rng.uniform(0.02, 0.2) * RATE
        bump = np.exp(-0.5 * ((np.arange(len(y)) - rng.integers(len(y))) / width) ** 2)
        y = y + spread * rng.normal() * 10 * bump
    return y * rng.choice([-1, 1])


def _tone(rng, n: int, frequency: float) -> np.ndarray:
    return np.sin(2 * np.pi * (frequency * np.arange(n) / RATE + rng.random()))


def _simulated(rng, n: int) -> np.ndarray:
    """1/f noise with bursts of rhythms."""
    frequency = np.fft.rfftfreq(4 * n, 1 / RATE)
    shape = np.maximum(frequency, 0.3) ** (-rng.uniform(0, 1.4))
    noise = rng.normal(size=(2, len(frequency))) * shape
    y = np.fft.irfft(noise[0] + 1j * noise[1])[:n]
    y /= y.std()
    for _ in range(rng.integers(4)):
        width = rng.uniform(0.1, 1.0) * RATE
        bump = np.exp(-0.5 * ((np.arange(n) - rng.integers(n)) / width) ** 2)
        y += rng.uniform(0.2, 3) * bump * _tone(rng, n, np.exp(rng.uniform(0, 4.3)))
    return y


# ------------------------------------------------------------------ scores


def fidelity(x: np.ndarray, y: np.ndarray, rate: float) -> dict[str, np.ndarray]:
    """NMSE per channel, and correlation per channel and band; x, y (channel, time)."""
    error = ((x - y) ** 2).sum(1) / ((x - x.mean(1, keepdims=True)) ** 2).sum(1)
    frequency = np.fft.rfftfreq(x.shape[1], 1 / rate)
    a, b = np.fft.rfft(x), np.fft.rfft(y)
    scores = {"nmse": error}
    for band, (low, high) in BANDS.items():
        inside = (frequency >= low) & (frequency < min(high, 0.45 * rate))
        p, q = a[:, inside], b[:, inside]
        norm = np.sqrt((np.abs(p) ** 2).sum(1) * (np.abs(q) ** 2).sum(1))
        scores[band] = (p * q.conj()).real.sum(1) / np.maximum(norm, 1e-12)
    return scores


def evaluate(codec, recordings, levels=(None,), seconds: float = 60.0) -> dict:
    """Median over the channels of each set, for each number of levels."""
    results: dict = {}
    for name, values, rate in recordings:
        codec.set_params(sampling_rate=float(rate))
        x = values[:, : int(seconds * rate)].astype(float)
        codec.n_times_ = x.shape[1]
        tokens = codec.transform(x)
        for n in levels:
            y = codec.inverse_transform(tokens, n)
            for key, per_channel in fidelity(x, y, float(rate)).items():
                row = results.setdefault((name.split("/")[0], n or codec.n_levels), {})
                row.setdefault(key, []).extend(per_channel.tolist())
    return {
        f"{s}/{n}": {k: float(np.median(v)) for k, v in r.items()} for (s, n), r in results.items()
    }


def show(results: dict) -> None:
    keys = ["nmse", *BANDS]
    print(f"{'':36}" + "".join(f"{k:>9}" for k in keys))
    for name, row in results.items():
        print(f"{name:36}" + "".join(f"{row[k]:9.4f}" for k in keys), flush=True)


# ------------------------------------------------------------------ training


def train(
    folder: Path, out: Path, name: str, options: dict, trainer: dict, n: int, budget: float
) -> None:
    import torch

    from neurokit.tokenizers import CodecTokenizer
    from neurokit.training import Trainer

    torch.backends.cuda.matmul.allow_tf32 = True
    start = time.perf_counter()
    recordings, held = load(folder)
    X = drawn(folder, recordings, n)[:, None]
    print(f"{name}: {len(X)} windows after {time.perf_counter() - start:.0f} s", flush=True)
    codec = CodecTokenizer(
        sampling_rate=RATE, random_state=0, trainer=Trainer(**trainer), **options
    )
    if budget:  # as many epochs as the seconds allow
        size = trainer["batch_size"]
        trial = codec.trainer.get_params() | {"n_epochs": 2}
        codec.set_params(trainer=Trainer(**trial)).fit(X[: 60 * size])
        per_step = codec.history_[-1]["seconds"] / 60
        left = budget - (time.perf_counter() - start)
        n_epochs = max(int(left / per_step / (len(X) / size)), 1)
        print(f"{name}: {1e3 * per_step:.1f} ms a step, {n_epochs} epochs", flush=True)
        codec.set_params(trainer=Trainer(**(trial | {"n_epochs": n_epochs})))
    codec.fit(X)
    seconds = time.perf_counter() - start
    loss = [round(h["loss"], 4) for h in codec.history_[:: max(len(codec.history_) // 8, 1)]]
    size = sum(p.numel() for p in codec.module_.parameters()) / 1e6
    results = evaluate(codec, held, (2, 4, 6))
    print(f"\n{name}: {options} {trainer} {size:.2f} M weights, {seconds:.0f} s, loss {loss}")
    print("codes used", codec.codebook_report_["used"], codec.rate_report_)
    show(results)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps({"results": results, "history": codec.history_}))
    codec.module_ = codec.module_.half()
    codec.set_params(sampling_rate=None, trainer=None).save(out / f"{name}.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["extract", "windows", "train"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--name", default="eeg-small")
    parser.add_argument("--options", type=json.loads, default={}, help="of CodecTokenizer, JSON")
    parser.add_argument("--trainer", type=json.loads, default={}, help="of Trainer, JSON")
    parser.add_argument("--windows", type=int, default=80_000)
    parser.add_argument("--budget", type=float, default=0, help="seconds; sets the epochs")
    args = parser.parse_args()
    if args.step == "extract":
        extract(args.data, args.out)
    elif args.step == "windows":
        drawn(args.data, load(args.data)[0], args.windows)
    else:
        settings = args.options, args.trainer, args.windows, args.budget
        train(args.data, args.out, args.name, *settings)


if __name__ == "__main__":
    main()
