"""A dense layer of a sentence-transformers folder, read without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

from kgrec.errors import ConfigError, did_you_mean, printable
from kgrec.files import check_plain, system_reason
from kgrec.types import FloatArray

ACTIVATIONS: Final = {
    "identity": "torch.nn.modules.linear.Identity",
    "tanh": "torch.nn.modules.activation.Tanh",
    "relu": "torch.nn.modules.activation.ReLU",
    "gelu": "torch.nn.modules.activation.GELU",
    "silu": "torch.nn.modules.activation.SiLU",
    "sigmoid": "torch.nn.modules.activation.Sigmoid",
}
"""Activations after a dense layer, and their names in sentence-transformers."""

WEIGHTS: Final = "model.safetensors"
"""The file of a layer's weights."""


@dataclass(frozen=True)
class DenseFiles:
    """A linear layer with an activation, in a folder.

    Attributes:
        folder: The folder with `config.json` and `model.safetensors`.
        inputs: Numbers that it takes.
        outputs: Numbers that it gives.
        bias: Whether a bias is added.
        activation: One of `ACTIVATIONS`.
        residual: Whether the input is added to the output, by way of a matrix if it is of another
            length.
    """

    folder: Path
    inputs: int
    outputs: int
    bias: bool
    activation: str
    residual: bool

    @classmethod
    def of(cls, folder: Path, config: Mapping[str, Any], inputs: int) -> DenseFiles:
        """Return the layer of a folder.

        Args:
            folder: The folder.
            config: What is in its `config.json`.
            inputs: Length of the vectors that it gets.

        Raises:
            ConfigError: It has another form, or has no safetensors weights.
        """
        where = printable(str(folder / "config.json"))
        sizes = [config.get(key) for key in ("in_features", "out_features")]
        if sizes[0] != inputs or not isinstance(sizes[1], int) or sizes[1] < 1:
            raise ConfigError(
                f"{where}: expected in_features {inputs}, the length of the vectors before it, and "
                f"a positive out_features, found {printable(repr(sizes), 60)}."
            )
        named = str(config.get("activation_function", ACTIVATIONS["tanh"]))
        known = {path.rsplit(".", 1)[1]: name for name, path in ACTIVATIONS.items()}
        activation = known.get(named.rsplit(".", 1)[-1])
        if activation is None or not named.startswith("torch.nn."):
            raise ConfigError(
                f"{where}: kgrec does not compute the activation {printable(named, 100)!r}. "
                f"It knows {', '.join(ACTIVATIONS.values())}."
                + did_you_mean(named.rsplit(".", 1)[-1], list(known))
            )
        if not (folder / WEIGHTS).exists():
            raise ConfigError(
                f"{printable(str(folder))} holds no {WEIGHTS}. Other formats can run code when "
                "they are loaded and are not read; save the model again with sentence-transformers."
            )
        bias, residual = config.get("bias", True), config.get("use_residual", False)
        return cls(folder, inputs, sizes[1], bias is not False, activation, residual is True)

    @cached_property
    def weights(self) -> dict[str, FloatArray]:
        """The tensors: "weight" (outputs, inputs), and where they are used "bias" (outputs,) and
        "residual" (outputs, inputs), float32.

        Raises:
            ConfigError: The file is damaged, or has others.
        """
        from safetensors import SafetensorError, safe_open

        path = self.folder / WEIGHTS
        where = printable(str(path))
        shapes: dict[str, tuple[int, ...]] = {"linear.weight": (self.outputs, self.inputs)}
        if self.bias:
            shapes["linear.bias"] = (self.outputs,)
        if self.residual and self.inputs != self.outputs:
            shapes["residual.weight"] = (self.outputs, self.inputs)
        try:
            check_plain(path)
            with safe_open(path, framework="np") as file:
                found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
                if found != shapes:
                    raise ConfigError(
                        f"{where}: expected the tensors {shapes}, found "
                        f"{printable(repr(found), 300)}. config.json and weights are of different "
                        "layers."
                    )
                tensors = {name: file.get_tensor(name).astype(np.float32) for name in found}
        except (SafetensorError, OSError, TypeError) as error:
            raise ConfigError(f"{where} is damaged: {system_reason(error)}.") from error
        if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
            raise ConfigError(f"{where} has weights that are not numbers.")
        short = {"linear.weight": "weight", "linear.bias": "bias", "residual.weight": "residual"}
        return {short[name]: tensor for name, tensor in tensors.items()}

    def fingerprint(self) -> dict[str, Any]:
        """Return what identifies the layer, as JSON."""
        total = sha256()
        for name, tensor in sorted(self.weights.items()):
            total.update(f"{name}{tensor.shape}".encode())
            total.update(np.ascontiguousarray(tensor, dtype="<f4").tobytes())
        return {
            "dense": total.hexdigest(),
            "activation": self.activation,
            "residual": self.residual,
        }
