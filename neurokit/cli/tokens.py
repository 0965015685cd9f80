"""Recordings to files of tokens, and back."""

from collections.abc import Iterator, Sized
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import neurokit
from neurokit.cli.paths import check_free, tell_size

_LONG = 1 << 18  # samples beyond which tokens are made and decoded piece by piece


def tokenize(file: Path, out: Path, *, model: str, lossless: bool, overwrite: bool) -> None:
    """Write a signal as tokens, or without any loss."""
    check_free(file, out, overwrite=overwrite)
    if lossless:
        from neurokit.io.packed.lossless import compress

        path = compress(file, out, verbose=1)
        times = file.stat().st_size / path.stat().st_size
        print(f"{path} ({tell_size(path)}, {times:.1f} x smaller, every bit kept)")
        return
    from neurokit import io
    from neurokit.io.packed.ntok import write_tokens

    x = io.read_signal(file)
    table = io.read_events(file)
    tokenizer, digest = load_tokenizer(model)
    if x.sizes["time"] > _LONG and _works_by_pieces(tokenizer):
        x = x.chunk(time=_LONG)  # tokens are then coded and written piece by piece
    with _told(len(x.chunksizes.get("time", ())), "tokenize"):
        tokens = tokenizer.transform(x)
        path = write_tokens(out, tokens, events=table, model_hash=digest)
    bits = 8 * path.stat().st_size
    seconds = x.sizes["time"] / neurokit.sampling_rate(x)
    print(
        f"{path} ({tell_size(path)}: {bits / seconds / x.sizes['channel']:.0f} bits per second and"
        f" channel, {16 * x.size / bits:.1f} x smaller than 16-bit samples)"
    )


@contextmanager
def _told(n_blocks: int, words: str) -> Iterator[None]:
    """Show on a terminal how far work on a lazy recording is.

    ``n_blocks`` are computed one after the other; 0: all in one, and its tasks are counted.
    """
    from dask.callbacks import Callback
    from tqdm import tqdm

    with tqdm(total=n_blocks or None, desc=words, disable=None, leave=False) as bar:

        def start(graph: Sized) -> None:
            if not n_blocks:
                bar.reset(len(graph))

        def task(*_: object) -> None:
            if not n_blocks:
                bar.update()

        def finish(*_: object) -> None:
            if n_blocks:
                bar.update()

        with Callback(start=start, posttask=task, finish=finish):
            yield


def detokenize(file: Path, out: Path, *, model: str, overwrite: bool) -> None:
    """Write the recording that tokens stand for."""
    check_free(file, out, overwrite=overwrite)
    from neurokit import io
    from neurokit.io.packed.container import Container
    from neurokit.io.packed.lossless import decompress
    from neurokit.io.packed.ntok import read_tokens, token_info

    if Container(file).header.get("kind") == "lossless":
        print(f"{decompress(file, out, verbose=1)} ({tell_size(out)}, as it was)")
        return
    suffix = out.suffix.lower()
    if suffix not in (".edf", ".zarr", ".nc"):
        raise ValueError(
            f"{out}: detokenize writes .edf, .zarr and .nc, not"
            f" {suffix or 'a name without extension'!r}."
        )
    info = token_info(file)
    tokenizer, digest = load_tokenizer(model)
    if info["model_hash"] != digest:
        raise ValueError(
            f"{file}: was not made by the model {model}; give the one that made it with --model."
        )
    tokens = read_tokens(file)
    long = tokens.attrs.get("signal_samples", 0) > _LONG
    if suffix == ".zarr" and long and _works_by_pieces(tokenizer):
        tokens = tokens.chunk(frame=_LONG // 16)
    with _told(0, "detokenize"):
        x = tokenizer.inverse_transform(tokens)
        if suffix == ".edf":
            io.write_edf(out, x, info["events"])
        else:
            io.save(out, x)
    print(f"{out} ({tell_size(out)})")


def describe_tokens(path: Path) -> list[str]:
    """Tell what a ``.ntok`` file holds."""
    from neurokit.io.packed.container import Container
    from neurokit.io.packed.ntok import read_tokens, token_info

    if Container(path).header.get("kind") == "lossless":
        return [f"{path}: a recording without loss, {tell_size(path)}; detokenize gives it back."]
    info, tokens = token_info(path), read_tokens(path)
    sizes = ", ".join(f"{size} {dim}s" for dim, size in info["sizes"].items())
    bits = info["bits_per_token"]
    found = [f"{path}: tokens of {sizes}, {tell_size(path)}"]
    found[0] += f", {bits:.2f} bit each" if tokens.size else "; there are none"
    rate = float(Fraction(tokens.attrs.get("signal_rate", 0)))
    if rate and tokens.size:
        seconds = tokens.attrs["signal_samples"] / rate
        bits = 8 * info["bytes"] / seconds / info["sizes"].get("channel", 1)
        found.append(f"  of {seconds:.1f} s at {rate:g} Hz: {bits:.0f} bit per second and channel")
    if info["events"] is not None:
        found.append(f"  {len(info['events'])} events")
    return [*found, f"  model {info['model_hash']}"]


def load_tokenizer(model: str) -> tuple[Any, str]:
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
    kind = type(tokenizer)
    if kind.__module__.split(".")[1] != "tokenizers":
        raise TypeError(f"{model}: holds a {kind.__name__}, no tokenizer.")
    return tokenizer, hashlib.sha256(path.read_bytes()).hexdigest()


def _works_by_pieces(tokenizer: Any) -> bool:
    """Say whether tokens of a piece hang on nothing but the samples before it."""
    from neurokit.tokenizers import CodecTokenizer

    return not (isinstance(tokenizer, CodecTokenizer) and tokenizer.preset is not None)
