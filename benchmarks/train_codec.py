"""Train the codec that comes with the package, and its peers on the same data.

Three steps: ``python benchmarks/train_codec.py extract --data FOLDER --out .nkdata`` reads the
public sets once into small arrays; ``... train --data .nkdata --out OUT --name eeg-small`` (or
biocodec, multiscale) trains; ``... develop --data .nkdata --out OUT`` scores what was trained on
the recordings that `SPLIT` sets aside for choosing settings. Subjects are split as `SPLIT` says:
no window of a held-out subject is ever trained on or chosen by.
"""

import argparse
import json
import time
from fractions import Fraction
from multiprocessing import Pool
from pathlib import Path

import numpy as np

RATE = 320  # of windows in true time
PLAYED = 280  # highest rate of windows as `CodecTokenizer` plays them: slower ones as they are
SPLIT = {  # recordings whose name begins so are held out
    "held": ("mi_eegmmidb/S002", "ssvep_exo/subject12", "erp_n170_muse/subject0002"),
    "unseen sets": ("erp_p300_bi2012", "ieeg_mne_misc"),
    # of people who are trained on: recordings, or channels from .. on, that only settings see
    "development": (
        "mi_eegmmidb/S001R14",
        "ssvep_exo/subject07",
        "erp_n170_muse/subject0001_session001_data_2017-09-13-15.42.33",
    ),
    "development channels": {"ieeg_seeg_motor_tensorpac": 120, "ieeg_seizure_pt01": 60},
}
# Settings of what is trained: the options of its class, and whether its windows are as played.
MODELS = {
    "eeg-small": (
        "CodecTokenizer",
        True,
        {
            "n_levels": 7,
            "model_rate": 280.0,
            "frame_rate": 17.5,
            "latent_dim": 16,
            "n_filters": 48,
            "n_context": 3,
            "quantizer": "embedded",
            "encoder": "cosine",
            "loss_weights": (1.0, 0.0, 0.1),
        },
    ),
    "biocodec": ("CodecTokenizer", False, {"preset": "biocodec"}),
    "multiscale": ("MultiScaleTokenizer", True, {}),
}
MODELS["eeg-network"] = (
    "CodecTokenizer",
    True,
    MODELS["eeg-small"][2] | {"encoder": "network", "n_filters": 32, "n_context": 2},
)
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
    """Recordings to train on, to choose settings on, and held out, as (name, values, rate)."""
    held = SPLIT["held"] + SPLIT["unseen sets"]
    train, development, out = [], [], []
    for name, rate in json.loads((folder / "table.json").read_text()).items():
        values = np.load(folder / f"{name.replace('/', '__')}.npy")
        first = SPLIT["development channels"].get(name.split("/")[0])
        if name.startswith(held):
            out.append((name, values, Fraction(rate)))
        elif name.startswith(SPLIT["development"]):
            development.append((name, values, Fraction(rate)))
        else:
            train.append((name, values[:first], Fraction(rate)))
            if first:
                development.append((name, values[first:], Fraction(rate)))
    return train, development, out


def windows(recordings, n: int, seed: int, played: bool, seconds: float = 4.0) -> np.ndarray:
    """Draw ``n`` windows, half their sets evenly, with changes of speed, reference and spectrum.

    In true time they are at 320 Hz; as played, slow recordings keep their samples.
    """
    from neurokit.tokenizers.framing.resample import Resampler

    rng = np.random.default_rng(seed)
    highest = PLAYED if played else RATE
    size = int(seconds * highest)
    sets = sorted({name.split("/")[0] for name, _, _ in recordings})
    weight = {"mi_eegmmidb": 4.0, "ssvep_exo": 2.0}
    chance = np.array([weight.get(s, 1.0) for s in sets])
    by_set = {s: [r for r in recordings if r[0].startswith(s)] for s in sets}
    out = np.empty((n, size), np.float32)
    resamplers = {}
    for i in range(n):
        if rng.random() < 0.12:
            out[i] = _simulated(rng, size, highest)
            continue
        pool = by_set[sets[rng.choice(len(sets), p=chance / chance.sum())]]
        _, values, rate = pool[rng.integers(len(pool))]
        speed = Fraction(int(rng.integers(16, 26)), 20) if rng.random() < 0.5 else Fraction(1)
        ratio = rate * speed / (min(rate, Fraction(PLAYED)) if played else RATE)
        resampler = resamplers.setdefault(ratio, Resampler(ratio, Fraction(1)))
        needed = min(int(np.ceil(size * resampler.step)) + 2 * resampler.reach, values.shape[1])
        start = rng.integers(values.shape[1] - needed + 1)
        x = values[rng.integers(len(values)), start : start + needed].astype(float)
        if rng.random() < 0.3 and len(values) > 1:  # another reference
            x = x - rng.uniform(0.3, 1.2) * values[rng.integers(len(values)), start:][:needed]
        first = int(np.ceil(resampler.reach / resampler.step)) if len(x) < values.shape[1] else 0
        y = resampler.apply(x[None], first, first + size, n_in=len(x))[0]
        out[i] = _changed(rng, y, highest)
    return out


def drawn(folder: Path, recordings, n: int, played: bool) -> np.ndarray:
    """Windows, drawn once and kept."""
    path = folder / f"windows_{n}_{'played' if played else 'true'}.npy"
    if not path.exists():
        with Pool() as pool:
            parts = [(recordings, 500, seed, played) for seed in range(n // 500)]
            np.save(path, np.concatenate(pool.starmap(windows, parts)))
    return np.load(path)


def _changed(rng, y: np.ndarray, rate: float) -> np.ndarray:
    frequency = np.fft.rfftfreq(len(y), 1 / rate)
    spread = y.std() + 1e-9
    if rng.random() < 0.35:  # a steeper or flatter spectrum
        mean = y.mean()
        tilt = ((frequency + 1) / 10) ** rng.uniform(-0.6, 0.6)
        y = np.fft.irfft(np.fft.rfft(y - mean) * tilt, len(y)) + mean
    if rng.random() < 0.1:
        y = y + spread * rng.uniform(0.1, 1) * _tone(rng, len(y), rng.choice([50.0, 60.0]) / rate)
    if rng.random() < 0.1:  # a change of level
        at = rng.integers(len(y))
        y[at:] = y[at] + (y[at:] - y[at]) * 10 ** rng.uniform(-1, 1)
    if rng.random() < 0.08:  # a blink or a jolt
        width = rng.uniform(0.02, 0.2) * rate
        bump = np.exp(-0.5 * ((np.arange(len(y)) - rng.integers(len(y))) / width) ** 2)
        y = y + spread * rng.normal() * 10 * bump
    return y * rng.choice([-1, 1])


def _tone(rng, n: int, frequency: float) -> np.ndarray:
    return np.sin(2 * np.pi * (frequency * np.arange(n) + rng.random()))


def _simulated(rng, n: int, rate: float) -> np.ndarray:
    """1/f noise with bursts of rhythms."""
    frequency = np.fft.rfftfreq(4 * n, 1 / rate)
    shape = np.maximum(frequency, 0.3) ** (-rng.uniform(0, 1.4))
    noise = rng.normal(size=(2, len(frequency))) * shape
    y = np.fft.irfft(noise[0] + 1j * noise[1])[:n]
    y /= y.std()
    for _ in range(rng.integers(4)):
        width = rng.uniform(0.1, 1.0) * rate
        bump = np.exp(-0.5 * ((np.arange(n) - rng.integers(n)) / width) ** 2)
        y += rng.uniform(0.2, 3) * bump * _tone(rng, n, np.exp(rng.uniform(0, 4.3)) / rate)
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


# ------------------------------------------------------------------ training


def train(folder: Path, out: Path, name: str, trainer: dict, n: int, budget: float) -> None:
    """Fit for as many epochs as ``budget`` seconds allow, and save."""
    import torch

    from neurokit import tokenizers
    from neurokit.training import Trainer

    torch.backends.cuda.matmul.allow_tf32 = True
    start = time.perf_counter()
    kind, played, options = MODELS[name]
    X = drawn(folder, load(folder)[0], n, played)[:, None]
    print(f"{name}: {len(X)} windows after {time.perf_counter() - start:.0f} s", flush=True)
    rate = PLAYED if played else RATE
    codec = getattr(tokenizers, kind)(
        sampling_rate=rate, random_state=0, trainer=Trainer(**trainer), **options
    )
    size = trainer["batch_size"]
    trial = codec.trainer.get_params() | {"n_epochs": 2}
    codec.set_params(trainer=Trainer(**trial)).fit(X[: 40 * size])
    per_step = codec.history_[-1]["seconds"] / min(40, len(X) / size)
    left = budget - (time.perf_counter() - start)
    n_epochs = max(int(left / per_step / (len(X) / size)), 1)
    print(f"{name}: {1e3 * per_step:.1f} ms a step, {n_epochs} epochs", flush=True)
    codec.set_params(trainer=Trainer(**(trial | {"n_epochs": n_epochs}))).fit(X)
    seconds = time.perf_counter() - start
    loss = [round(h["loss"], 4) for h in codec.history_[:: max(len(codec.history_) // 8, 1)]]
    weights = sum(p.numel() for p in codec.module_.parameters()) / 1e6
    print(f"{name}: {options} {trainer} {weights:.2f} M weights, {seconds:.0f} s, loss {loss}")
    print("codes used", codec.codebook_report_["used"], codec.rate_report_)
    out.mkdir(parents=True, exist_ok=True)
    codec.module_ = codec.module_.half()
    codec.set_params(sampling_rate=None, trainer=None).save(out / f"{name}.safetensors")


def develop(folder: Path, out: Path, seconds: float = 40.0, n_channels: int = 8) -> None:
    """Score what was trained on the development recordings, at measured bytes."""
    from rate_distortion import scored

    import neurokit as nk
    from neurokit import tokenizers

    for path in sorted(out.glob("*.safetensors")):
        codec = getattr(tokenizers, MODELS[path.stem][0]).load(path)
        for name, values, rate in load(folder)[1]:
            x = values[:n_channels, : int(seconds * rate)].astype("f4")
            X = nk.signal(x, sampling_rate=rate)
            for k, row in scored(codec, X, range(2, codec.n_levels + 1)).items():
                cells = f"{row[0]:7.0f}{row[1]:9.4f}" + "".join(f"{b:7.3f}" for b in row[2:])
                print(f"{path.stem:16} {name.split('/')[0]:28}{k:3} levels {cells}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["extract", "windows", "train", "develop"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--name", default="eeg-small", choices=list(MODELS))
    parser.add_argument("--trainer", type=json.loads, help="of Trainer, JSON", default={})
    parser.add_argument("--windows", type=int, default=60_000)
    parser.add_argument("--budget", type=float, default=400, help="seconds; sets the epochs")
    args = parser.parse_args()
    if args.step == "extract":
        extract(args.data, args.out)
    elif args.step == "windows":
        for played in (False, True):
            drawn(args.data, load(args.data)[0], args.windows, played)
    elif args.step == "train":
        trainer = {"batch_size": 256, "learning_rate": 2e-3} | args.trainer
        train(args.data, args.out, args.name, trainer, args.windows, args.budget)
    else:
        develop(args.data, args.out)


if __name__ == "__main__":
    main()
