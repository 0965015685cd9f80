"""Damage files of every format and read them: nothing may crash, hang, or eat the memory.

    python benchmarks/fuzz.py --mutants 10000 --formats edf bdf ntok
    python benchmarks/fuzz.py --mutants 500000 --formats edf-bytes bdf-bytes
    python benchmarks/fuzz.py --every --formats ntok lossless saved

Each mutant is a small sound file with bytes flipped, set, cut, doubled or inserted, or a number in
its text made extreme. It is read through every door, in a child process. It must be read, or
refused by one sentence (OSError, ValueError or ImportError) that begins with the path, within 5 s
and 200 MB + 20 times its size. Mutants that do otherwise are counted and kept in ``--keep``.

``edf-bytes`` and ``bdf-bytes`` take the reader alone, header, clocks of records, annotations and
samples, without the labels that xarray adds, and every hundredth mutant through the doors as well.
``--every`` sets every byte in turn to another value, and cuts the file at every length.
"""

import argparse
import faulthandler
import gc
import os
import resource
import select
import shutil
import signal
import struct
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr

import neurokit
from neurokit import io, recording

SECONDS, MEGABYTES, TIMES = 5, 200, 20
EVERY = -1  # in place of a seed: every byte and every length
EXTREMES = [b"0", b"-1", b"1e308", b"1e999999999", b"nan", b"99999999", b"\xff", b""]


def samples(n: int = 600) -> xr.DataArray:
    """Return a small signal."""
    values = np.random.default_rng(0).normal(0, 30, (3, n)).round()
    return neurokit.signal(values, sampling_rate=100, channels=["C3", "Cz", "C4"])


def make_seeds(folder: Path) -> dict[str, Path]:
    """Write a sound file of each format."""
    x, told = samples(), recording.events([0.5, 2.0], [0.0, 0.5], ["go", "stop"])
    seeds = {"edf": io.write_edf(folder / "a.edf", x, told)}
    seeds["bdf"] = _write_bdf(folder / "a.bdf")
    seeds |= {"edf-bytes": seeds["edf"], "bdf-bytes": seeds["bdf"]}
    seeds["lossless"] = io.compress(seeds["edf"], folder / "l.ntok")
    tokens = xr.DataArray(
        np.arange(2 * 40 * 3).reshape(2, 40, 3) % 5,
        dims=("channel", "frame", "level"),
        coords={"channel": ["Cz", "Pz"], "frame": np.arange(40) / 7},
    )
    seeds["ntok"] = io.write_tokens(folder / "t.ntok", tokens, events=told)
    spikes = neurokit.spikes({"a": [0.1, 0.2], "b": []}, stop=1.0, channels=["C3", "C4"])
    np.savez(folder / "s.npz", spike_times=[0.1, 0.2, 0.3], unit=[1, 1, 2], time=[0.0, 1.0])
    seeds["npz"] = folder / "s.npz"
    seeds["zarr"] = io.save(folder / "z.zarr", x)
    seeds["nc"] = io.save(folder / "n.nc", x)
    told.to_csv(folder / "e.tsv", sep="\t", index=False)
    seeds["tsv"] = folder / "e.tsv"
    return seeds | _seeds_of_extras(folder, x, spikes)


def _write_bdf(path: Path) -> Path:
    """Write two signals of 24 bits, one of them of triggers."""
    columns = [("Cz", 16), ("", 80), ("uV", 8), ("-100", 8), ("100", 8), ("-8388608", 8)]
    columns += [("8388607", 8), ("", 80), ("50", 8), ("", 32)]
    head = b"\xffBIOSEMI" + b"X".ljust(160) + b"01.02.0304.05.06" + b"768".ljust(8)
    head += b"24BIT".ljust(44) + b"6".ljust(8) + b"1".ljust(8) + b"2".ljust(4)
    for text, width in columns:
        second = "Status" if text == "Cz" else text
        head += text.encode().ljust(width) + second.encode().ljust(width)
    path.write_bytes(head + np.random.default_rng(0).bytes(6 * 2 * 50 * 3))
    return path


def _seeds_of_extras(folder: Path, x: xr.DataArray, spikes: xr.Dataset) -> dict[str, Path]:
    """Write what takes MNE, pynwb or SciPy, as far as they are here."""
    import scipy.io

    cells = np.empty(2, object)
    cells[:] = [np.arange(5.0), np.arange(3.0)]
    held = {"spike_times": cells, "who": {"name": "x", "age": 3}}
    seeds = {}
    for name, packed in (("mat", False), ("matz", True)):
        scipy.io.savemat(folder / f"{name}.mat", held, do_compression=packed)
        seeds[name] = folder / f"{name}.mat"
    try:
        import mne
    except ImportError:
        return seeds
    raw = io.to_mne(x)
    raw.save(folder / "a_raw.fif", verbose="error", overwrite=True)
    seeds["fif"] = folder / "a_raw.fif"
    average = mne.EvokedArray(raw.get_data()[:, :50], raw.info, verbose="error")
    average.save(folder / "a-ave.fif", verbose="error", overwrite=True)
    seeds["evoked"] = folder / "a-ave.fif"
    places = np.zeros(3, dtype=[("labels", object), ("type", object)])
    places["labels"] = ["C3", "Cz", "C4"]
    about = {"nbchan": 3.0, "trials": 1.0, "pnts": 600.0, "srate": 100.0, "xmin": 0.0}
    about |= {"xmax": 5.99, "data": x.values, "chanlocs": places, "event": np.array([])}
    about |= {
        "setname": "x",
        "epoch": np.array([]),
        "chaninfo": {"nosedir": "+X"},
        "ref": "common",
    }
    scipy.io.savemat(folder / "e.set", {"EEG": about}, appendmat=False)
    seeds["set"] = folder / "e.set"
    seeds["set73"] = _write_set73(folder / "e73.set", x.values)
    (folder / "b.eeg").write_bytes(x.values.T.astype("<i2").tobytes())
    (folder / "b.vhdr").write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nDataFile=b.eeg\n"
        "DataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=3\n"
        "SamplingInterval=10000\n[Binary Infos]\nBinaryFormat=INT_16\n[Channel Infos]\n"
        "Ch1=C3,,1,uV\nCh2=Cz,,1,uV\nCh3=C4,,1,uV\n"
    )
    seeds["vhdr"] = folder / "b.vhdr"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seeds["nwb"] = io.write_nwb(folder / "a.nwb", spikes)
    except ImportError:
        pass
    return seeds


def _write_set73(path: Path, values: np.ndarray) -> Path:
    """Write a data set of EEGLAB as MATLAB 7.3 does: HDF5 behind a block of 512 bytes."""
    import h5py

    def put(
        group: h5py.Group, name: str, value: object, kind: str, **more: object
    ) -> h5py.Dataset:
        held = group.create_dataset(name, data=value)
        held.attrs.update({"MATLAB_class": np.bytes_(kind), **more})
        return held

    def struct_of(group: h5py.Group, name: str, fields: str) -> h5py.Group:
        made = group.create_group(name)
        made.attrs["MATLAB_class"] = np.bytes_("struct")
        letters = np.empty(len(fields.split()), object)
        letters[:] = [np.array([*field], "S1") for field in fields.split()]
        made.attrs.create("MATLAB_fields", letters, dtype=h5py.vlen_dtype("S1"))
        return made

    def text(group: h5py.Group, name: str, said: str) -> h5py.Dataset:
        letters = np.array([[ord(letter)] for letter in said], "u2")
        return put(group, name, letters, "char", MATLAB_int_decode=np.int32(2))

    with h5py.File(path, "w", userblock_size=512) as file:
        eeg = struct_of(file, "EEG", "nbchan trials pnts srate xmin xmax data event epoch")
        for name, number in {"nbchan": 3, "trials": 1, "pnts": values.shape[1]}.items():
            put(eeg, name, [[float(number)]], "double")
        for name, number in {"srate": 100.0, "xmin": 0.0, "xmax": 5.99}.items():
            put(eeg, name, [[number]], "double")
        put(eeg, "data", values.T.astype("<f4"), "single")
        for name in ("event", "epoch"):
            put(eeg, name, np.zeros(2, "u8"), "double", MATLAB_empty=np.uint8(1))
        text(eeg, "setname", "x")
        text(eeg, "ref", "common")
        text(struct_of(eeg, "chaninfo", "nosedir"), "nosedir", "+X")
        places, refs = struct_of(eeg, "chanlocs", "labels type"), file.create_group("#refs#")
        for field, words in (("labels", ("C3", "Cz", "C4")), ("type", ("EEG",) * 3)):
            held = [text(refs, f"{field}{i}", word).ref for i, word in enumerate(words)]
            places.create_dataset(field, data=np.array(held, dtype=h5py.ref_dtype)[:, None])
    whole = b"MATLAB 7.3 MAT-file".ljust(116) + bytes(8) + b"\x00\x02IM" + path.read_bytes()[128:]
    path.write_bytes(whole)
    return path


def make_saved(folder: Path) -> dict[str, Path]:
    """Save a fitted estimator."""
    from neurokit.decoders import WienerRegressor

    rng = np.random.default_rng(0)
    fitted = WienerRegressor(2).fit(rng.normal(size=(80, 3)), rng.normal(size=(80, 2)))
    path = folder / "w.safetensors"
    fitted.save(path)
    return {"saved": path}


def mutate(whole: bytes, rng: np.random.Generator) -> bytes:
    """Change a file in one of seven ways, sometimes more than once."""
    changed = bytearray(whole)
    for _ in range(int(rng.integers(1, 4))):
        if not changed:
            break
        head = len(changed) if rng.random() < 0.5 else min(len(changed), 1024)
        at, kind = int(rng.integers(0, head)), int(rng.integers(0, 8))
        if kind == 0:
            changed[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            changed[at] = int(rng.choice([0, 1, 0x20, 0x39, 0x7F, 0x80, 0xFF]))
        elif kind == 2:
            del changed[at : at + int(rng.integers(1, 40))]
        elif kind == 3:
            changed[at:at] = changed[at : at + int(rng.integers(1, 200))]
        elif kind == 4:
            changed[at:at] = rng.bytes(int(rng.integers(1, 20)))
        elif kind == 5 and len(changed) > at + 8:
            number = int(rng.choice([-1, 0, 2**31 - 1, -(2**31), 2**24, 255]))
            changed[at : at + 4] = struct.pack(str(rng.choice(["<i", ">i"])), number)
        elif kind == 6:
            text = EXTREMES[int(rng.integers(len(EXTREMES)))].ljust(8)
            changed[at : at + 8] = text[: len(changed) - at]
        else:
            del changed[at:]
    return bytes(changed)


def touch(x: object) -> None:
    """Use what a door gave, so that lazy values are read."""
    if isinstance(x, xr.DataTree):
        for node in x.leaves:
            touch(node.to_dataset())
    elif isinstance(x, xr.Dataset):
        for variable in x.data_vars.values():
            touch(variable)
    elif isinstance(x, xr.DataArray) and x.size:
        x.isel({dim: slice(0, 400) for dim in x.dims}).load()
        x.isel({dim: slice(-5, None) for dim in x.dims}).load()


def doors_of(form: str) -> list[Callable[[Path], object]]:
    """Return what reads a format."""
    if form == "ntok":
        return [io.read_tokens, io.token_info, lambda p: io.read_tokens(p, recover=True)]
    if form == "lossless":
        return [lambda p: io.decompress(p, p.with_suffix(".out"))]
    if form == "saved":
        from neurokit.decoders import WienerRegressor

        return [WienerRegressor.load]
    doors: list[Callable[[Path], object]] = [io.read_session]
    doors.append(
        io.read_signal if form in ("edf", "bdf", "fif", "evoked", "set", "set73", "vhdr") else None
    )
    doors.append({"tsv": io.read_events, "edf": io.read_events}.get(form, io.read_spikes))
    return [door for door in doors if door is not None]


def read_bytes_of_edf(path: Path) -> None:
    """Read all that a file of EDF or BDF holds, before anything is labelled."""
    from neurokit.io.readers.edf_file import EdfSamples, open_edf

    file = open_edf(path)
    file.check_clock()
    list(file.read_notes())
    _ = file.gaps
    for i in file.data:
        one = EdfSamples(file, (i,), np.ones(1), np.zeros(1))
        n = one.n_times
        one.read(np.array([0]), 0, min(n, 400))
        one.read(np.array([0]), max(n - 5, 0), n)


def judge(form: str, path: Path, number: int = 0) -> str:
    """Read a mutant through every door: "read", "refused", or what was wrong."""
    outcome = "refused"
    doors = doors_of(form.removesuffix("-bytes"))
    if form.endswith("-bytes"):
        doors = [read_bytes_of_edf, *(doors if number % 100 == 0 else [])]
    for door in doors:
        try:
            touch(door(path))
            outcome = "read"
        except (OSError, ValueError, ImportError) as error:
            said = str(error)
            if "\n" in said:
                return "refused by more than a sentence"
            if str(path.parent) not in said:
                return f"refused without the path ({type(error).__name__})"
        except BaseException as error:
            return f"{type(error).__name__}"
    return outcome


def child(
    form: str, seed_file: Path, numbers: range, seed: int, folder: Path, report: int
) -> None:
    """Judge mutants one after the other; write a line about each."""
    faulthandler.enable()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(folder / "stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    warnings.simplefilter("ignore")
    size = seed_file.stat().st_size if seed_file.is_file() else 10**5
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = used + MEGABYTES * 10**6 + TIMES * size
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    beside = _beside(seed_file)
    for number in numbers:
        outcome = judge(form, place(seed_file, number, seed, folder, beside), number)
        os.write(report, f"{number} {outcome}\n".encode())
        if number % 200 == 0:
            gc.collect()
    os._exit(0)


def _beside(seed_file: Path) -> list[Path]:
    return [
        p
        for p in seed_file.parent.glob(f"{seed_file.stem}.*")
        if p.is_file() and p != seed_file and seed_file.suffix == ".vhdr"
    ]


def place(seed_file: Path, number: int, seed: int, folder: Path, beside: list[Path]) -> Path:
    """Write mutant `number`; a folder has one of its files changed.

    With the seed EVERY it is byte ``number // 2`` changed, or the file cut there.
    """
    if seed == EVERY:
        path, whole = folder / seed_file.name, bytearray(seed_file.read_bytes())
        at, cut = divmod(number, 2)
        whole[at] = (whole[at] + 1 + 83 * at % 255) % 256  # never what it was
        path.write_bytes(whole[:at] if cut else whole)
        return path
    rng = np.random.default_rng([seed, number])
    path = folder / seed_file.name
    if seed_file.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(seed_file, path)
        inside = sorted(p for p in path.rglob("*") if p.is_file())
        target = inside[int(rng.integers(len(inside)))]
        target.write_bytes(mutate(target.read_bytes(), rng))
        return path
    path.write_bytes(mutate(seed_file.read_bytes(), rng))
    for other in beside:
        shutil.copy(other, folder)
    return path


def run_format(
    form: str, seed_file: Path, mutants: int, seed: int, folder: Path, keep: Path | None
) -> Counter[str]:
    """Judge `mutants` of one format; a child that dies is counted and followed by another."""
    counts: Counter[str] = Counter()
    first = 0
    while first < mutants:
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reader)
            child(form, seed_file, range(first, mutants), seed, folder, writer)
        os.close(writer)
        last = first - 1
        for last, outcome in _lines(reader, pid):
            counts[outcome] += 1
            if outcome not in ("read", "refused") and keep is not None:
                _keep(seed_file, last, seed, folder, keep)
        status = os.waitpid(pid, 0)[1]
        if last + 1 < mutants:  # it died at the next one
            last += 1
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            late = number == signal.SIGKILL
            counts[f"longer than {SECONDS} s" if late else f"crash (signal {number})"] += 1
            if keep is not None:
                _keep(seed_file, last, seed, folder, keep)
        first = last + 1
    return counts


def _lines(reader: int, pid: int) -> Iterator[tuple[int, str]]:
    """Return what a child writes of each mutant; end it where that takes too long."""
    held, allowed = b"", 60  # it has imports to do
    while True:
        ready, _, _ = select.select([reader], [], [], allowed)
        if not ready:
            os.kill(pid, signal.SIGKILL)
        got = os.read(reader, 1 << 16) if ready else b""
        if not got:
            os.close(reader)
            return
        *lines, held = (held + got).split(b"\n")
        for line in lines:
            number, _, outcome = line.decode().partition(" ")
            yield int(number), outcome
        allowed = SECONDS


def _keep(seed_file: Path, number: int, seed: int, folder: Path, keep: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:  # the child goes on in folder
        path = place(seed_file, number, seed, Path(aside), _beside(seed_file))
        if path.is_file():
            shutil.copy(path, keep / f"{number}-{path.name}")
        else:
            shutil.copytree(path, keep / f"{number}-{path.name}", dirs_exist_ok=True)


def main() -> None:
    """Print, for each format, how many mutants were read, refused, or went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=1000, help="of each format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", action="store_true", help="every byte and every length")
    parser.add_argument("--formats", nargs="*", help="default: all")
    parser.add_argument("--keep", type=Path, help="folder for mutants that went wrong")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=shared) as top:
        (good := Path(top, "good")).mkdir()
        (bad := Path(top, "bad")).mkdir()
        seeds = make_seeds(good) | make_saved(good)
        for form in options.formats or list(seeds):
            sound = judge(form, seeds[form])  # imports and compiles before the children start
            if sound != "read":
                print(f"{form}: the sound file is {sound}")
            begun = time.perf_counter()
            mutants, seed, how = options.mutants, options.seed, f"seed {options.seed}"
            if options.every:
                how = "every byte, every length"
                mutants, seed = 2 * seeds[form].stat().st_size, EVERY
            counts = run_format(form, seeds[form], mutants, seed, bad, options.keep)
            wrong = {k: n for k, n in counts.items() if k not in ("read", "refused")}
            print(
                f"{form:9s} {how} mutants {sum(counts.values()):7d}"
                f" read {counts['read']:7d} refused {counts['refused']:7d}"
                f" wrong {wrong or 0} ({time.perf_counter() - begun:.0f} s)",
                flush=True,
            )


if __name__ == "__main__":
    main()
