"""The files of the tour: four people's EEG, and a session of spikes beside a moving hand."""

from pathlib import Path

import numpy as np
import xarray as xr

from neurokit import datasets, io, recording


def write_files(folder: Path, seed: int = 0) -> list[Path]:
    """Write ``subject01.edf`` to ``subject04.edf`` and ``session.nwb``; all is simulated.

    Parameters
    ----------
    folder : Path
        Made where it is not there; files of these names in it are replaced.
    seed : int, default=0
        The simulation's.

    Returns
    -------
    list of Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    n_people, n_trials, length = 4, 40, 4.0
    made, _ = datasets.make_motor_imagery(n_people, n_trials, duration=length, random_state=seed)
    paths = []
    for k in range(n_people):
        mine = made.isel(trial=slice(k * n_trials, (k + 1) * n_trials))
        x = recording.signal(
            np.concatenate(list(mine.values), axis=1),
            sampling_rate=recording.sampling_rate(made),
            channels=made["channel"].values.tolist(),
            types="eeg",
        )
        cues = recording.events(np.arange(n_trials) * length, length, mine["label"].values)
        path = folder / f"subject{k + 1:02d}.edf"
        paths.append(Path(io.write_edf(path, x, cues)))
    reach = datasets.make_reaching(120.0, n_units=40, random_state=seed)
    table = reach.events[["onset", "duration", "label"]].rename_axis("event").to_xarray()
    hand = reach.behaviour.sel(feature=["x", "y", "vx", "vy"]).to_dataset(name="behaviour")
    tree = {"spikes": reach.spikes, "behaviour": hand, "events": table}
    session = xr.DataTree.from_dict(tree)
    session.attrs["session_start_time"] = "2020-01-01T00:00:00+00:00"
    paths.append(Path(io.write_nwb(folder / "session.nwb", session)))
    return paths
