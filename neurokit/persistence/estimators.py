"""Save and load fitted estimators: one safetensors file, nothing in it is ever executed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from neurokit import __version__
from neurokit.persistence.files import FORMAT, read_tensors, write_tensors
from neurokit.persistence.hub import find_weights, push_weights
from neurokit.persistence.packing import pack, public_class, public_name, unpack_estimator


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

    _shipped: ClassVar[Path | None] = None  # folder of the weights that come with the package

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
        tree = pack(self, type(self).__name__, "", tensors)
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
        found = cls if held == public_name(cls) else public_class(held)
        if found is None or not issubclass(found, cls):
            raise TypeError(
                f"{cls.__name__}.load: {os.fspath(path)} holds a {held}; load it with"
                f" {held.rpartition('.')[2]}.load."
            )
        try:
            return unpack_estimator(found, header["estimator"], tensors)
        except LookupError as error:
            raise OSError(f"{os.fspath(path)}: {error.args[0]}; update neurokit.") from None

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike[str], *, revision: str | None = None) -> Self:
        """Load weights by path, or by the name of a repository on the Hugging Face hub.

        Parameters
        ----------
        name : str or path-like
            A file that ``save`` wrote, a folder with a ``model.safetensors``, or ``"user/name"``:
            its file is downloaded once and kept in the hub's cache. ``HF_ENDPOINT`` in the
            environment names another hub.
        revision : str, optional
            Branch, tag or commit of the repository.

        Returns
        -------
        estimator of this class

        Raises
        ------
        OSError
            If there is no such file or repository, or it is damaged or not ours.
        TypeError
            If it holds an estimator of another class.
        ImportError
            If a repository is named and huggingface_hub is not installed
            (``pip install "neurokit-brain[share]"``).
        """
        known = cls._list_shipped()
        if cls._shipped is not None and name in known:
            return cls.load(cls._shipped / f"{name}.safetensors")
        if known and isinstance(name, str) and "/" not in name and not Path(name).exists():
            raise ValueError(
                f"{cls.__name__}: name must be one of {known}, a path or 'user/name', got"
                f" {name!r}."
            )
        caller = f"{cls.__name__}.from_pretrained"
        return cls.load(find_weights(name, caller, revision=revision))

    @classmethod
    def _list_shipped(cls) -> list[str]:
        """Name the weights that come with the package."""
        if cls._shipped is None:
            return []
        return sorted(path.stem for path in cls._shipped.glob("*.safetensors"))

    def push_to_hub(
        self, repository: str, *, message: str = "Upload weights", private: bool = False
    ) -> str:
        """Share the fitted estimator on the Hugging Face hub, for `from_pretrained`.

        Parameters
        ----------
        repository : str
            ``"user/name"``; made where there is none. A card is written where it has none.
        message : str, default="Upload weights"
            What the commit is called.
        private : bool, default=False
            Whether a new repository is seen by its owner alone.

        Returns
        -------
        str
            Address of the commit.

        Raises
        ------
        OSError
            If the hub refuses or cannot be reached.
        ImportError
            If huggingface_hub is not installed.
        NotFittedError
            If there is nothing to share yet.
        """
        check_is_fitted(self)
        with tempfile.TemporaryDirectory() as folder:
            saved = self.save(Path(folder) / "saved.safetensors")
            return push_weights(
                saved,
                repository,
                type(self),
                message=message,
                private=private,
                version=__version__,
            )

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
