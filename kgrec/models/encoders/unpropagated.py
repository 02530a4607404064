"""No propagation, as in matrix factorisation."""

from __future__ import annotations

from typing import ClassVar, Literal

from kgrec.models.encoders.base import GraphEncoder, GraphEncoderConfig


class Unpropagated(GraphEncoder):
    """No propagation: a vector is what fusion makes of it, as in matrix factorisation.

    A user who was not in training is the mean of what they like, which the head makes a user of.
    """


class UnpropagatedConfig(GraphEncoderConfig):
    """The settings of `Unpropagated`: there are none."""

    name: Literal["none"] = "none"
    encoder: ClassVar[type[GraphEncoder]] = Unpropagated

    @property
    def reads_knowledge(self) -> bool:
        """Whether anything but the interactions is read of the graph's edges: nothing is."""
        return False
