"""MNE's Raw, Epochs and Evoked as labelled arrays, and back."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import xarray as xr

from neurokit.io.bridges.mne_raw import lazy_raw
from neurokit.io.readers.channels import label_units
from neurokit.io.readers.lazy import lazy_variable
from neurokit.recording.clock import SampleIndex
from neurokit.recording.make import events, signal
from neurokit.recording.rate import contiguous_runs, refuse_backwards

if TYPE_CHECKING:
    import mne
    from numpy.typing import ArrayLike

    from neurokit.types import MNEObject

_LOCK = threading.Lock()  # MNE's readers share file handles
_FROM_SI = {  # FIFF's code of a unit: what it is in, and how many of that make one
    107: ("uV", 1e6),
    112: ("fT", 1e15),
    201: ("fT/cm", 1e13),
    6: ("uM", 1e6),
}
_VOLTAGES = ("eeg", "ecog", "seeg", "dbs", "eog", "ecg", "emg", "bio")
_TO_SI = {"uV": 1e-6, "mV": 1e-3, "nV": 1e-9, "fT": 1e-15, "pT": 1e-12, "fT/cm": 1e-13, "uM": 1e-6}
_PLACED = ("eeg", "ecog", "seeg", "dbs")
_OWN = ("trial", "label", "onset", "code")  # trial coordinates that are not metadata


@dataclass(frozen=True)
class _RawSamples:
    """Samples of a Raw that is not loaded (`neurokit.io.readers.lazy.Reader`)."""

    raw: mne.io.BaseRaw
    scale: np.ndarray

    @property
    def n_channels(self) -> int:
        return len(self.scale)

    @property
    def n_times(self) -> int:
        return int(self.raw.n_times)

    def read(self, channels: np.ndarray, start: int, stop: int) -> np.ndarray:
        if start == stop:
            return np.empty((len(channels), 0), np.float32)
        with _LOCK:
            try:
                values = self.raw[channels, start:stop][0]
            except Exception as error:  # MNE's readers raise whatever the damage leads to
                name = next(iter(self.raw.filenames), None)
                if name is None:
                    raise
                said = (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(".")
                raise OSError(
                    f"{name}: samples {start} to {stop} cannot be read ({said})."
                ) from error
        values *= self.scale[channels, None]
        return values.astype(np.float32)


def from_mne(inst: MNEObject) -> xr.DataArray:
    """Label an MNE object: the same samples, in microvolts, with names, places and times.

    Parameters
    ----------
    inst : mne.io.Raw, mne.Epochs, mne.Evoked or list of mne.Evoked
        A Raw that is not loaded stays on disk.

    Returns
    -------
    xarray.DataArray of dims ("channel", "time") or ("trial", "channel", "time")
        Voltages in uV, magnetometers in fT, gradiometers in fT/cm, haemoglobin in uM. Along
        ``channel``: ``type``, ``bad``, and ``x y z`` in mm where known. Time is that of MNE's
        events, so a Raw begins at ``first_time``. Epochs have ``label``, ``onset`` and ``code``
        along ``trial``, besides the columns of their metadata; Evoked have ``label`` and
        ``nave``. A Raw's annotations are in ``attrs["annotations"]`` (JSON; `read_events` makes
        a table of them), its date in ``attrs["measured"]``.

    Raises
    ------
    TypeError
        If it is no such object.
    ValueError
        If several Evoked do not have the same channels and times.

    See Also
    --------
    to_mne : The way back.

    Examples
    --------
    >>> import mne, numpy as np
    >>> info = mne.create_info(["C3", "C4"], 250, "eeg")
    >>> raw = mne.io.RawArray(np.full((2, 500), 1e-5), info, verbose="error")
    >>> from_mne(raw).sel(channel="C4").values[:2]
    array([10., 10.], dtype=float32)
    """
    x = label_mne(inst)
    table = mne_events(inst) if "trial" not in x.dims else None
    if table is not None and len(table):
        rows = table.astype({"label": str}).to_dict("list")
        x.attrs["annotations"] = json.dumps(rows, ensure_ascii=False)
    return x


def label_mne(inst: MNEObject) -> xr.DataArray:
    """Do what `from_mne` does, without the annotations."""
    import mne

    if isinstance(inst, mne.io.BaseRaw):
        return _label(inst, Fraction(int(inst.first_samp)))
    if isinstance(inst, mne.BaseEpochs):
        return _label(inst, Fraction(round(inst.tmin * inst.info["sfreq"])), _trials(inst))
    if isinstance(inst, mne.Evoked):
        x = _label(inst, Fraction(int(inst.first)))
        return x.assign_coords(label=inst.comment or "average", nave=int(inst.nave))
    if isinstance(inst, list) and inst and all(isinstance(e, mne.Evoked) for e in inst):
        pieces = [label_mne(evoked) for evoked in inst]
        names, clock = pieces[0]["channel"].values, pieces[0].xindexes["time"]
        if any(
            p["channel"].values.tolist() != names.tolist() or not p.xindexes["time"].equals(clock)
            for p in pieces
        ):
            raise ValueError(
                "from_mne takes Evoked of the same channels and times; convert one at a time."
            )
        return xr.concat(pieces, "trial", coords="different", compat="equals", join="exact")
    raise TypeError(
        f"from_mne takes an MNE Raw, Epochs, Evoked or a list of Evoked, got"
        f" {type(inst).__name__}."
    )


def mne_events(inst: MNEObject) -> pd.DataFrame:
    """Return the annotations of a Raw as events, on the clock that `from_mne` gives it."""
    found = getattr(inst, "annotations", None)
    if found is None or not len(found):
        return events([], [], [])
    return events(found.onset, found.duration, np.asarray(found.description, dtype=object))


def to_mne(x: xr.DataArray, events: pd.DataFrame | None = None) -> mne.io.BaseRaw | mne.BaseEpochs:
    """Make an MNE object of a labelled signal.

    Parameters
    ----------
    x : xarray.DataArray of dims ("channel", "time") or ("trial", "channel", "time")
        Its units decide how it becomes volts, tesla or molar; what has another unit keeps its
        numbers.
    events : pandas.DataFrame, optional
        Columns ``onset``, ``duration``, ``label``, on the clock of ``x``; they become
        annotations. Default: those that `from_mne` kept in ``x.attrs["annotations"]``.

    Returns
    -------
    mne.io.Raw, mne.EpochsArray or mne.EvokedArray
        Epochs if ``x`` has trials, Evoked if it has the scalar coordinate ``nave``, else Raw,
        not loaded if ``x`` is not. Channels with ``x y z`` get a montage (the orientation of
        MEG sensors is not part of a labelled array and stays behind).

    Raises
    ------
    TypeError
        If ``x`` is not a DataArray.
    ValueError
        If its dims are others, or its time has gaps.

    Examples
    --------
    >>> import numpy as np, neurokit
    >>> x = neurokit.signal(np.full((2, 500), 10), sampling_rate=250, channels=["C3", "C4"])
    >>> to_mne(x).get_data()[0, :2]
    array([1.e-05, 1.e-05])
    """
    import mne

    if not isinstance(x, xr.DataArray):
        raise TypeError(f"to_mne takes an xarray.DataArray, got {type(x).__name__}.")
    dims = ("trial", "channel", "time") if "trial" in x.dims else ("channel", "time")
    if set(x.dims) != set(dims):
        raise ValueError(
            f"to_mne takes dims ('channel', 'time'), with or without 'trial', got {x.dims}."
        )
    if len(contiguous_runs(x)) > 1:
        raise ValueError(
            "to_mne takes a signal whose time has no gaps; convert each of the stretches that"
            " neurokit.recording.contiguous_runs finds."
        )
    refuse_backwards(x, "to_mne")
    x = x.transpose(*dims)
    clock = x.xindexes["time"]
    if not isinstance(clock, SampleIndex):
        clock = SampleIndex.from_times(x["time"].values)
    rate, first = float(clock.rate), round(clock.first)
    info = _info(x, rate)
    if "nave" in x.coords and "trial" not in dims:
        label = str(x.coords["label"].item()) if "label" in x.coords else ""
        values, nave = x.values * _scale(x)[:, None], int(x.coords["nave"])
        return mne.EvokedArray(values, info, first / rate, label, nave, verbose="error")
    if "trial" in dims:
        return _epochs(x, x.values * _scale(x)[:, None], info, rate, first)
    if isinstance(x.variable._data, np.ndarray):
        values = x.values * _scale(x)[:, None]
        raw = mne.io.RawArray(values, info, first_samp=first, verbose="error")
    else:
        raw = lazy_raw()(x, _scale(x), info, first)
    if events is None and "annotations" in x.attrs:
        events = pd.DataFrame(json.loads(x.attrs["annotations"]))
    if events is not None:
        onset = events["onset"].to_numpy(np.float64) - float(clock.first / clock.rate)
        inside = (onset >= 0) & (onset <= raw.n_times / rate)
        notes = mne.Annotations(
            onset[inside],
            events["duration"].to_numpy(np.float64)[inside],
            events["label"].astype(str).to_numpy(object)[inside],
        )
        raw.set_annotations(notes, verbose="error")
    return raw


def _label(
    inst: mne.io.BaseRaw | mne.BaseEpochs | mne.Evoked,
    first: Fraction,
    trials: Mapping[str, ArrayLike] | None = None,
) -> xr.DataArray:
    import mne

    info = inst.info
    kinds = inst.get_channel_types()
    units, scale = _units(info, kinds)
    if isinstance(inst, mne.io.BaseRaw) and not inst.preload:
        values: Any = lazy_variable(_RawSamples(inst, scale))
    else:
        data = inst.get_data(copy=False) if trials is not None else inst.get_data()
        values = (data * scale[:, None]).astype(np.float32)
    rate = _rational(info["sfreq"])
    x = signal(
        values,
        sampling_rate=cast(Any, rate),
        start=cast(Any, first / rate),
        channels=inst.ch_names,
        types=kinds,
        positions=_positions(info),
        trials=trials,
    )
    x = x.assign_coords(bad=("channel", np.isin(inst.ch_names, info["bads"])))
    if info["meas_date"] is not None:
        x.attrs["measured"] = info["meas_date"].isoformat()
    if fiducials := _fiducials(info):
        x.attrs["fiducials"] = json.dumps(fiducials)
    return label_units(x, units)


def _rational(rate: float) -> Fraction:
    """Return the simple fraction that a float was, 1700000/1701 say, or the float itself."""
    simple = Fraction(rate).limit_denominator(10**6)
    return simple if float(simple) == rate else Fraction(rate)


def _units(info: mne.Info, kinds: Sequence[str]) -> tuple[list[str], np.ndarray]:
    units, scale = [], np.ones(len(kinds))
    for i, (channel, kind) in enumerate(zip(info["chs"], kinds, strict=True)):
        unit, factor = _FROM_SI.get(int(channel["unit"]), ("", 1.0))
        if kind == "stim":
            unit, factor = "", 1.0
        elif unit == "uV" and kind not in _VOLTAGES:
            unit, factor = ("", 1.0) if kind == "misc" else ("V", 1.0)  # MNE's stopgap for none
        units.append(unit)
        scale[i] = factor
    return units, scale


def _positions(info: mne.Info) -> np.ndarray | None:
    """Places in the head frame, mm; MEG sensors are brought there from the frame of the dewar."""
    places = np.full((len(info["chs"]), 3), np.nan)
    to_head = info["dev_head_t"]
    for i, channel in enumerate(info["chs"]):
        place = channel["loc"][:3]
        if not np.isfinite(place).all() or not place.any():
            continue
        frame = int(channel["coord_frame"])
        if frame == 4:
            places[i] = place
        elif frame == 1 and to_head is not None:
            places[i] = to_head["trans"][:3, :3] @ place + to_head["trans"][:3, 3]
    return places * 1e3 if np.isfinite(places).any() else None


def _fiducials(info: mne.Info) -> dict[str, list[float]]:
    names = {1: "lpa", 2: "nasion", 3: "rpa"}
    return {
        names[int(point["ident"])]: [round(float(v) * 1e3, 6) for v in point["r"]]
        for point in info["dig"] or ()
        if int(point["kind"]) == 1 and int(point["coord_frame"]) == 4
    }


def _trials(epochs: mne.BaseEpochs) -> dict[str, ArrayLike]:
    names = {code: name for name, code in epochs.event_id.items()}
    if not epochs.preload:
        epochs.load_data()  # only now does MNE know which are rejected
    codes = epochs.events[:, 2]
    trials: dict[str, ArrayLike] = {
        "label": [names[code] for code in codes],
        "onset": epochs.events[:, 0] / epochs.info["sfreq"],
        "code": codes,
    }
    if epochs.metadata is not None:
        for name, column in epochs.metadata.items():
            values = column.to_numpy()
            if values.dtype.kind not in "biuf":
                values = column.astype(object).to_numpy()
                if all(isinstance(v, str) for v in values):
                    values = values.astype(str)
            trials.setdefault(str(name), values)
    return trials


def _info(x: xr.DataArray, rate: float) -> mne.Info:
    import mne

    names = [str(name) for name in x["channel"].values]
    known = mne.io.get_channel_type_constants()
    kinds = [str(k) for k in x["type"].values] if "type" in x.coords else ["eeg"] * len(names)
    kinds = [kind if kind in known else "misc" for kind in kinds]
    info = mne.create_info(names, rate, kinds, verbose="error")
    if "bad" in x.coords:
        info["bads"] = [n for n, bad in zip(names, x["bad"].values.tolist(), strict=True) if bad]
    if measured := x.attrs.get("measured"):
        date = datetime.datetime.fromisoformat(measured)
        with info._unlock():
            info["meas_date"] = (date.replace(tzinfo=date.tzinfo or datetime.UTC)).astimezone(
                datetime.UTC
            )
    if all(axis in x.coords for axis in "xyz"):
        places = np.stack([np.asarray(x[axis].values, float) for axis in "xyz"], 1) / 1e3
        known_places = {
            name: place
            for name, kind, place in zip(names, kinds, places, strict=True)
            if kind in _PLACED and np.isfinite(place).all()
        }
        points = json.loads(x.attrs.get("fiducials", "{}"))
        if known_places:
            montage = mne.channels.make_dig_montage(
                known_places,
                coord_frame="head",
                **{name: np.array(place) / 1e3 for name, place in points.items()},
            )
            info.set_montage(montage, on_missing="ignore", verbose="error")
    return info


def _scale(x: xr.DataArray) -> np.ndarray:
    if "units" in x.coords:
        units = [str(unit) for unit in x["units"].values]
    else:
        units = [str(x.attrs.get("units", ""))] * x.sizes["channel"]
    return np.array([_TO_SI.get(unit.replace("µ", "u").replace("μ", "u"), 1.0) for unit in units])


def _epochs(
    x: xr.DataArray, values: np.ndarray, info: mne.Info, rate: float, first: int
) -> mne.BaseEpochs:
    import mne

    n_trials = x.sizes["trial"]
    labels = np.full(n_trials, "trial")
    if "label" in x.coords:
        labels = np.broadcast_to(x["label"].values, n_trials).astype(str)
    codes = np.unique(labels, return_inverse=True)[1] + 1
    if "code" in x.coords and x["code"].dims == ("trial",):
        own = x["code"].values.astype(int)
        if len({*zip(labels, own, strict=True)}) == len(set(own)) == len(set(labels)):
            codes = own
    samples = np.arange(n_trials) * x.sizes["time"]
    if "onset" in x.coords and x["onset"].dims == ("trial",):
        own = np.round(x["onset"].values * rate)
        if np.isfinite(own).all() and (np.diff(own) > 0).all():
            samples = own.astype(int)
    columns = {
        str(name): coordinate.values
        for name, coordinate in x.coords.items()
        if coordinate.dims == ("trial",) and name not in _OWN
    }
    return mne.EpochsArray(
        values,
        info,
        np.stack([samples, np.zeros_like(samples), codes], 1),
        first / rate,
        dict(zip(labels.tolist(), codes.tolist(), strict=True)),
        metadata=pd.DataFrame(columns) if columns else None,
        baseline=None,
        verbose="error",
    )
