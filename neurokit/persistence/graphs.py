"""Fitted networks as graphs for other runtimes: ONNX, and PyTorch's exported programs."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neurokit import __version__
from neurokit.atomic import atomic_path
from neurokit.persistence.packing import public_name
from neurokit.types import Json, Numbers

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram


class Graph(NamedTuple):
    """What one method of a fitted estimator is, in plain operations.

    Attributes
    ----------
    module : torch.nn.Module
    example : ndarray
        An input of the right kind; its values do not matter.
    input, output : str
        Names of the input and of the output.
    dims : tuple of str or None
        Axes of the input: a name where any length will do, None where it is fixed.
    notes : dict
        What a user of the graph must know beside it: rates, names of channels and classes.
    """

    module: nn.Module
    example: Numbers
    input: str
    output: str
    dims: tuple[str | None, ...]
    notes: Json


class Exportable:
    """Mixin for estimators whose networks other runtimes can run.

    A subclass names its methods that can be exported in ``_exported``, the one that is meant
    where none is named first, and says in `_graph` what each is.
    """

    _exported: tuple[str, ...] = ("predict",)

    def to_onnx(self, path: str | os.PathLike[str], method: str | None = None) -> Path:
        """Write a method of the fitted estimator as an ONNX file, which runs without neurokit.

        Parameters
        ----------
        path : path-like
            Written beside and renamed: either the whole file appears or none.
        method : str, optional
            Which method: by default the one that predicts, or that makes tokens.

        Returns
        -------
        Path

        Raises
        ------
        ValueError
            If there is no such method to export.
        ImportError
            If torch or onnxscript is not installed.

        Notes
        -----
        The graph has one input and one output, whose names, dims and types onnxruntime tells.
        Lengths of time, and numbers of trials or channels, may be any. Arithmetic is in double
        precision where that of the estimator is. The metadata ``neurokit`` of the file holds, as
        JSON, the class, the method, the version, and the names and rates that plain arrays lack.
        """
        graph = self._find_graph(method)
        for name in ("onnx", "onnxscript"):
            if importlib.util.find_spec(name) is None:
                raise ImportError(
                    f"{type(self).__name__}.to_onnx needs {name}; pip install"
                    ' "neurokit-brain[onnx]".'
                )
        import torch

        with _quietly(), torch.no_grad():
            program = torch.onnx.export(
                graph.module,
                (torch.from_numpy(graph.example),),
                dynamo=True,
                dynamic_shapes=(_free(graph),),
                input_names=[graph.input],
                output_names=[graph.output],
                verbose=False,
            )
        model = program.model_proto  # type: ignore[union-attr]
        note = model.metadata_props.add()
        note.key, note.value = "neurokit", json.dumps(self._notes(graph, method))
        with atomic_path(Path(path)) as part:
            part.write_bytes(model.SerializeToString())
        return Path(path)

    def to_program(self, method: str | None = None) -> ExportedProgram:
        """Return a method of the fitted estimator as a program of ``torch.export``.

        Parameters
        ----------
        method : str, optional
            As in `to_onnx`.

        Returns
        -------
        torch.export.ExportedProgram
            ``program.module()(tensor)`` runs it, ``torch.export.save`` writes it.

        Raises
        ------
        ValueError
            If there is no such method to export.
        """
        graph = self._find_graph(method)
        import torch

        with _quietly(), torch.no_grad():
            example = (torch.from_numpy(graph.example),)
            return torch.export.export(graph.module, example, dynamic_shapes=(_free(graph),))

    def _graph(self, method: str) -> Graph:
        """Return the graph of a method; it is one of ``_exported``."""
        raise NotImplementedError

    def _find_graph(self, method: str | None) -> Graph:
        if method is not None and method not in self._exported:
            raise ValueError(
                f"{type(self).__name__}: what can be exported is {list(self._exported)}, got"
                f" {method!r}."
            )
        return self._graph(method or self._exported[0])

    def _notes(self, graph: Graph, method: str | None) -> Json:
        own = {"version": __version__, "estimator": public_name(type(self))}
        return own | {"method": method or self._exported[0]} | graph.notes


def plain(values: object) -> object:
    """Return names or numbers of a fitted attribute as JSON can hold them."""
    return np.asarray(values).tolist()


def _free(graph: Graph) -> dict[int, object]:
    """Name the axes whose length is free."""
    import torch

    auto = torch.export.Dim.DYNAMIC
    return {axis: auto for axis, name in enumerate(graph.dims) if name is not None}


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep what the exporter prints and warns of itself from the user."""
    registry = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registry.level
    registry.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        registry.setLevel(level)
