"""Tensors or arrays in one safetensors file, written as a whole; checkpoints with a checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from kgrec.bounds.json_text import parse_json
from kgrec.errors import RunError, option, printable
from kgrec.files import check_plain, replacing, system_reason

_MOST_TENSORS = 10_000

_CHECKSUM: Final = "sha256"

if TYPE_CHECKING:
    from torch import Tensor


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and a description of them for JSON, atomically.

    Raises:
        RunError: The file cannot be written.
    """
    from safetensors.torch import save

    plain = {name: value.detach().contiguous() for name, value in tensors.items()}
    _write(path, save(plain, metadata={"about": json.dumps(about)}))


def save_arrays(
    path: Path, arrays: Mapping[str, npt.NDArray[Any]], about: Mapping[str, Any] | None = None
) -> None:
    """Write numpy's arrays likewise, without PyTorch.

    Raises:
        RunError: The file cannot be written.
    """
    from safetensors.numpy import save

    # The format has rows one after another, and `save` takes the bytes as they lie.
    rows = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    _write(path, save(rows, metadata={"about": json.dumps(about or {})}))


def _write(path: Path, payload: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(payload)
    except OSError as error:
        kept = " The previous one is kept." if path.exists() else ""
        raise RunError(
            f"{path} cannot be written ({len(payload):,} bytes): {system_reason(error)}.{kept}"
        ) from error


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote.

    Raises:
        RunError: The file is missing or damaged.
    """
    return _load(path, "pt")


def load_arrays(
    path: Path, only: Collection[str] | None = None
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Read the same, or what `save_arrays` wrote, as numpy's arrays, without PyTorch.

    Args:
        path: The file.
        only: The names of those to read, where they are there; None: all.

    Raises:
        RunError: The file is missing or damaged.
    """
    return _load(path, "numpy", only)


def _load(
    path: Path, framework: str, only: Collection[str] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    where = printable(str(path))
    try:
        check_plain(path)
        with safe_open(path, framework=framework) as file:
            about = parse_json((file.metadata() or {}).get("about", "{}").encode())
            if not isinstance(about, dict):
                raise ValueError("its description is no mapping")
            names = list(file.keys())
            if len(names) > _MOST_TENSORS:
                raise ValueError(f"it has {len(names):,} tensors, more than {_MOST_TENSORS:,}")
            wanted = [name for name in names if only is None or name in only]
            return {name: file.get_tensor(name) for name in wanted}, about
    except FileNotFoundError as error:
        raise RunError(f"{where} does not exist.") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{where} is damaged: {system_reason(error)}.") from error


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write the state of a training with its checksum, atomically.

    Raises:
        RunError: The file cannot be written.
    """
    about = json.loads(json.dumps(about))
    save_tensors(path, tensors, {**about, _CHECKSUM: _checksum(tensors, about)})


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_checkpoint` wrote.

    Raises:
        RunError: The file is missing or damaged.
    """
    tensors, about = load_tensors(path)
    expected = about.pop(_CHECKSUM, None)
    if expected != _checksum(tensors, about):
        raise RunError(
            f"{path} is damaged: its checksum is not that of its content. Restore it from a copy, "
            f"or start anew without {option('resume', True)}."
        )
    return tensors, about


def is_checkpoint(path: Path) -> bool:
    """Return whether `save_checkpoint` wrote a file; its content is not checked."""
    from safetensors import SafetensorError, safe_open

    try:
        check_plain(path)
        with safe_open(path, framework="np") as file:
            about = parse_json((file.metadata() or {}).get("about", "{}").encode())
    except (SafetensorError, OSError, ValueError):
        return False
    return isinstance(about, dict) and _CHECKSUM in about


def _checksum(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> str:
    import torch  # reading arrays does without

    found = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        found.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
