"""The command line: ``neurokit demo | info | convert | run | tokenize | detokenize | bench``."""

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

import neurokit

# Nothing that takes long is imported before a command runs: --help answers at once.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the command line.

    Returns
    -------
    int
        0 when all went well, 1 when something could not be done, 2 when the command itself was
        wrong, 130 when it was interrupted. What went wrong is one sentence on stderr; with
        ``NEUROKIT_DEBUG=1`` in the environment it is the whole traceback.
    """
    try:
        chosen = _parser().parse_args(arguments)
    except SystemExit as end:  # argparse has said why
        return int(end.code or 0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.showwarning = _warn
            chosen.command(chosen)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _fail("interrupted.", 130)
    except BrokenPipeError:  # the reader of a pipe, head say, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("NEUROKIT_DEBUG"):
            raise
        return _fail(_sentence(error), 1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="neurokit", description="Read brain recordings, look at them, decode them."
    )
    parser.add_argument("--version", action="version", version=f"neurokit {neurokit.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], None], words: str) -> Any:
        command = commands.add_parser(name, help=words, description=f"{words.capitalize()}.")
        command.set_defaults(command=run)
        return command

    demo = add("demo", _demo, "simulate a session to files, read it back, decode it, and report")
    demo.add_argument("--out", type=Path, default=Path("neurokit-demo.html"), metavar="REPORT")
    demo.add_argument("--seed", type=int, default=0, help="of the simulation (default: 0)")

    info = add("info", _info, "say what a file holds, and what is odd about it")
    info.add_argument("file", type=Path, metavar="FILE")

    convert = add(
        "convert", _convert, "write a recording in another format, by the extension of OUT"
    )
    convert.add_argument("file", type=Path, metavar="FILE")
    convert.add_argument(
        "out", type=Path, metavar="OUT", help=".edf .nwb .zarr .nc, or .tsv (events)"
    )
    convert.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")

    run = add("run", _run, "make a report of a file: contents, spectra, rasters, decoding")
    run.add_argument("file", type=Path, metavar="FILE")
    run.add_argument("--out", type=Path, metavar="REPORT", help="default: FILE.html, here")
    run.add_argument(
        "--labels", type=lambda text: text.split(","), metavar="A,B", help="events to tell apart"
    )
    run.add_argument(
        "--window",
        type=float,
        nargs=2,
        metavar=("FROM", "TO"),
        help="seconds around an event (default: 0 to the next one, at most 3)",
    )

    model = "weights that come with neurokit, or a file that save() wrote (default: eeg-small)"
    tokenize = add("tokenize", _tokenize, "write a signal as tokens, in a small file")
    tokenize.add_argument("file", type=Path, metavar="FILE")
    tokenize.add_argument("out", type=Path, metavar="OUT.ntok")
    tokenize.add_argument(
        "--lossless", action="store_true", help="keep every bit of FILE, in a larger file"
    )
    tokenize.add_argument("--model", default="eeg-small", help=model)
    tokenize.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")

    detokenize = add("detokenize", _detokenize, "write the recording that tokens stand for")
    detokenize.add_argument("file", type=Path, metavar="FILE.ntok")
    detokenize.add_argument(
        "out", type=Path, metavar="OUT", help=".edf .zarr .nc; any name after --lossless"
    )
    detokenize.add_argument("--model", default="eeg-small", help=model)
    detokenize.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")

    bench = add("bench", _bench, "score decoders on a public benchmark, as its leaderboard does")
    bench.formatter_class = argparse.RawDescriptionHelpFormatter
    bench.description = _BENCH
    bench.add_argument("task", choices=["reaching"], help="NeuroBench's primate reaching")
    bench.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with the .mat files, or some of them",
    )
    usual = "wiener,kalman,ann2d,ann3d,snn2,snn3d,tiny"
    bench.add_argument("--decoders", type=_names, default=usual, metavar="A,B", help=f"({usual})")
    bench.add_argument(
        "--filters", type=_names, default="none", metavar="A,B", help="behind each decoder (none)"
    )
    bench.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="networks are trained N times (1)"
    )
    bench.add_argument("--epochs", type=int, metavar="N", help="of each network (its own)")
    bench.add_argument(
        "--count", type=int, metavar="N", help="test steps to count operations on (all)"
    )
    bench.add_argument("--device", default="auto", help="to train on: auto, cpu, cuda (auto)")
    bench.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="rows of figures, .csv or .json; those that it holds are not computed again."
        " The leaderboard's rows go beside it, as .rst",
    )
    return parser


_LONG = 1 << 18  # samples beyond which tokens are made and decoded piece by piece
_BENCH = """\
Score decoders on a public benchmark, as its leaderboard does.

reaching: primate motor prediction of NeuroBench, six recordings of the Sabes laboratory
  (https://zenodo.org/records/583331; indy_20160622_01.mat, indy_20160630_01.mat,
  indy_20170131_02.mat, loco_20170210_03.mat, loco_20170215_02.mat, loco_20170301_05.mat).
  Bins of 4 ms, velocity of the cursor; the first half of the reaches to train on, a quarter to
  validate, the last quarter to test. Each recording has a decoder of its own. NeuroBench's
  committed figures stand in the table beside ours.

decoders: wiener (on three numbers for each channel's last 0.2 s), kalman, ann2d, ann3d, snn2,
  snn3d, streaming, tiny, big, spiking, gru, lstm, elm
filters behind them: none, bessel-causal, bessel-last, bessel-middle, bessel-offline, fir,
  fir-late; 6.25 Hz, 32 predictions at most. They are fitted on the validation part. R2 is in
  real time; "aligned" forgives their delay.

example:
  neurokit bench reaching --data ~/sabes --decoders tiny,snn2 --filters none,fir --out table.csv
"""


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _demo(chosen: argparse.Namespace) -> None:
    started = time.perf_counter()
    _writable(chosen.out)
    _use_no_screen()
    from neurokit.cli.demo import demo

    report, table = demo(chosen.seed)
    print(table)
    path = report.save(chosen.out)
    print(f"\nReport: {path.resolve()} ({time.perf_counter() - started:.0f} s)")


def _info(chosen: argparse.Namespace) -> None:
    from neurokit.cli.contents import lines, open_session

    if Path(chosen.file).suffix.lower() == ".ntok":
        print("\n".join(_token_lines(chosen.file)))
        return
    for line in lines(open_session(chosen.file)):
        print(line)


def _token_lines(path: Path) -> list[str]:
    """Tell what a ``.ntok`` file holds."""
    from neurokit.io.packed.container import Container
    from neurokit.io.packed.ntok import read_tokens, token_info

    if Container(path).header.get("kind") == "lossless":
        return [f"{path}: a recording without loss, {_size(path)}; detokenize gives it back."]
    info, tokens = token_info(path), read_tokens(path)
    sizes = ", ".join(f"{size} {dim}s" for dim, size in info["sizes"].items())
    found = [f"{path}: tokens of {sizes}, {_size(path)}, {info['bits_per_token']:.2f} bit each"]
    rate = float(Fraction(tokens.attrs.get("signal_rate", 0)))
    if rate:
        seconds = tokens.attrs["signal_samples"] / rate
        bits = 8 * info["bytes"] / seconds / info["sizes"].get("channel", 1)
        found.append(f"  of {seconds:.1f} s at {rate:g} Hz: {bits:.0f} bit per second and channel")
    if info["events"] is not None:
        found.append(f"  {len(info['events'])} events")
    return [*found, f"  model {info['model_hash']}"]


def _convert(chosen: argparse.Namespace) -> None:
    out, suffix = chosen.out, chosen.out.suffix.lower()
    if suffix not in (".edf", ".nwb", ".zarr", ".nc", ".tsv"):
        raise ValueError(
            f"{out}: convert writes .edf, .nwb, .zarr, .nc and .tsv (events), not"
            f" {suffix or 'a name without extension'!r}."
        )
    _free(chosen)
    from neurokit import io

    if suffix == ".edf":
        table = io.read_events(chosen.file)
        io.write_edf(out, io.read_signal(chosen.file), table)
    elif suffix == ".tsv":
        from neurokit.atomic import atomic_path

        table = io.read_events(chosen.file).rename(columns={"label": "trial_type"})
        if not len(table):
            raise ValueError(f"{chosen.file}: holds no events.")
        with atomic_path(out) as part:
            table.to_csv(part, sep="\t", index=False)
    elif suffix == ".nwb":
        io.write_nwb(out, io.read_session(chosen.file))
    else:
        io.save(out, io.read_session(chosen.file))
    print(f"{out} ({_size(out)})")


def _run(chosen: argparse.Namespace) -> None:
    if not chosen.file.exists():
        raise FileNotFoundError(f"{chosen.file}: no such file or folder.")
    out = chosen.out or Path(f"{chosen.file.name}.html")
    _writable(out)
    _use_no_screen()
    from neurokit.cli.contents import open_session
    from neurokit.cli.run import report_session

    session = open_session(chosen.file)
    report = report_session(session, labels=chosen.labels, window=chosen.window)
    path = report.save(out)
    print(f"Report: {path.resolve()}")


def _tokenize(chosen: argparse.Namespace) -> None:
    _free(chosen)
    if chosen.lossless:
        from neurokit.io.packed.lossless import compress

        path = compress(chosen.file, chosen.out)
        times = chosen.file.stat().st_size / path.stat().st_size
        print(f"{path} ({_size(path)}, {times:.1f} x smaller, every bit kept)")
        return
    from neurokit import io
    from neurokit.io.packed.ntok import write_tokens

    x = io.read_signal(chosen.file)
    table = io.read_events(chosen.file)
    tokenizer, digest = _tokenizer(chosen.model)
    if x.sizes["time"] > _LONG and getattr(tokenizer, "preset", None) is None:
        x = x.chunk(time=_LONG)  # tokens are then coded and written piece by piece
    tokens = tokenizer.transform(x)
    path = write_tokens(chosen.out, tokens, events=table, model_hash=digest)
    bits = 8 * path.stat().st_size
    seconds = x.sizes["time"] / neurokit.sampling_rate(x)
    print(
        f"{path} ({_size(path)}: {bits / seconds / x.sizes['channel']:.0f} bits per second and"
        f" channel, {16 * x.size / bits:.1f} x smaller than 16-bit samples)"
    )


def _detokenize(chosen: argparse.Namespace) -> None:
    _free(chosen)
    from neurokit import io
    from neurokit.io.packed.container import Container
    from neurokit.io.packed.lossless import decompress
    from neurokit.io.packed.ntok import read_tokens, token_info

    if Container(chosen.file).header.get("kind") == "lossless":
        print(f"{decompress(chosen.file, chosen.out)} ({_size(chosen.out)}, as it was)")
        return
    suffix = chosen.out.suffix.lower()
    if suffix not in (".edf", ".zarr", ".nc"):
        raise ValueError(
            f"{chosen.out}: detokenize writes .edf, .zarr and .nc, not"
            f" {suffix or 'a name without extension'!r}."
        )
    info = token_info(chosen.file)
    tokenizer, digest = _tokenizer(chosen.model)
    if info["model_hash"] != digest:
        raise ValueError(
            f"{chosen.file}: was not made by the model {chosen.model}; give the one that made it"
            " with --model."
        )
    tokens = read_tokens(chosen.file)
    long = tokens.attrs.get("signal_samples", 0) > _LONG
    if suffix == ".zarr" and long and getattr(tokenizer, "preset", None) is None:
        tokens = tokens.chunk(frame=_LONG // 16)
    x = tokenizer.inverse_transform(tokens)
    if suffix == ".edf":
        io.write_edf(chosen.out, x, info["events"])
    else:
        io.save(chosen.out, x)
    print(f"{chosen.out} ({_size(chosen.out)})")


def _bench(chosen: argparse.Namespace) -> None:
    for name in ("seeds", "epochs", "count"):
        if getattr(chosen, name) is not None and getattr(chosen, name) < 1:
            raise ValueError(f"--{name} must be 1 or more, got {getattr(chosen, name)}.")
    if chosen.out is not None:
        _writable(chosen.out)
    from neurokit.cli.bench import reaching

    known = {"decoders": reaching.DECODERS, "filters": reaching.FILTERS}
    for name, those in known.items():
        if unknown := [x for x in getattr(chosen, name) if x not in those]:
            raise ValueError(
                f"--{name}: knows no {', '.join(unknown)}; there are {', '.join(those)}."
            )
    reaching.run(
        chosen.data,
        decoders=chosen.decoders,
        filters=chosen.filters,
        seeds=chosen.seeds,
        epochs=chosen.epochs,
        count=chosen.count,
        device=chosen.device,
        out=chosen.out,
    )


def _tokenizer(model: str) -> tuple[Any, str]:
    """Tokenizer of a name or a file, and the hash of its weights."""
    import hashlib

    from neurokit import tokenizers
    from neurokit.persistence import Saveable

    weights = Path(tokenizers.__file__).parent / "weights" / f"{model}.safetensors"
    path = weights if weights.exists() else Path(model)
    if not path.is_file():
        known = sorted(file.stem for file in weights.parent.glob("*.safetensors"))
        raise FileNotFoundError(
            f"{model}: is no file, and none of the models that come with neurokit, {known}."
        )
    tokenizer: Any = Saveable.load(path)
    if not hasattr(tokenizer, "inverse_transform"):
        raise TypeError(f"{model}: holds a {type(tokenizer).__name__}, no tokenizer.")
    return tokenizer, hashlib.sha256(path.read_bytes()).hexdigest()


def _free(chosen: argparse.Namespace) -> None:
    """Refuse what is not there to read, and to write over what is there."""
    out = chosen.out
    if not chosen.file.exists():
        raise FileNotFoundError(f"{chosen.file}: no such file or folder.")
    if out.exists() and out.samefile(chosen.file):
        raise ValueError(f"{out}: is the file to convert itself; give another name.")
    if out.exists() and not chosen.overwrite:
        raise OSError(f"{out}: is already there; give another name, or --overwrite.")
    _writable(out)


def _use_no_screen() -> None:
    """Draw into files: a window would need a screen, and nobody would look at it."""
    import matplotlib

    matplotlib.use("agg")


def _writable(path: Path) -> None:
    """Refuse before the work what could not be written after it."""
    if path.is_dir() and path.suffix != ".zarr":
        raise IsADirectoryError(f"{path}: is a folder; give the name of a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}; make it first.")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path}: the folder {path.parent} does not let you write.")


def _size(path: Path) -> str:
    files = path.rglob("*") if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files if file.is_file())
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _sentence(error: BaseException) -> str:
    """Put an error in a sentence, without errno and line breaks."""
    words = " ".join(str(error).split())
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        words = f"{error.filename}: {error.strerror.lower()}."
    if isinstance(error, OSError | ValueError | TypeError | ImportError) and words:
        return words
    if isinstance(error, MemoryError):
        return "there is not enough memory for this recording; choose a part of it."
    return (
        f"unexpected {type(error).__name__}{f': {words}' if words else ''}; with NEUROKIT_DEBUG=1"
        " in the environment you see where."
    )


def _fail(words: str, code: int) -> int:
    print(f"neurokit: error: {words}", file=sys.stderr)
    return code


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show what concerns the data; what concerns programmers is not for this place."""
    if not issubclass(category, DeprecationWarning | FutureWarning | ResourceWarning):
        print(f"neurokit: warning: {' '.join(str(message).split())}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
