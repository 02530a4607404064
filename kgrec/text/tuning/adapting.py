"""Making a language model trainable as a regime says, and plain again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kgrec.errors import ConfigError
from kgrec.text.added import add
from kgrec.text.module import TextModule
from kgrec.text.tuning.layers import layers_of
from kgrec.text.tuning.peft_regimes import RankAllocation, adalora_model, ia3_model, lora_model
from kgrec.text.tuning.regimes import (
    AdaLoraConfig,
    AdapterConfig,
    FullConfig,
    Ia3Config,
    LoraConfig,
    PrefixConfig,
    RegimeConfig,
    TopLayersConfig,
)

_POOLER = re.compile(r"(^|\.)pooler\.")


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
        self._allocation: RankAllocation | None = None
        self.lower = 0
        module.requires_grad_(False)
        depth = int(module.model.config.num_hidden_layers)
        if isinstance(regime, FullConfig):
            _train(module.model)
        elif isinstance(regime, TopLayersConfig):
            self.lower = _top_layers(module, regime, depth)
        elif isinstance(regime, AdapterConfig | PrefixConfig):
            with seeded(seed):
                add(module.model, regime).requires_grad_(True)
        elif isinstance(regime, LoraConfig | AdaLoraConfig | Ia3Config):
            with seeded(seed):
                self._tuner = self._from_peft(regime)
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

    def _from_peft(self, regime: LoraConfig | AdaLoraConfig | Ia3Config) -> Any:
        model = self.module.model
        if isinstance(regime, LoraConfig):
            return lora_model(model, regime)
        if isinstance(regime, Ia3Config):
            return ia3_model(model)
        tuner = adalora_model(model, regime)
        self._allocation = RankAllocation(tuner, regime)
        return tuner

    def plan(self, num_steps: int) -> None:
        """Say how many steps the training has at most; see `RankAllocation.plan`."""
        if self._allocation is not None:
            self._allocation.plan(num_steps)

    def after_step(self, step: int) -> None:
        """Do what follows a step, counted from 1; the gradients are still there."""
        if self._allocation is not None:
            self._allocation.after_step(step)

    def penalty(self) -> Tensor | None:
        """Return what the regime adds to the loss of a batch, a scalar with gradients."""
        return None if self._allocation is None else self._allocation.penalty()

    def kept(self) -> dict[str, Tensor]:
        """Return what the regime keeps from one step to the next besides the parameters."""
        return {} if self._allocation is None else self._allocation.state()

    def load_kept(self, kept: Mapping[str, Tensor]) -> None:
        """Restore what `kept` returned."""
        if self._allocation is not None:
            self._allocation.load_state(kept)

    def plain(self) -> TextModule:
        """Return the module with all in its weights that can be.

        What PEFT added is gone afterwards, so this is for the end of a training.
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
