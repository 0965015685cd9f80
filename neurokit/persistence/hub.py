"""Fitted estimators on the Hugging Face hub: one file of weights and a card each."""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
from pathlib import Path

from neurokit.persistence.packing import public_name

WEIGHTS = "model.safetensors"
"""Name of the file in a repository, or in a folder that stands for one."""

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_CARD = """---
library_name: neurokit
tags: [neuroscience]
---

# {name}

A fitted `{public}`, as `push_to_hub` of neurokit {version} wrote it: tensors and JSON, no code.

```python
from {module} import {short}

estimator = {short}.from_pretrained("{repository}")
```
"""


def find_weights(
    name: str | os.PathLike[str], caller: str, *, revision: str | None = None
) -> Path:
    """Return the path of saved weights: a file, a folder that holds one, or a repository's.

    Parameters
    ----------
    name : path-like or str
        A path, or ``"user/name"``, which is downloaded once and kept in the hub's own cache.
    caller : str
        Who refuses.
    revision : str, optional
        Branch, tag or commit of the repository.

    Returns
    -------
    Path

    Raises
    ------
    OSError
        If there is no such file or repository, or it cannot be reached.
    ImportError
        If huggingface_hub is not installed.
    """
    path = Path(name)
    if path.is_dir() and (path / WEIGHTS).is_file():
        return path / WEIGHTS
    if path.is_file():
        return path
    if not isinstance(name, str) or not _REPOSITORY.fullmatch(name) or path.exists():
        raise FileNotFoundError(
            f"{caller}: {os.fspath(name)} is no file, no folder with a {WEIGHTS} and no"
            " repository; expected the path that save() returned, or 'user/name'."
        )
    require_hub(caller)
    from huggingface_hub import hf_hub_download

    try:
        found = hf_hub_download(name, WEIGHTS, revision=revision, endpoint=endpoint())
    except Exception as error:  # HTTP clients raise kinds of their own
        reason = str(error).strip().splitlines()
        raise OSError(
            f"{caller}: cannot get {WEIGHTS} of {name!r} from the hub"
            f" ({reason[0] if reason else type(error).__name__}); check the name, its access and"
            " the network."
        ) from error
    return Path(found)


def push_weights(
    saved: Path, repository: str, cls: type, *, message: str, private: bool, version: str
) -> str:
    """Upload a saved file as the weights of a repository, made where there is none.

    Parameters
    ----------
    saved : Path
        What ``save`` wrote.
    repository : str
        ``"user/name"``.
    cls : type
        Class of the estimator, which the card names.
    message : str
        What the commit is called.
    private : bool
        Whether a new repository is seen by its owner alone.
    version : str
        Version of neurokit.

    Returns
    -------
    str
        Address of the commit.
    """
    caller = f"{cls.__name__}.push_to_hub"
    if not _REPOSITORY.fullmatch(repository):
        raise ValueError(f"{caller}: expects a repository 'user/name', got {repository!r}.")
    require_hub(caller)
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint())
    public = public_name(cls)
    module, _, short = public.rpartition(".")
    card = _CARD.format(
        name=repository.partition("/")[2], public=public, version=version, module=module,
        short=short, repository=repository,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / WEIGHTS).write_bytes(saved.read_bytes())
        try:
            api.create_repo(repository, private=private, exist_ok=True)
            if not api.file_exists(repository, "README.md"):  # a card by hand is kept
                (Path(folder) / "README.md").write_text(card)
            done = api.upload_folder(
                repo_id=repository, folder_path=folder, commit_message=message
            )
        except Exception as error:
            reason = str(error).strip().splitlines()
            raise OSError(
                f"{caller}: cannot write to {repository!r} on the hub"
                f" ({reason[0] if reason else type(error).__name__}); log in with `hf auth login`,"
                " and check the name."
            ) from error
    return str(done.commit_url)


def require_hub(caller: str) -> None:
    """Refuse where huggingface_hub is not installed."""
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ImportError(f'{caller} needs huggingface_hub; pip install "neurokit-brain[share]".')


def endpoint() -> str | None:
    """Return the address of the hub: ``HF_ENDPOINT``, or None for the public one."""
    return os.environ.get("HF_ENDPOINT")
