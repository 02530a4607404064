"""Checkpoints: one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from kgrec.errors import RunError


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and a JSON-able description of them, atomically.

    The bytes go to a new file beside `path`, are flushed to the disk and then take its place, so
    that a full disk or a crash leaves the previous file as it was.

    Raises:
        RunError: The file cannot be written.
    """
    from safetensors.torch import save

    payload = save(
        {name: value.detach().contiguous() for name, value in tensors.items()},
        metadata={"about": json.dumps(about)},
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        kept = " The previous one is kept." if path.exists() else ""
        raise RunError(
            f"{path} cannot be written ({len(payload):,} bytes): {error.strerror or error}.{kept}"
        ) from error
    finally:  # also when it was interrupted
        if path.parent.is_dir():
            temporary.unlink(missing_ok=True)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote.

    Raises:
        RunError: The file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise RunError(f"{path} does not exist.")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            if not isinstance(about, dict):
                raise ValueError("its description is no mapping")
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}") from error
