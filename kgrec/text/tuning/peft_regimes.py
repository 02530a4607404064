"""Regimes of PEFT: what they add to weights goes into these at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kgrec.errors import ConfigError, did_you_mean, printable
from kgrec.text.layer_parts import part_of
from kgrec.text.tuning.layers import layers_of
from kgrec.text.tuning.regimes import AdaLoraConfig, LoraConfig

_NAME = "default"  # PEFT's name of an adapter
_FEWEST_STEPS = 4  # in which ranks can be allocated


def lora_model(model: nn.Module, regime: LoraConfig) -> Any:
    """Return PEFT's object around a model, in which linear layers get additions.

    Raises:
        ConfigError: PEFT is not installed, or `targets` names what the model does not have.
    """
    peft = _peft("lora")
    config = peft.LoraConfig(
        r=regime.r,
        lora_alpha=regime.alpha,
        lora_dropout=regime.dropout,
        target_modules=_linear_layers(model, regime.targets),
        bias="none",
    )
    return peft.LoraModel(model, {_NAME: config}, _NAME)


def adalora_model(model: nn.Module, regime: AdaLoraConfig) -> Any:
    """Return the same with additions whose ranks are allocated; see `RankAllocation`."""
    peft = _peft("adalora")
    config = peft.AdaLoraConfig(
        init_r=regime.init_r,
        target_r=regime.r,
        lora_alpha=regime.alpha,
        lora_dropout=regime.dropout,
        target_modules=_linear_layers(model, regime.targets),
        deltaT=regime.every,
        orth_reg_weight=regime.orthogonality,
        total_step=_FEWEST_STEPS,  # `RankAllocation.plan` says the right one
        bias="none",
    )
    return peft.AdaLoraModel(model, {_NAME: config}, _NAME)


def ia3_model(model: nn.Module) -> Any:
    """Return PEFT's object around a model whose layers get factors.

    Raises:
        ConfigError: PEFT is not installed, or the model's layers are of a family not known here.
    """
    peft = _peft("ia3")
    layers = layers_of(model)
    place = _place(model, layers)
    insides = []
    targets = []
    for number, layer in enumerate(layers):
        start = f"{place}.{number}."
        insides.append(start + part_of(layer, "feed_forward_output", "ia3"))
        targets += [start + part_of(layer, "keys", "ia3"), start + part_of(layer, "values", "ia3")]
    config = peft.IA3Config(target_modules=targets + insides, feedforward_modules=insides)
    return peft.IA3Model(model, {_NAME: config}, _NAME)


class RankAllocation:
    """Which directions of AdaLoRA's additions stay: it has to be told of every step.

    Args:
        tuner: Of `adalora_model`.
        regime: The settings.
    """

    def __init__(self, tuner: Any, regime: AdaLoraConfig) -> None:
        self._tuner, self._regime = tuner, regime
        self._config, self._allocator = tuner.peft_config[_NAME], tuner.rankallocator

    def plan(self, num_steps: int) -> None:
        """Set when directions are removed.

        Args:
            num_steps: Most steps of the training.

        Raises:
            ConfigError: They are too few.
        """
        if num_steps < _FEWEST_STEPS:
            raise ConfigError(
                f"text.tuning.regime: `adalora` needs at least {_FEWEST_STEPS} steps to allocate "
                f"ranks, and the training has {num_steps}. Train more epochs or with smaller "
                "batches, or choose `lora`."
            )
        config = self._config
        config.total_step = num_steps
        config.tfinal = min(int(self._regime.final * num_steps), num_steps - 2)
        config.tinit = min(int(self._regime.warmup * num_steps), num_steps - config.tfinal - 1)

    def after_step(self, step: int) -> None:
        """Count what a step says about the directions, and remove those whose time has come.

        Args:
            step: The step that was taken, from 1 on; its gradients are still there.
        """
        for name, value in self._tuner.model.named_parameters():
            if "lora_" in name and value.grad is None:
                value.grad = torch.zeros_like(value)
        self._tuner.update_and_allocate(step)

    def penalty(self) -> Tensor:
        """Return the mean distance of the directions' products from the identity.

        PEFT adds it where the model itself returns a loss, which an encoder does not.
        """
        found = []
        for name, value in self._tuner.model.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                products = value @ value.T if "lora_A" in name else value.T @ value
                found.append(torch.linalg.norm(products - torch.eye(len(products)).to(products)))
        return self._regime.orthogonality * torch.stack(found).mean()

    def state(self) -> dict[str, Tensor]:
        """Return copies of the smoothed sensitivities, and which directions are left."""
        kept: dict[str, Tensor] = {}
        for kind in ("exp_avg_ipt", "exp_avg_unc"):
            of_kind = getattr(self._allocator, kind)
            kept |= {f"{kind}/{name}": value.clone() for name, value in of_kind.items()}
        for name, left in (self._config.rank_pattern or {}).items():
            kept[f"left/{name}"] = torch.tensor(left, dtype=torch.uint8)
        return kept

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned."""
        device = next(self._tuner.model.parameters()).device
        self._allocator.reset_ipt()
        pattern = {}
        for key, value in state.items():
            kind, _, name = key.partition("/")
            if kind == "left":
                pattern[name] = value.bool().tolist()
                continue
            getattr(self._allocator, kind)[name] = value.to(device).clone()
            self._allocator.ipt[name] = torch.zeros_like(value, device=device)
        self._config.rank_pattern = pattern or None


def _peft(regime: str) -> Any:
    try:
        import peft
    except ImportError as error:
        raise ConfigError(
            f"text.tuning.regime: `{regime}` needs PEFT, which is not installed: "
            "`pip install 'kgrec[tuning]'`."
        ) from error
    return peft


def _place(model: nn.Module, layers: nn.Module) -> str:
    return next(str(name) for name, part in model.named_modules() if part is layers)


def _linear_layers(model: nn.Module, targets: tuple[str, ...] | None) -> list[str]:
    """Return the names of the linear layers that get additions."""
    layers = layers_of(model)
    place = _place(model, layers)
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
