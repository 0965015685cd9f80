"""The command line, ``neurokit COMMAND``: one function for each command."""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import neurokit
from neurokit.cli.bench.words import BENCH
from neurokit.cli.paths import as_place, check_writable

if TYPE_CHECKING:
    from neurokit.cli.contents import Session
    from neurokit.cli.report import Report
    from neurokit.types import Json

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
    _SAID.clear()
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

    def add(
        name: str, run: Callable[[argparse.Namespace], None], words: str
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=words, description=f"{words.capitalize()}.")
        command.set_defaults(command=run)
        return command

    demo = add("demo", _demo, "simulate a session to files, read it back, decode it, and report")
    demo.add_argument("--out", type=Path, default=Path("neurokit-demo.html"), metavar="REPORT")
    demo.add_argument(
        "--files", type=Path, metavar="FOLDER", help="only write the files of the tour there"
    )
    demo.add_argument("--seed", type=int, default=0, help="of the simulation (default: 0)")

    info = add("info", _info, "say what a file holds, and what is odd about it")
    info.add_argument("file", type=as_place, metavar="FILE")
    rate = "frames per second of traces whose file does not say it (suite2p, MAT, HDF5)"
    info.add_argument("--rate", type=float, metavar="HZ", help=rate)
    series = "name of the traces, where a file holds several matrices (MAT, HDF5, NWB)"
    info.add_argument("--series", metavar="NAME", help=series)
    info.add_argument("--json", action="store_true", help="for other programs to read")

    convert = add(
        "convert", _convert, "write a recording in another format, by the extension of OUT"
    )
    convert.add_argument("file", type=Path, metavar="FILE")
    convert.add_argument(
        "out", type=Path, metavar="OUT", help=".edf .nwb .zarr .nc, or .tsv (events)"
    )
    convert.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")

    run = add("run", _run, "make a report of a file: contents, spectra, rasters, decoding")
    run.add_argument("file", type=as_place, metavar="FILE")
    run.add_argument("--out", type=Path, metavar="REPORT", help="default: FILE.html, here")
    run.add_argument("--rate", type=float, metavar="HZ", help=rate)
    run.add_argument("--series", metavar="NAME", help=series)
    run.add_argument("--by", metavar="COLUMN", help="tell events apart by this column of theirs")
    run.add_argument("--json", action="store_true", help="print contents and tables as JSON")
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

    run.add_argument(
        "--populations",
        type=float,
        default=0.0,
        metavar="S",
        help="look for populations of units and states of spikes, for this many seconds",
    )
    report = add(
        "report", _report, "make a report of every recording in a folder, and an overview"
    )
    report.add_argument("folder", type=Path, metavar="FOLDER")
    out = "folder for the pages (default: FOLDER-report, here)"
    report.add_argument("--out", type=Path, metavar="PAGES", help=out)

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

    pretrain = add("pretrain", _pretrain, "learn from a folder of recordings, without labels")
    pretrain.add_argument("folder", type=Path, metavar="FOLDER")
    pretrain.add_argument("--out", type=Path, default=Path("model.safetensors"), metavar="MODEL")
    pretrain.add_argument("--start", metavar="MODEL", help="go on from these weights (none)")
    pretrain.add_argument("--epochs", type=int, default=20, metavar="N", help="passes (20)")
    pretrain.add_argument("--seed", type=int, default=0, help="of all draws (default: 0)")
    pretrain.add_argument("--device", default="auto", help="to train on: auto, cpu, cuda (auto)")
    pretrain.add_argument("--overwrite", action="store_true", help="replace MODEL if it is there")

    embed = add("embed", _embed, "write what a pretrained model makes of a recording")
    embed.add_argument("file", type=Path, metavar="FILE")
    embed.add_argument("out", type=Path, metavar="OUT", help=".nc .zarr")
    embed.add_argument("--model", default="eeg-small", help=model)
    embed.add_argument("--device", default="auto", help="to run on: auto, cpu, cuda (auto)")
    embed.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")

    warm = add("warm", _warm, "compile all loops now, so that no later call waits for that")
    warm.add_argument(
        "--background", action="store_true", help="return at once, and compile at low priority"
    )

    completion = add("completion", _completion, "print what completes this command in a shell")
    completion.add_argument("shell", choices=["bash", "zsh", "tcsh"])

    bench = add("bench", _bench, "score decoders on a public benchmark, as its leaderboard does")
    bench.formatter_class = argparse.RawDescriptionHelpFormatter
    bench.description = BENCH
    bench.add_argument("task", choices=["reaching", "mi", "ssvep"], help="which benchmark")
    bench.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with the .mat files, or some of them",
    )
    bench.add_argument("--decoders", type=_names, metavar="A,B", help="(those below)")
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


_SAID: set[str] = set()  # warnings of this command


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _demo(chosen: argparse.Namespace) -> None:
    started = time.perf_counter()
    if chosen.files is not None:
        from neurokit.cli.demo_files import write_files

        for path in write_files(chosen.files, chosen.seed):
            print(path)
        return
    check_writable(chosen.out)
    _use_no_screen()
    from neurokit.cli.demo import demo

    def show(report: Report) -> None:  # the first picture at once, the others as they come
        path = report.save(chosen.out)
        if len(report.titles) == 1:
            took = time.perf_counter() - started
            print(f"First picture: {path.resolve()} ({took:.0f} s); the page grows.", flush=True)

    with _one_thread():
        report, table = demo(chosen.seed, show)
    print(table)
    path = report.save(chosen.out)
    print(f"\nReport: {path.resolve()} ({time.perf_counter() - started:.0f} s)")


def _one_thread() -> AbstractContextManager[object]:
    """Let linear algebra use one thread: matrices are small here, and threads wait for each other.

    Where others work on the machine, too, that waiting took ten times as long as the work.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


def _warm(chosen: argparse.Namespace) -> None:
    from neurokit.cli.warm import warm, warm_in_background

    (warm_in_background if chosen.background else warm)()


def _info(chosen: argparse.Namespace) -> None:
    from neurokit.cli.contents import lines, open_session

    if Path(chosen.file).suffix.lower() == ".ntok":
        from neurokit.cli.tokens import describe_tokens

        print("\n".join(describe_tokens(chosen.file)))
        return
    session = open_session(chosen.file, chosen.rate, chosen.series)
    if chosen.json:
        _print_json(session)
        return
    for line in lines(session):
        print(line)


def _print_json(session: Session, report: Report | None = None, path: Path | None = None) -> None:
    import json

    held: Json = {
        "path": str(session.path),
        "warnings": session.warned,
        "parts": [part._asdict() for part in session.held],
    }
    if report is not None:
        held["report"] = str(path)
        held["tables"] = [
            {"section": title, "rows": json.loads(table.to_json(orient="records"))}
            for title, table in report.tables
        ]
    print(json.dumps(held, ensure_ascii=False, indent=1))


def _completion(chosen: argparse.Namespace) -> None:
    try:
        import shtab
    except ImportError:
        raise ImportError(
            "completion needs shtab; pip install 'neurokit-brain[completion]'."
        ) from None
    print(shtab.complete(_parser(), chosen.shell))


def _convert(chosen: argparse.Namespace) -> None:
    from neurokit.cli.convert import convert

    convert(chosen.file, chosen.out, overwrite=chosen.overwrite)


def _tokenize(chosen: argparse.Namespace) -> None:
    from neurokit.cli.tokens import tokenize

    tokenize(
        chosen.file,
        chosen.out,
        model=chosen.model,
        lossless=chosen.lossless,
        overwrite=chosen.overwrite,
    )


def _detokenize(chosen: argparse.Namespace) -> None:
    from neurokit.cli.tokens import detokenize

    detokenize(chosen.file, chosen.out, model=chosen.model, overwrite=chosen.overwrite)


def _pretrain(chosen: argparse.Namespace) -> None:
    from neurokit.cli.pretraining import pretrain

    pretrain(
        chosen.folder,
        chosen.out,
        start=chosen.start,
        epochs=chosen.epochs,
        seed=chosen.seed,
        device=chosen.device,
        overwrite=chosen.overwrite,
    )


def _embed(chosen: argparse.Namespace) -> None:
    from neurokit.cli.pretraining import embed

    embed(
        chosen.file,
        chosen.out,
        model=chosen.model,
        device=chosen.device,
        overwrite=chosen.overwrite,
    )


def _run(chosen: argparse.Namespace) -> None:
    if not chosen.file.exists():
        raise FileNotFoundError(f"{chosen.file}: no such file or folder.")
    out = chosen.out or Path(f"{chosen.file.name}.html")
    check_writable(out)
    _use_no_screen()
    from neurokit.cli.contents import open_session
    from neurokit.cli.design import label_by
    from neurokit.cli.run import report_session

    session = open_session(chosen.file, chosen.rate, chosen.series)
    if chosen.by is not None:
        table = session.events
        if table is None or chosen.by not in table:
            held = [] if table is None else table.columns.tolist()
            raise ValueError(f"--by: events have no column {chosen.by!r}; there are {held}.")
        tables = {
            place: label_by(one, chosen.by)
            for place, one in session.tables.items()
            if chosen.by in one
        }
        session = session._replace(events=label_by(table, chosen.by), tables=tables)
    from tqdm import tqdm

    with tqdm(desc="report", unit=" parts", disable=None, leave=False) as steps:

        def tell(title: str) -> None:
            steps.set_postfix_str(title)
            steps.update()

        with _one_thread():
            report = report_session(
                session,
                labels=chosen.labels,
                window=chosen.window,
                populations=chosen.populations,
                tell=tell,
            )
    path = report.save(out)
    if chosen.json:
        _print_json(session, report, path.resolve())
        return
    print(f"Report: {path.resolve()}")


def _report(chosen: argparse.Namespace) -> None:
    if not chosen.folder.is_dir():
        raise NotADirectoryError(f"{chosen.folder}: is no folder; neurokit run reports on a file.")
    out = chosen.out or Path(f"{chosen.folder.resolve().name}-report")
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"{out}: is a file; give another name for the pages' folder.")
    _use_no_screen()
    from neurokit.cli.folder import report_folder

    with _one_thread():
        pages = report_folder(chosen.folder, out)
    for page in pages:
        if page.file is None:
            print(f"neurokit: warning: {page.words}", file=sys.stderr)
    if all(page.file is None for page in pages):
        raise OSError(f"{chosen.folder}: none of its {len(pages)} recordings could be read.")
    print(f"Report: {(out / 'index.html').resolve()}")


def _bench(chosen: argparse.Namespace) -> None:
    for name in ("seeds", "epochs", "count"):
        if getattr(chosen, name) is not None and getattr(chosen, name) < 1:
            raise ValueError(f"--{name} must be 1 or more, got {getattr(chosen, name)}.")
    if chosen.out is not None:
        check_writable(chosen.out)
    if chosen.task != "reaching":
        from neurokit.cli.bench import trials

        trials.run(
            chosen.task,
            chosen.data,
            decoders=chosen.decoders,
            seeds=chosen.seeds,
            epochs=chosen.epochs,
            device=chosen.device,
            out=chosen.out,
        )
        return
    from neurokit.cli.bench import reaching

    chosen.decoders = chosen.decoders or _names("wiener,kalman,ann2d,ann3d,snn2,snn3d,tiny")
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


def _use_no_screen() -> None:
    """Draw into files: a window would need a screen, and nobody would look at it."""
    import matplotlib

    matplotlib.use("agg")


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
    """Show what concerns the data, once; what concerns programmers is not for this place."""
    words = " ".join(str(message).split())
    hidden = issubclass(category, DeprecationWarning | FutureWarning | ResourceWarning)
    if not hidden and words not in _SAID:
        _SAID.add(words)
        print(f"neurokit: warning: {words}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
