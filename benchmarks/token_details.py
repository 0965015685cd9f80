"""What tokens keep beside the error: phases, couplings, envelopes, spindles, joints.

    NEUROKIT_DATA=/path/to/recordings python benchmarks/token_details.py

Motor imagery (S002, a person held out): 40 s of 16 channels. ECoG (a set held out): 8 channels,
whole. Sleep (DREAMS excerpt 1, a set never looked at): half an hour, spindles by
`detect_bursts` in the recording and in what comes back, beside the experts' own. The linear codec
and the even grid are fitted on S001's recordings.
"""

import os
import tempfile
import warnings
from pathlib import Path

import numpy as np

import neurokit as nk
from neurokit import io
from neurokit.metrics import (
    band_coherence,
    boundary_nmse_ratio,
    detect_bursts,
    detection_f1,
    envelope_correlation,
    nmse,
    phase_error,
    phase_locking_error,
)
from neurokit.tokenizers import CodecTokenizer, LinearRVQTokenizer, ScalarTokenizer

BANDS = {"alpha": (8.0, 13.0), "beta": (13.0, 30.0), "gamma": (30.0, 80.0)}


def main() -> None:
    warnings.simplefilter("ignore")
    data = Path(os.environ["NEUROKIT_DATA"])
    train = io.read_signal(data / "mi_eegmmidb/S001R03.edf").load()
    imagery = io.read_signal(data / "mi_eegmmidb/S002R03.edf").isel(channel=slice(0, 64, 4))
    imagery = imagery.sel(time=slice(0, 40)).load()
    ecog = io.read_signal(data / "ieeg_mne_misc/sample_ecog.edf").load()
    ecog = ecog.isel(channel=np.flatnonzero(ecog.std("time").values > 0)[:8])
    text = np.loadtxt(data / "sleep_dreams/excerpt1.txt", skiprows=1)
    sleep = nk.signal(text[None], sampling_rate=100)
    table = data / "sleep_dreams/Visual_scoring1_excerpt1.txt"
    experts = np.loadtxt(table, skiprows=1, usecols=0)
    spindles = detect_bursts(sleep)["onset"].values
    found = detection_f1(experts, spindles, tolerance=1.0)
    print(f"spindles of the detector against expert 1: F1 {found.f1:.2f}\n")
    codecs = {
        "eeg-small": CodecTokenizer.from_pretrained().set_params(device="cpu"),
        "linear, 6 stages": LinearRVQTokenizer(6, random_state=0).fit(train),
        "even grid, 97 values": ScalarTokenizer("uniform", codebook_size=97).fit(train),
    }
    heads = [
        "bit/s/channel",
        "NMSE",
        "phase error alpha beta gamma (rad)",
        "coherence alpha beta gamma",
    ]
    heads += ["PLV error alpha beta gamma", "edge over centre"]
    heads += ["ECoG envelope r, 70-150 Hz", "sleep NMSE", "spindles again, F1"]
    print("| | " + " | ".join(heads) + " |\n" + "|---" * (len(heads) + 1) + "|")
    for name, codec in codecs.items():
        tokens = codec.transform(imagery)
        y = codec.inverse_transform(tokens)
        start = tokens["frame"].values
        frame = (start[-1] - start[0]) / (len(start) - 1)
        phases, coherent = (
            phase_error(imagery, y, bands=BANDS),
            band_coherence(imagery, y, bands=BANDS),
        )
        with tempfile.TemporaryDirectory() as folder:
            size = io.write_tokens(Path(folder) / "x.ntok", tokens).stat().st_size
        cells = [f"{8 * size / 40 / imagery.sizes['channel']:.0f}"]
        cells += [f"{float(nmse(imagery, y).median()):.3f}"]
        cells += [
            " ".join(f"{v:.2f}" for v in each.median("channel").values)
            for each in (phases, coherent)
        ]
        cells += [" ".join(f"{v:.3f}" for v in phase_locking_error(imagery, y, bands=BANDS))]
        wide = frame * nk.sampling_rate(imagery) > 4
        seam = boundary_nmse_ratio(imagery, y, frame, edge=0.15).median() if wide else np.nan
        cells += [f"{float(seam):.2f}" if wide else "-"]
        there = codec.inverse_transform(codec.transform(ecog))
        cells += [f"{float(envelope_correlation(ecog, there).median()):.3f}"]
        night = codec.inverse_transform(codec.transform(sleep))
        again = detection_f1(spindles, detect_bursts(night)["onset"].values, tolerance=0.25)
        cells += [f"{float(nmse(sleep, night).median()):.4f}", f"{again.f1:.2f}"]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
