"""Learn from a folder of recordings without labels, and embed a recording."""

from pathlib import Path

from neurokit.cli.paths import check_free, tell_size


def pretrain(
    folder: Path,
    out: Path,
    *,
    start: str | None,
    epochs: int,
    seed: int,
    device: str,
    overwrite: bool,
) -> None:
    """Train a masked model; interrupted, the same command goes on where it was."""
    if epochs < 1:
        raise ValueError(f"--epochs must be 1 or more, got {epochs}.")
    check_free(folder, out, overwrite=overwrite)
    from neurokit.pretraining import MaskedModel
    from neurokit.training import Trainer

    unfinished = out.with_name(f"{out.name}.unfinished")
    going_on = unfinished.is_dir() and any(unfinished.iterdir())
    trainer = Trainer(
        epochs,
        learning_rate=1e-3 if start is None else 2.5e-4,
        device=device,
        checkpoint=unfinished,
        save_every=2.0,
        verbose=1,
    )
    print(f"{'Going on' if going_on else 'Learning'} from {folder}; Ctrl-C keeps what is done.")
    if start is None:
        model = MaskedModel(trainer=trainer, random_state=seed).fit(folder)
    else:
        model = MaskedModel.from_pretrained(start)
        model.set_params(trainer=trainer, random_state=seed).partial_fit(folder)
    path = model.set_params(trainer=None).save(out)
    if unfinished.is_dir() and not any(unfinished.iterdir()):
        unfinished.rmdir()
    first, last = model.history_[0]["loss"], model.history_[-1]["loss"]
    print(
        f"{path} ({tell_size(path)}): {len(model.fingerprints_)} recordings, {epochs} epochs, loss"
        f" of hidden samples {first:.3f} to {last:.3f} (1 is the mean of each channel)"
    )


def embed(file: Path, out: Path, *, model: str, device: str, overwrite: bool) -> None:
    """Write what a masked model makes of a recording."""
    check_free(file, out, overwrite=overwrite)
    if out.suffix.lower() not in (".nc", ".zarr"):
        raise ValueError(
            f"{out}: embed writes .nc and .zarr, not"
            f" {out.suffix.lower() or 'a name without extension'!r}."
        )
    from neurokit import io
    from neurokit.pretraining import MaskedModel

    encoder = MaskedModel.from_pretrained(model).set_params(device=device)
    found = encoder.transform(io.read_signal(file)).rename("embedding")
    io.save(out, found)
    sizes = ", ".join(f"{n} {dim}s" for dim, n in found.sizes.items())
    print(f"{out} ({tell_size(out)}): {sizes}")
