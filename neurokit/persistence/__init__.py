"""Fitted estimators elsewhere: on disk, one safetensors file each, and in other runtimes."""

from neurokit.persistence.estimators import Saveable
from neurokit.persistence.files import read_tensors, write_tensors
from neurokit.persistence.graphs import Exportable

__all__ = ["Exportable", "Saveable", "read_tensors", "write_tensors"]
