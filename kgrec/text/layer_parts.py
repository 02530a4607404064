"""Where the parts of a layer are in the model families of transformers."""

from __future__ import annotations

from typing import Final, Literal

from torch import nn

from kgrec.errors import ConfigError, printable

Part = Literal["keys", "values", "attention_output", "feed_forward_output"]

_NAMES: Final[dict[Part, tuple[str, ...]]] = {
    "keys": (
        "attention.self.key",  # BERT, RoBERTa, XLM-R, ELECTRA
        "attention.k_lin",  # DistilBERT
        "attention.attn.k",  # MPNet
        "layer.0.SelfAttention.k",  # T5
        "self_attn.k_proj",  # Qwen, Llama, Mistral
    ),
    "values": (
        "attention.self.value",
        "attention.v_lin",
        "attention.attn.v",
        "layer.0.SelfAttention.v",
        "self_attn.v_proj",
    ),
    "attention_output": (
        "attention.output.dense",
        "attention.out_lin",
        "attention.attn.o",
        "layer.0.SelfAttention.o",
        "self_attn.o_proj",
        "attn.c_proj",  # GPT-2
        "attn.Wo",  # ModernBERT
    ),
    "feed_forward_output": (
        "output.dense",
        "ffn.lin2",
        "layer.1.DenseReluDense.wo",
        "mlp.down_proj",
        "mlp.c_proj",
        "mlp.Wo",
    ),
}
"""Names inside of a layer; the first one that a layer has is the part."""


def part_of(layer: nn.Module, part: Part, regime: str) -> str:
    """Return the name of a part inside of a layer.

    Args:
        layer: The layer.
        part: What is looked for; an output is the linear map whose result the layer adds to what
            came in.
        regime: Who asks, for the message.

    Raises:
        ConfigError: The layer is of a family that is not known here, or joins the part to others.
    """
    inside = {name for name, _ in layer.named_modules()}
    found = next((name for name in _NAMES[part] if name in inside), None)
    if found is None:
        raise ConfigError(
            f"text.tuning.regime: `{regime}` does not know where {part.replace('_', ' ')} are in "
            f"a {printable(type(layer).__name__, 60)}. It knows BERT, RoBERTa, DistilBERT, MPNet, "
            "T5, and Qwen and its kin. Choose `lora`, `top_layers` or `full`."
        )
    return found
