"""Making a language model trainable as a regime says, and plain again."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

from kgrec.errors import ConfigError, did_you_mean, printable
from kgrec.text.module import TextModule
from kgrec.text.tuning.layers import layers_of
from kgrec.text.tuning.regimes import FullConfig, LoraConfig, RegimeConfig, TopLayersConfig

_POOLER = re.compile(r"(^|\.)pooler\.")
_NAME = "default"  # PEFT's name of an adapter


class Adapted:
    """A text module of which a regime trains a part.

    The layers after the pooling are trained in every regime.

    Args:
        module: The module, in float32; it is changed.
        regime: What is trained.
        seed: The seed of new weights.

    Attributes:
        module: As above.
        lower: How many of the first layers need not be computed with gradients: nothing in them,
            or in the embeddings, is trained.

    Raises:
        ConfigError: The regime is not possible for the model, or a library is missing.
    """

    def __init__(self, module: TextModule, regime: RegimeConfig, seed: int) -> None:
        self.module = module
        self._tuner: Any = None
        self.lower = 0
        module.requires_grad_(False)
        depth = int(module.model.config.num_hidden_layers)
        if isinstance(regime, FullConfig):
            _train(module.model)
        elif isinstance(regime, TopLayersConfig):
            self.lower = _top_layers(module, regime, depth)
        elif isinstance(regime, LoraConfig):
            with seeded(seed):
                self._tuner = _lora(module.model, regime)
        else:
            self.lower = depth
        module.steps.requires_grad_(True)
        if not self.trained:
            raise ConfigError(
                "text.tuning: the regime `frozen` trains a layer after the pooling alone, and "
                "there is none. Set `projection`, such as 384."
            )

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters that are trained, by their names in the module."""
        named = self.module.named_parameters()
        return {name: value for name, value in named if value.requires_grad}

    def plain(self) -> TextModule:
        """Return the module without adapters: what they add is in the weights.

        The adapters are gone afterwards, so this is for the end of a training.
        """
        if self._tuner is not None:
            with torch.no_grad():
                self.module.model = self._tuner.merge_and_unload()
            self._tuner = None
        return self.module


def seeded(seed: int) -> Any:
    """Return a context in which torch draws from a seed; its state is as before afterwards."""
    return _Seeded(seed)


class _Seeded:
    def __init__(self, seed: int) -> None:
        self._seed = seed % (1 << 63)
        self._fork = torch.random.fork_rng()

    def __enter__(self) -> None:
        self._fork.__enter__()
        torch.manual_seed(self._seed)

    def __exit__(self, *error: Any) -> None:
        self._fork.__exit__(*error)


def _train(model: nn.Module) -> None:
    """Let all of a model be trained but a pooler, which vectors are not made of."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not _POOLER.search(name))


def _top_layers(module: TextModule, regime: TopLayersConfig, depth: int) -> int:
    layers = layers_of(module.model)
    if regime.n > depth:
        raise ConfigError(
            f"text.tuning.regime.n: the model has {depth} layers, found {regime.n}. Choose at most "
            f"{depth}, or the regime `full`, which trains the embeddings too."
        )
    for layer in layers[depth - regime.n :]:
        layer.requires_grad_(True)
    # A norm after the last layer belongs to the top; a norm before the first does not.
    for name, parameter in module.parameter_groups().get("rest", {}).items():
        if not _POOLER.search(name):
            parameter.requires_grad_(True)
    return depth - regime.n


def _lora(model: nn.Module, regime: LoraConfig) -> Any:
    try:
        import peft
    except ImportError as error:
        raise ConfigError(
            "text.tuning.regime: `lora` needs PEFT, which is not installed: "
            "`pip install 'kgrec[tuning]'`."
        ) from error
    config = peft.LoraConfig(
        r=regime.r,
        lora_alpha=regime.alpha,  # type: ignore[arg-type]  # any number is right
        lora_dropout=regime.dropout,
        target_modules=_linear_layers(model, regime.targets),
        bias="none",
    )
    return peft.LoraModel(model, {_NAME: config}, _NAME)


def _linear_layers(model: nn.Module, targets: tuple[str, ...] | None) -> list[str]:
    """Return the names of the linear layers that get additions."""
    layers = layers_of(model)
    place = next(name for name, part in model.named_modules() if part is layers)
    names = [
        f"{place}.{name}" for name, part in layers.named_modules() if isinstance(part, nn.Linear)
    ]
    if targets is None:
        return names
    chosen = [name for name in names if any(f".{name}".endswith(f".{end}") for end in targets)]
    for end in targets:
        if not any(f".{name}".endswith(f".{end}") for name in names):
            known = sorted({name.rpartition(".")[2] for name in names})
            raise ConfigError(
                f"text.tuning.regime.targets: the model has no linear layer {printable(end)!r}."
                + did_you_mean(end, known)
                + f" It has {', '.join(known)}."
            )
    return chosen
