"""Save and load fitted estimators: one safetensors file, nothing in it is ever executed."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
import os
import re
import sys
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as dump_tensors
from sklearn.base import BaseEstimator
from xarray.indexes import PandasIndex

from neurokit import __version__
from neurokit.atomic import atomic_path
from neurokit.families import FAMILIES
from neurokit.recording.clock import SampleIndex
from neurokit.types import Json

FORMAT = 1
_KEY = "neurokit"
_BLANK = "0" * 64  # what stands for the checksum while it is computed
_CHECKSUM = re.compile(r'^(\{"sha256": ")([0-9a-f]{64})')


class Saveable:
    """Mixin for estimators with weights: ``est.save(path)`` and ``Class.load(path)``.

    The file is plain safetensors. Its metadata hold, as JSON, the format version, the class,
    the parameters (nested estimators too) and every fitted attribute; arrays and the
    ``state_dict`` of fitted modules are its tensors. A SHA-256 over all of it stands beside.
    Loading builds the class that was asked for and fills it in: no pickle, no code, no name
    from the file is imported unless it is a public estimator of this package.

    An estimator whose fitted attributes include a ``torch.nn.Module`` says how an untrained
    one is made from its parameters and its other fitted attributes, in ``_build_module``.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.base import BaseEstimator
    >>> class Mean(Saveable, BaseEstimator):
    ...     def fit(self, X):
    ...         self.mean_ = X.mean(0)
    ...         return self
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Mean().fit(np.eye(2)).save(folder + "/mean.safetensors")
    ...     Mean.load(path).mean_
    array([0.5, 0.5])
    """

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the estimator, fitted or not, to one file.

        Parameters
        ----------
        path : path-like
            Written beside and renamed: either the whole file appears or none.

        Returns
        -------
        Path

        Raises
        ------
        TypeError
            If a parameter or fitted attribute is of a kind that JSON and tensors cannot hold.
        """
        tensors: dict[str, np.ndarray] = {}
        tree = _pack(self, type(self).__name__, "", tensors)
        header = {"format": FORMAT, "version": __version__, "estimator": tree}
        return write_tensors(path, header, tensors)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read an estimator that ``save`` wrote.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        estimator of this class

        Raises
        ------
        OSError
            If the file is missing, damaged, of another format version, or not ours.
        TypeError
            If it holds an estimator of another class.
        """
        header, tensors = read_tensors(path)
        held = header["estimator"]["class"]
        found = cls if held == _public_name(cls) else _public_class(held)
        if found is None or not issubclass(found, cls):
            raise TypeError(
                f"{cls.__name__}.load: {os.fspath(path)} holds a {held}; load it with"
                f" {held.rpartition('.')[2]}.load."
            )
        try:
            return _unpack_estimator(found, header["estimator"], tensors)
        except LookupError as error:
            raise OSError(f"{os.fspath(path)}: {error.args[0]}; update neurokit.") from None

    def _build_module(self, name: str) -> Any:
        """Return an untrained module for the fitted attribute ``name``."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to build {name}.")

    def _plan(self) -> dict[str, object]:
        """Return what the parameters decide, by the fitted names that later methods read.

        A fitted estimator is what it was fitted as: `fit` keeps the plan (`_keep_plan`), and no
        method after it reads a parameter that says what is computed. Files of versions that kept
        no plan are completed by this, from the parameters that they hold.
        """
        return {}

    def _keep_plan(self) -> None:
        """Keep what the parameters decide as fitted attributes."""
        vars(self).update(self._plan())


# ---------------------------------------------------------------- the file


def write_tensors(
    path: str | os.PathLike[str], header: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> Path:
    """Write tensors and a JSON header, checksummed, to one safetensors file, all or nothing.

    Parameters
    ----------
    path : path-like
    header : mapping that JSON can hold
    tensors : mapping of str to ndarray

    Returns
    -------
    Path
    """
    path = Path(path)
    text = json.dumps({"sha256": _BLANK} | dict(header), allow_nan=False)
    contiguous = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    # one note alone: safetensors writes several in any order, and equal objects get equal files
    content = dump_tensors(contiguous, {_KEY: text})
    table, payload = _split(content, path)
    digest = _digest(table, text, payload)
    spot = content.index(_BLANK.encode())
    with atomic_path(path) as part:
        part.write_bytes(content[:spot] + digest.encode() + content[spot + len(_BLANK) :])
    return path


def read_tensors(path: str | os.PathLike[str]) -> tuple[Json, dict[str, np.ndarray]]:
    """Read what `write_tensors` wrote, or refuse it whole.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    header : dict
    tensors : dict of str to ndarray

    Raises
    ------
    OSError
        If the file is missing, damaged, of another format version, or not ours.
    """
    path = Path(path)
    content = path.read_bytes()
    table, payload = _split(content, path)
    notes = table.pop("__metadata__", None)
    if not isinstance(notes, dict) or not isinstance(notes.get(_KEY), str):
        raise OSError(f"{path}: not a file of neurokit; expected one that save() has written.")
    found = _CHECKSUM.match(notes[_KEY])
    text = _CHECKSUM.sub(rf"\g<1>{_BLANK}", notes[_KEY])
    if not found or _digest(table, text, payload) != found[2] or len(notes) != 1:
        raise OSError(f"{path}: damaged, its checksum does not match; restore it from a copy.")
    try:
        tensors = load_tensors(content)
    except (SafetensorError, KeyError) as error:
        raise OSError(f"{path}: damaged ({error}); restore it from a copy.") from None
    header = json.loads(text)
    del header["sha256"]
    if header["format"] != FORMAT:
        raise OSError(
            f"{path}: written in format {header['format']} by neurokit {header['version']}, this"
            f" is neurokit {__version__}, which reads format {FORMAT}; install that version."
        )
    return header, tensors


def _split(content: bytes, path: Path) -> tuple[Json, memoryview]:
    """Tensor table and payload of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    try:
        if not 2 <= length <= len(content) - 8:
            raise ValueError
        table = json.loads(content[8 : 8 + length])
        if not isinstance(table, dict):
            raise ValueError
    except ValueError:
        raise OSError(
            f"{path}: truncated, damaged or not a safetensors file; restore it from a copy."
        ) from None
    return table, memoryview(content)[8 + length :]


def _digest(table: Json, header: str, payload: memoryview) -> str:
    """SHA-256 over names, shapes and dtypes, the JSON header, and every byte of the tensors."""
    table = {name: entry for name, entry in table.items() if name != "__metadata__"}
    digest = hashlib.sha256(json.dumps(table, sort_keys=True).encode())
    digest.update(header.encode())
    digest.update(payload)
    return digest.hexdigest()


# ---------------------------------------------------------------- objects to JSON and back


def _pack(value: Any, owner: str, key: str, tensors: dict[str, np.ndarray]) -> Any:
    """JSON for ``value``; its arrays go to ``tensors`` under names that start with ``key``."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        return number if np.isfinite(number) else {"float": repr(number)}
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, list):
        return [_pack(item, owner, f"{key}.{i}", tensors) for i, item in enumerate(value)]
    if isinstance(value, tuple):
        return {"tuple": _pack(list(value), owner, key, tensors)}
    if isinstance(value, xr.DataArray):
        # the array becomes a variable beside its coordinates, under a name that none of them has
        free = "values" + "_" * max((len(str(name)) for name in value.coords), default=0)
        tree = _pack_dataset(value.to_dataset(name=free), owner, key, tensors)
        names = _pack([free, value.name], owner, key, tensors)
        return {"dataarray": tree, "names": names}
    if isinstance(value, xr.Dataset):  # a Mapping, too
        return {"dataset": _pack_dataset(value, owner, key, tensors)}
    if isinstance(value, pd.DataFrame):
        return {"frame": _pack_frame(value, owner, key, tensors)}
    if isinstance(value, Mapping):
        keys = _pack(list(value.keys()), owner, f"{key}.keys", tensors)
        return {"dict": [keys, _pack(list(value.values()), owner, key, tensors)]}
    if isinstance(value, Fraction):
        return {"fraction": [value.numerator, value.denominator]}
    if isinstance(value, np.ndarray):
        return _pack_array(value, owner, key, tensors)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        tensors[key] = value.detach().cpu().numpy()
        return {"tensor": key}
    if torch is not None and isinstance(value, torch.nn.Module):
        state = value.state_dict()
        tensors.update({f"{key}.{name}": entry.cpu().numpy() for name, entry in state.items()})
        return {"module": key}
    if isinstance(value, BaseEstimator):
        params = value.get_params(deep=False)
        fitted = {k: v for k, v in vars(value).items() if k.endswith("_") and k not in params}
        dot = f"{key}." if key else ""
        return {
            "class": _public_name(type(value)),
            "planned": True,  # `fit` has kept what the parameters decide
            "params": {k: _pack(v, owner, f"{dot}{k}", tensors) for k, v in params.items()},
            "fitted": {k: _pack(v, owner, f"{dot}{k}", tensors) for k, v in fitted.items()},
        }
    raise TypeError(
        f"{owner}.save: {key} is a {type(value).__name__}, which the file format cannot hold;"
        " set it to a number, string, array or neurokit estimator, or pickle the estimator."
    )


def _pack_array(value: np.ndarray, owner: str, key: str, tensors: dict[str, np.ndarray]) -> Json:
    """Numbers become a tensor, names a list."""
    if value.dtype.kind in "US" or (
        value.dtype.kind == "O" and all(isinstance(item, str) for item in value.flat)
    ):
        kind = "object" if value.dtype.kind == "O" else value.dtype.str
        names = value.astype("U").ravel().tolist()
        return {"strings": names, "dtype": kind, "shape": list(value.shape)}
    if value.dtype.kind == "c":
        tensors[key] = np.stack([value.real, value.imag], -1)
        return {"complex": key}
    if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
        raise TypeError(
            f"{owner}.save: {key} is an array of {value.dtype}, which the file format cannot"
            " hold; convert it to numbers or strings, or pickle the estimator."
        )
    native = value.astype(value.dtype.newbyteorder("="), copy=False)
    tensors[key] = native
    return {"array": key}


def _pack_dataset(value: xr.Dataset, owner: str, key: str, tensors: dict[str, np.ndarray]) -> Json:
    """Write variables one by one; an exact clock as its two fractions, not as floats."""
    clocks, variables = [], []
    for name, index in value.xindexes.items():
        if isinstance(index, SampleIndex):
            place = (name, index.first, index.rate, index.size, index.transform.dim)
            clocks.append((*place, dict(value[name].attrs)))
        elif type(index) is not PandasIndex:
            raise TypeError(
                f"{owner}.save: {key} has a {type(index).__name__} on {name!r}, which the file"
                " format cannot hold; reset_index() turns it into plain coordinates."
            )
    named = {clock[0] for clock in clocks}
    for name, variable in value.variables.items():
        if name in named:
            continue
        values = np.asarray(variable.values)
        indexed = name in value.xindexes
        entry = (name, variable.dims, values, dict(variable.attrs), name in value.coords, indexed)
        variables.append(entry)
    attrs = dict(value.attrs)
    tree = {"variables": variables, "clocks": clocks, "attrs": attrs}
    return {name: _pack(part, owner, f"{key}.{name}", tensors) for name, part in tree.items()}


def _unpack_dataset(tree: Json, tensors: dict[str, np.ndarray]) -> xr.Dataset:
    """Invert `_pack_dataset`."""
    held = {name: _unpack(part, tensors) for name, part in tree.items()}
    coords = xr.Coordinates()
    for name, first, rate, size, dim, attrs in held["clocks"]:
        clock = xr.Coordinates.from_xindex(SampleIndex(first, rate, size, name, dim))
        clock[name].attrs = attrs
        coords = coords | clock
    data = {}
    for name, dims, values, attrs, is_coord, indexed in held["variables"]:
        variable = xr.Variable(dims, values, attrs)
        if not is_coord:
            data[name] = variable
        elif indexed:
            index = PandasIndex(pd.Index(values, name=name), dims[0])
            found = xr.Coordinates({name: variable}, indexes={name: index})
            coords = coords | found
        else:
            coords = coords | xr.Coordinates({name: variable}, indexes={})
    return xr.Dataset(data, coords=coords, attrs=held["attrs"])


def _pack_frame(value: pd.DataFrame, owner: str, key: str, tensors: dict[str, np.ndarray]) -> Json:
    """Write columns one by one; numbers and texts only, in whatever kind pandas keeps them."""
    if isinstance(value.index, pd.MultiIndex) or isinstance(value.columns, pd.MultiIndex):
        raise TypeError(
            f"{owner}.save: {key} has an index of several levels, which the file format cannot"
            " hold; reset_index() turns it into columns."
        )
    rows = value.index
    span = [rows.start, rows.stop, rows.step] if isinstance(rows, pd.RangeIndex) else None
    series = [value[name] for name in value.columns] if value.columns.is_unique else None
    if series is None:
        raise TypeError(f"{owner}.save: {key} has two columns of one name; rename one of them.")
    for name, column in value.items():
        if not isinstance(column.dtype, np.dtype | pd.StringDtype):
            raise TypeError(
                f"{owner}.save: the column {name!r} of {key} is of kind {column.dtype}, which the"
                " file format cannot hold; convert it to numbers or texts."
            )
    tree = {
        "columns": list(value.columns),
        "kinds": [str(column.dtype) for column in series],
        "data": [np.asarray(column.values) for column in series],
        "index": span or np.asarray(rows.values),
        "index_kind": None if span else str(rows.dtype),
        "index_name": rows.name,
    }
    return {name: _pack(part, owner, f"{key}.{name}", tensors) for name, part in tree.items()}


def _unpack_frame(tree: Json, tensors: dict[str, np.ndarray]) -> pd.DataFrame:
    """Invert `_pack_frame`."""
    held = {name: _unpack(part, tensors) for name, part in tree.items()}
    span, kind = held["index"], held["index_kind"]
    index = pd.RangeIndex(*span) if kind is None else pd.Index(span, dtype=kind)
    index.name = held["index_name"]
    columns = {
        position: pd.Series(values, dtype=kind, index=index)
        for position, (values, kind) in enumerate(zip(held["data"], held["kinds"], strict=True))
    }
    frame = pd.DataFrame(columns, index=index)
    frame.columns = pd.Index(held["columns"]) if held["columns"] else pd.Index([])
    return frame


def _unpack(tree: Any, tensors: dict[str, np.ndarray]) -> Any:
    """Invert `_pack`; modules are left as their prefix, for the estimator to build."""
    if isinstance(tree, list):
        return [_unpack(item, tensors) for item in tree]
    if not isinstance(tree, dict):
        return tree
    match tree:
        case {"class": name}:
            if (found := _public_class(name)) is None:
                raise LookupError(f"{name} is no public estimator of neurokit {__version__}")
            return _unpack_estimator(found, tree, tensors)
        case {"float": text}:
            return float(text)
        case {"tuple": items}:
            return tuple(_unpack(items, tensors))
        case {"dict": [keys, values]}:
            return dict(zip(_unpack(keys, tensors), _unpack(values, tensors), strict=True))
        case {"dataarray": held, "names": names}:
            variable, name = _unpack(names, tensors)
            return _unpack_dataset(held, tensors)[variable].rename(name)
        case {"dataset": held}:
            return _unpack_dataset(held, tensors)
        case {"frame": held}:
            return _unpack_frame(held, tensors)
        case {"fraction": [numerator, denominator]}:
            return Fraction(numerator, denominator)
        case {"array": key}:
            return tensors[key].copy()
        case {"complex": key}:
            return tensors[key][..., 0] + 1j * tensors[key][..., 1]
        case {"strings": names, "dtype": kind, "shape": shape}:
            return np.array(names, dtype=kind).reshape(shape)
        case {"tensor": key}:
            return importlib.import_module("torch").from_numpy(tensors[key].copy())
    raise LookupError(f"it has an entry of unknown kind {sorted(tree)}")


def _unpack_estimator(cls: type, tree: Json, tensors: dict[str, np.ndarray]) -> BaseEstimator:
    """Build the estimator, then its fitted attributes, then its modules, which need both."""
    params = {name: _unpack(value, tensors) for name, value in tree["params"].items()}
    unknown = params.keys() - inspect.signature(cls).parameters.keys()
    if unknown:
        raise LookupError(f"{cls.__name__} has no parameters {sorted(unknown)}")
    estimator = cls(**params)
    modules = {}
    for name, value in tree["fitted"].items():
        if isinstance(value, dict) and "module" in value:
            modules[name] = value["module"] + "."
        else:
            setattr(estimator, name, _unpack(value, tensors))
    if tree["fitted"] and not tree.get("planned"):
        for name, value in estimator._plan().items():
            vars(estimator).setdefault(name, value)
    for name, prefix in modules.items():
        module = estimator._build_module(name)  # says what is missing where torch is
        torch = importlib.import_module("torch")
        state = {
            key.removeprefix(prefix): torch.from_numpy(value.copy())
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
        module.load_state_dict(state)
        setattr(estimator, name, module.eval())
    return estimator


def _public_name(cls: type) -> str:
    """``neurokit.tokenizers.codec.CodecTokenizer`` is known as ``neurokit.tokenizers.Codec…``."""
    parts = cls.__module__.split(".")
    folder = parts[:2] if parts[0] == "neurokit" else parts
    return ".".join([*folder, cls.__qualname__])


def _public_class(name: str) -> type | None:
    """Class of a public estimator of this package, or None; nothing else is ever looked up.

    Any family may hold it: files are read by the versions after a class has moved.
    """
    package, _, short = name.rpartition(".")
    public = [f"neurokit.{family}" for family in FAMILIES] + ["neurokit.training"]
    if package not in public:
        return None
    for folder in (package, *public):
        family = importlib.import_module(folder)
        found = getattr(family, short) if short in dir(family) else None
        if inspect.isclass(found) and issubclass(found, BaseEstimator):
            return found
    return None
