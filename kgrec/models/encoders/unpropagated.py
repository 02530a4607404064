"""No propagation, as in matrix factorisation."""

from __future__ import annotations

from typing import ClassVar, Literal

from kgrec.models.encoders.base import GraphEncoder, GraphEncoderConfig


class Unpropagated(GraphEncoder):
    """No propagation: a node's vector is the result of fusion, as in matrix factorisation.

    The head computes a user who was not in training from the mean of their items.
    """


class UnpropagatedConfig(GraphEncoderConfig):
    """The settings of `Unpropagated`: there are none."""

    name: Literal["none"] = "none"
    encoder: ClassVar[type[GraphEncoder]] = Unpropagated

    @property
    def reads_knowledge(self) -> bool:
        """Whether it reads edges other than the interactions: no."""
        return False
