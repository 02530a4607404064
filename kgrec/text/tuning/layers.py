"""The layers of a language model: where they are, and what goes in between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from kgrec.errors import ConfigError


def layers_of(model: nn.Module) -> nn.ModuleList:
    """Return the list of the layers of a transformers model, the one next to the input first.

    Raises:
        ConfigError: There is no such list: the model's layers share their weights, or have another
            form.
    """
    depth = getattr(model.config, "num_hidden_layers", None)
    for part in model.modules():
        if isinstance(part, nn.ModuleList) and len(part) == depth:
            return part
    raise ConfigError(
        f"The model {getattr(model.config, 'model_type', '?')!r} has no list of {depth} layers: "
        "regimes by layers are not possible. Choose `full` or `frozen`."
    )


class _EnoughError(Exception):
    """Ends a forward pass whose rest is not needed."""


def caught(part: nn.Module, run: Callable[[], Any]) -> Any:
    """Return what a part of a model gives in a forward pass that ends there.

    Args:
        part: The part.
        run: Begins the pass.
    """
    found: list[Any] = []

    def keep(_: nn.Module, __: Any, output: Any) -> None:
        found.append(output)
        raise _EnoughError

    hook = part.register_forward_hook(keep)
    try:
        run()
    except _EnoughError:
        pass
    finally:
        hook.remove()
    return found[0]


class _Given(nn.Module):
    """Stands for a layer and gives what it is told; all else is asked from the layer."""

    def __init__(self, layer: nn.Module, output: Any) -> None:
        super().__init__()
        self.__dict__["_layer"], self.__dict__["_output"] = layer, output

    def forward(self, *_: Any, **__: Any) -> Any:
        return self.__dict__["_output"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_layer"], name)


class LowerLayers:
    """The first layers of a model, whose outputs can be computed once and given back to it.

    Args:
        layers: All layers of the model.
        count: How many are the first ones, at least 1.
    """

    def __init__(self, layers: nn.ModuleList, count: int) -> None:
        self._layers, self._count = layers, count
        self._in_tuple: bool | None = None

    def outputs(self, run: Callable[[], Any]) -> torch.Tensor:
        """Return the hidden states after the first layers, of shape (n, length, dim).

        Args:
            run: Begins a forward pass of the whole model.
        """
        found = caught(self._layers[self._count - 1], run)
        self._in_tuple = isinstance(found, tuple)
        states: torch.Tensor = found[0] if isinstance(found, tuple) else found
        return states

    @property
    def seen(self) -> bool:
        """Whether `outputs` was called, which `given` needs."""
        return self._in_tuple is not None

    @contextmanager
    def given(self, states: torch.Tensor) -> Iterator[None]:
        """Within this context, the first layers are not computed: they give `states`.

        All else of the model runs as before, so its output is the same.
        """
        assert self._in_tuple is not None
        output = (states,) if self._in_tuple else states
        own: Sequence[nn.Module] = list(self._layers[: self._count])
        for place, layer in enumerate(own):
            self._layers[place] = _Given(layer, output)
        try:
            yield
        finally:
            for place, layer in enumerate(own):
                self._layers[place] = layer
