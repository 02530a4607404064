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

_DTYPES: Final = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16",
    "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
    "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
"""What safetensors calls them."""
_WIDTHS: Final = {"F64": 0, "I64": 0, "U64": 0, "F32": 1, "I32": 1, "U32": 1} | {
    "F16": 2, "BF16": 2, "I16": 2, "U16": 2, "I8": 3, "U8": 3, "BOOL": 3
}  # fmt: skip

if TYPE_CHECKING:
    from torch import Tensor


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and a description of them for JSON, atomically.

    Raises:
        RunError: The file cannot be written.
    """
    import torch  # reading arrays does without

    rows = {}
    for name, value in tensors.items():
        plain = value.detach().cpu().contiguous()
        # NumPy has no bfloat16: bytes as they lie.
        content = plain.reshape(-1).view(torch.uint8).numpy()
        rows[name] = (_name_of(plain.dtype), tuple(plain.shape), content)
    _write(path, rows, about)


def save_arrays(
    path: Path, arrays: Mapping[str, npt.NDArray[Any]], about: Mapping[str, Any] | None = None
) -> None:
    """Write numpy's arrays likewise, without PyTorch.

    Raises:
        RunError: The file cannot be written.
    """
    rows = {}
    for name, array in arrays.items():
        plain = np.ascontiguousarray(array)
        rows[name] = (_name_of(plain.dtype), array.shape, plain.reshape(-1).view(np.uint8))
    _write(path, rows, about or {})


def _name_of(dtype: object) -> str:
    """Return what the format calls a dtype of PyTorch or NumPy."""
    return _DTYPES[str(dtype).removeprefix("torch.")]


def _write(
    path: Path,
    tensors: Mapping[str, tuple[str, tuple[int, ...], npt.NDArray[np.uint8]]],
    about: Mapping[str, Any],
) -> None:
    """Write the file from where the tensors lie; the library's `save` copies them all.

    Its `save_file` does not, but puts a file of its own in the place of the one that is locked.
    The format: the size of the header (uint64), the header (JSON), and the tensors.
    """
    header: dict[str, Any] = {"__metadata__": {"about": json.dumps(about)}}
    size = 0
    # The widest first, so that each lies where its numbers can be read.
    order = sorted(tensors, key=lambda name: (_WIDTHS[tensors[name][0]], name))
    for name in order:
        dtype, shape, content = tensors[name]
        offsets = [size, size := size + content.nbytes]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for name in order:
                file.write(tensors[name][2].data)
    except OSError as error:
        kept = " The previous one is kept." if path.exists() else ""
        raise RunError(
            f"{path} cannot be written ({8 + len(text) + size:,} bytes): "
            f"{system_reason(error)}.{kept}"
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
