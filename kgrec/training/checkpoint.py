"""Checkpoints: one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from kgrec.errors import RunError
from kgrec.files import replacing, system_reason

if TYPE_CHECKING:
    from torch import Tensor


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and a description of them for JSON, atomically.

    Raises:
        RunError: The file cannot be written.
    """
    from safetensors.torch import save

    payload = save(
        {name: value.detach().contiguous() for name, value in tensors.items()},
        metadata={"about": json.dumps(about)},
    )
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


def load_arrays(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Read the same as numpy's arrays, without PyTorch.

    Raises:
        RunError: The file is missing or damaged.
    """
    return _load(path, "numpy")


def _load(path: Path, framework: str) -> tuple[dict[str, Any], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise RunError(f"{path} does not exist.")
    try:
        with safe_open(path, framework=framework) as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            if not isinstance(about, dict):
                raise ValueError("its description is no mapping")
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}") from error
