"""A recording from one format to another."""

from pathlib import Path

from neurokit.cli.paths import check_free, tell_size


def convert(file: Path, out: Path, *, overwrite: bool) -> None:
    """Write ``file`` in the format that the extension of ``out`` names."""
    suffix = out.suffix.lower()
    if suffix not in (".edf", ".nwb", ".zarr", ".nc", ".tsv"):
        raise ValueError(
            f"{out}: convert writes .edf, .nwb, .zarr, .nc and .tsv (events), not"
            f" {suffix or 'a name without extension'!r}."
        )
    check_free(file, out, overwrite=overwrite)
    from neurokit import io

    if suffix == ".edf":
        table = io.read_events(file)
        io.write_edf(out, io.read_signal(file), table)
    elif suffix == ".tsv":
        from neurokit.atomic import atomic_path

        table = io.read_events(file).rename(columns={"label": "trial_type"})
        if not len(table):
            raise ValueError(f"{file}: holds no events.")
        with atomic_path(out) as part:
            table.to_csv(part, sep="\t", index=False)
    elif suffix == ".nwb":
        io.write_nwb(out, io.read_session(file))
    else:
        io.save(out, io.read_session(file))
    print(f"{out} ({tell_size(out)})")
