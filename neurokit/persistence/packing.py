"""Fitted estimators as JSON and tensors, and back: nothing in them is ever executed."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import BaseEstimator
from xarray.indexes import PandasIndex

from neurokit import __version__
from neurokit.families import FAMILIES
from neurokit.recording.clock import SampleIndex
from neurokit.types import Json


def pack(value: Any, owner: str, key: str, tensors: dict[str, np.ndarray]) -> Any:
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
        return [pack(item, owner, f"{key}.{i}", tensors) for i, item in enumerate(value)]
    if isinstance(value, tuple):
        return {"tuple": pack(list(value), owner, key, tensors)}
    if isinstance(value, xr.DataArray):
        # the array becomes a variable beside its coordinates, under a name that none of them has
        free = "values" + "_" * max((len(str(name)) for name in value.coords), default=0)
        tree = _pack_dataset(value.to_dataset(name=free), owner, key, tensors)
        names = pack([free, value.name], owner, key, tensors)
        return {"dataarray": tree, "names": names}
    if isinstance(value, xr.Dataset):  # a Mapping, too
        return {"dataset": _pack_dataset(value, owner, key, tensors)}
    if isinstance(value, pd.DataFrame):
        return {"frame": _pack_frame(value, owner, key, tensors)}
    if isinstance(value, Mapping):
        keys = pack(list(value.keys()), owner, f"{key}.keys", tensors)
        return {"dict": [keys, pack(list(value.values()), owner, key, tensors)]}
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
            "class": public_name(type(value)),
            "planned": True,  # `fit` has kept what the parameters decide
            "params": {k: pack(v, owner, f"{dot}{k}", tensors) for k, v in params.items()},
            "fitted": {k: pack(v, owner, f"{dot}{k}", tensors) for k, v in fitted.items()},
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
    return {name: pack(part, owner, f"{key}.{name}", tensors) for name, part in tree.items()}


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
    return {name: pack(part, owner, f"{key}.{name}", tensors) for name, part in tree.items()}


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
    """Invert `pack`; modules are left as their prefix, for the estimator to build."""
    if isinstance(tree, list):
        return [_unpack(item, tensors) for item in tree]
    if not isinstance(tree, dict):
        return tree
    match tree:
        case {"class": name}:
            if (found := public_class(name)) is None:
                raise LookupError(f"{name} is no public estimator of neurokit {__version__}")
            return unpack_estimator(found, tree, tensors)
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


def unpack_estimator(cls: type, tree: Json, tensors: dict[str, np.ndarray]) -> BaseEstimator:
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


def public_name(cls: type) -> str:
    """``neurokit.tokenizers.codec.CodecTokenizer`` is known as ``neurokit.tokenizers.Codec…``."""
    parts = cls.__module__.split(".")
    folder = parts[:2] if parts[0] == "neurokit" else parts
    return ".".join([*folder, cls.__qualname__])


def public_class(name: str) -> type | None:
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
