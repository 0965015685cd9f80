"""What lies in a MAT file, looked at before other packages read it."""

from pathlib import Path


def list_variables(path: Path) -> list[str]:
    """Return the names of the variables of a MAT file, of version 7.3 or before."""
    import h5py
    import scipy.io

    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            return [name for name in file if not name.startswith("#")]
    return [name for name, _, _ in scipy.io.whosmat(path)]
