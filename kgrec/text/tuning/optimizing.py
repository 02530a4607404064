"""The optimizer of a training: groups of parameters, and the step size over time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kgrec.text.tuning.settings import TextTuning
from kgrec.text.tuning.tower import Tower

_HEADS = "heads."


class Optimizer:
    """AdamW (Loshchilov and Hutter, ICLR 2019) with a step size for each layer and a schedule.

    Args:
        tower: The encoder.
        heads: What tasks train beside it, by name.
        settings: The settings.
        num_steps: Steps of the whole training, for the schedule.
        rates: Step sizes of heads that have their own, by name.

    Attributes:
        parameters: All that is trained, by name.
        step_count: Steps done.
    """

    def __init__(
        self, tower: Tower, heads: Mapping[str, nn.Parameter], settings: TextTuning, num_steps: int,
        rates: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        self._settings, self._num_steps, self._tower = settings, max(num_steps, 1), tower
        self.parameters = {**tower.trained, **{f"{_HEADS}{k}": v for k, v in heads.items()}}
        self.step_count = 0
        depths = tower.depths()
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, value in self.parameters.items():
            rate = (rates or {}).get(name.removeprefix(_HEADS), settings.projection_rate)
            if not name.startswith((_HEADS, "steps.")):
                rate = settings.learning_rate * settings.layer_decay ** depths[name]
            # Biases and the weights of norms are vectors.
            decay = settings.weight_decay if value.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(value)
        self._adam = torch.optim.AdamW(
            [
                {"params": values, "lr": rate, "weight_decay": decay, "full_rate": rate}
                for (rate, decay), values in groups.items()
            ],
            fused=True,
        )

    def step(self) -> None:
        """Take a step along the gradients, and remove them."""
        if self._settings.clip is not None:
            nn.utils.clip_grad_norm_(self.parameters.values(), self._settings.clip)
        share = rate_share(
            self.step_count, self._num_steps, self._settings.warmup, self._settings.schedule
        )
        for group in self._adam.param_groups:
            group["lr"] = group["full_rate"] * share
        self._adam.step()
        self.step_count += 1
        self._tower.after_step(self.step_count)
        self._adam.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """Return copies of the moments of the parameters, by name and moment."""
        return {
            f"{name}/{moment}": kept.detach().clone()
            for name, value in self.parameters.items()
            for moment, kept in self._adam.state.get(value, {}).items()
        }

    def load_state(self, state: Mapping[str, Tensor], step_count: int) -> None:
        """Restore what `state` returned.

        Raises:
            KeyError: A name is not that of a trained parameter.
        """
        self.step_count = step_count
        self._adam.state.clear()
        for key, kept in state.items():
            name, _, moment = key.rpartition("/")
            found: dict[str, Any] = self._adam.state[self.parameters[name]]
            # `to` makes no copy where nothing changes, and a step writes in place.
            found[moment] = kept.to(self.parameters[name].device if kept.ndim else "cpu").clone()


def rate_share(step: int, num_steps: int, warmup: float, schedule: str) -> float:
    """Return the share of the full step size that a step has.

    Args:
        step: The step, from 0 on.
        num_steps: Steps in all.
        warmup: The share of them in which it grows from near zero.
        schedule: "linear" and "cosine" fall to zero after that, "constant" does not.

    >>> [rate_share(step, 10, 0.2, "linear") for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.125]
    """
    first = round(warmup * num_steps)
    if step < first:
        return (step + 1) / first
    if schedule == "constant":
        return 1.0
    left = 1.0 - (step - first) / max(num_steps - first, 1)
    return left if schedule == "linear" else 0.5 - 0.5 * math.cos(math.pi * left)
