"""The forward pass of a BERT encoder in 8-bit integers, for processors where these are fast.

With vector instructions alone a core multiplies 8-bit integers about four times as fast as
float32 (AVX-512 VNNI), while bfloat16 gains nothing. Plain 8-bit rounding loses too much accuracy
(cosine 0.995). The cause is a few input channels with far larger values than the others: they make
the step between two integers too wide for all (Dettmers et al. 2022,
https://arxiv.org/abs/2208.07339). So each linear layer

- multiplies its 8 largest input channels in float32, separately from the others;
- subtracts each channel's mean; its product with the weights goes into the bias, exactly;
- balances the ranges of the other channels between input and weights (SmoothQuant, Xiao et al.
  2023, https://arxiv.org/abs/2211.10438);
- scales the row of each token at run time, and the weights of each output once.

Ranges and means come from a few fixed sentences, so that the layers do not depend on the texts to
encode. The mean rounding error over these sentences is added back, because mean pooling keeps such
an error and averages out the rest. Attention, residual sums, layer normalisation, GELU and pooling
stay float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from kgrec.text.added import added_to

_NUM_OUTLIERS = 8  # input channels of each layer that stay in float32
_GELU_MIN = 0.17  # no value of GELU lies below -0.17
_TINY = 1e-5

CALIBRATION_TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "Photosynthesis converts light into chemical energy, which green plants keep as glucose.",
    "She bought three apples, two pears and a loaf of bread at the market on Saturday morning.",
    "A 1994 drama film by a young director about two brothers who inherit a farm. Genre: drama.",
    "def add(a, b): return a + b",
    "Berlin is the capital of Germany; it has about 3.7 million inhabitants.",
    "How do I reset my password?",
    "Best wireless headphones under $100 with noise cancelling!",
    "In 2008 the band released its second album, which reached number 4 in the charts and was "
    "praised by critics for its melodies, while its words were called plain.",
    "Quantum mechanics describes nature at the scale of atoms and subatomic particles, where "
    "classical physics no longer predicts what is observed.",
    "Product 4 (garden tool). Price level: low. Category: outdoor, tools.",
    "El perro come en la cocina mientras los niños juegan en el jardín.",
    "x",
    "The patient was treated with 20 mg of the drug daily for six weeks without side effects.",
)
"""Texts of several kinds and lengths; their activations define the layers' scales."""


def int8_possible(model: Any) -> bool:
    """Return whether `Int8Bert` can run `model` (of transformers)."""
    config = model.config
    return (
        added_to(model) is None
        and getattr(config, "model_type", "") == "bert"
        and getattr(config, "hidden_act", "") == "gelu"
        and getattr(config, "position_embedding_type", None) in (None, "absolute")
        and not getattr(config, "is_decoder", False)
        and config.hidden_size > 4 * _NUM_OUTLIERS
        and hasattr(torch.ops.onednn, "qlinear_pointwise")
        and hasattr(torch.ops.onednn, "qlinear_prepack")
    )


class Int8Linear:
    """A linear layer whose product runs in 8-bit integers.

    Args:
        weight: float32 of shape (num_outputs, num_inputs).
        bias: float32 of shape (num_outputs,).
        sample: Typical inputs, float32 of shape (num_tokens, num_inputs).
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, sample: torch.Tensor) -> None:
        mean = sample.mean(0)
        spread = (sample - mean).abs().amax(0).clamp_min(_TINY)
        self._outliers = spread.topk(_NUM_OUTLIERS).indices.sort().values
        scale = (weight.abs().amax(0).clamp_min(_TINY) / spread).sqrt()
        inner = weight / scale
        inner[:, self._outliers] = 0.0
        scale[self._outliers] = 0.0
        self._scale, self._shift = scale, -mean * scale
        self._middle = torch.tensor(128.5)
        # Outliers are multiplied in float32 with their means: subtract those of the others only.
        rest = mean.clone()
        rest[self._outliers] = 0.0
        self._product = _Product(inner, weight[:, self._outliers], bias + weight @ rest)
        self._product.correct(functional.linear(sample, weight, bias) - self(sample))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Map float32 of shape (num_tokens, num_inputs) to (num_tokens, num_outputs)."""
        even = torch.addcmul(self._shift, x, self._scale)
        largest = torch.maximum(even.amax(1, keepdim=True), -even.amin(1, keepdim=True))
        step = largest.clamp_min_(_TINY).div_(127.0)
        # The half is for rounding, as the conversion to an integer truncates.
        codes = torch.addcmul(self._middle, even, 1.0 / step, out=even).to(torch.uint8)
        return self._product(codes, 128, step, x[:, self._outliers])


class Int8LinearAfterGelu:
    """The same for a layer whose inputs come from GELU, so that they are above -0.17.

    Such inputs use all 256 codes for one sign. The caller permutes them by `order`, with the
    largest channels last, where a slice can leave them out without a copy.

    Args:
        weight: float32 of shape (num_outputs, num_inputs), of the inputs in their own order.
        bias: float32 of shape (num_outputs,).
        sample: Typical inputs, in their own order.

    Attributes:
        order: The order in which inputs are expected, int64 of shape (num_inputs,).
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, sample: torch.Tensor) -> None:
        self.order = sample.amax(0).argsort(descending=False, stable=True)
        weight, sample = weight[:, self.order], sample[:, self.order]
        inner, outer = weight[:, :-_NUM_OUTLIERS], weight[:, -_NUM_OUTLIERS:]
        self._product = _Product(inner, outer, bias - _GELU_MIN * inner.sum(1))
        self._product.correct(functional.linear(sample, weight, bias) - self(sample))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Map float32 of shape (num_tokens, num_inputs) to (num_tokens, num_outputs)."""
        inner = x[:, :-_NUM_OUTLIERS]
        step = inner.amax(1, keepdim=True).add_(_GELU_MIN).clamp_min_(_TINY).div_(255.0)
        inverse = 1.0 / step
        codes = torch.addcmul(inverse * _GELU_MIN + 0.5, inner, inverse).to(torch.uint8)
        return self._product(codes, 0, step, x[:, -_NUM_OUTLIERS:])


class _Product:
    """codes × weights in integers, plus outliers × weights and the bias in float32."""

    def __init__(self, inner: torch.Tensor, outer: torch.Tensor, bias: torch.Tensor) -> None:
        self._weight_step = inner.abs().amax(1).clamp_min(_TINY).div(127.0)
        codes = (inner / self._weight_step[:, None]).round().to(torch.int8)
        self._packed = torch.ops.onednn.qlinear_prepack(codes.contiguous(), None)
        self._zeros = torch.zeros(len(inner), dtype=torch.int64)
        self._outer = outer.t().contiguous()
        self._bias = bias

    def __call__(
        self, codes: torch.Tensor, zero: int, step: torch.Tensor, outliers: torch.Tensor
    ) -> torch.Tensor:
        product: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            codes, 1.0, zero, self._packed, self._weight_step, self._zeros,
            None, 1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        torch.addcmul(self._bias, product, step, out=product)
        product.addmm_(outliers, self._outer)
        return product

    def correct(self, missing: torch.Tensor) -> None:
        """Add the mean error of the outputs, of shape (num_tokens, num_outputs), to the bias.

        Similar tokens have similar rounding errors, which a mean over tokens would keep.
        """
        self._bias = self._bias + missing.mean(0)


class _Layer:
    """One transformer layer."""

    def __init__(self, layer: Any, samples: dict[str, torch.Tensor]) -> None:
        attention = layer.attention.self
        parts = (attention.query, attention.key, attention.value)
        self._heads = int(attention.num_attention_heads)
        self._qkv = Int8Linear(
            torch.cat([part.weight for part in parts]),
            torch.cat([part.bias for part in parts]),
            samples["qkv"],
        )
        out, into, down = layer.attention.output, layer.intermediate.dense, layer.output
        self._out = Int8Linear(out.dense.weight, out.dense.bias, samples["out"])
        self._down = Int8LinearAfterGelu(down.dense.weight, down.dense.bias, samples["down"])
        order = self._down.order
        self._up = Int8Linear(into.weight[order], into.bias[order], samples["up"])
        self._norms = (out.LayerNorm, down.LayerNorm)

    def __call__(self, x: torch.Tensor, size: int, mask: torch.Tensor | None) -> torch.Tensor:
        tokens, dim = x.shape
        qkv = self._qkv(x).view(size, tokens // size, 3, self._heads, dim // self._heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        context = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        context = context.transpose(1, 2).reshape(tokens, dim)
        x = _normed(self._norms[0], self._out(context).add_(x))
        return _normed(self._norms[1], self._down(functional.gelu(self._up(x))).add_(x))


def _normed(norm: Any, x: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


class Int8Bert:
    """A BERT encoder of transformers, on a CPU, with its linear layers in 8-bit integers.

    Args:
        model: The float32 model, for which `int8_possible` is true.
        samples: Token ids of `CALIBRATION_TEXTS`, int64 of shape (1, length) each.
    """

    @torch.inference_mode()
    def __init__(self, model: Any, samples: list[torch.Tensor]) -> None:
        self._embeddings = model.embeddings
        seen = _layer_inputs(model, samples)
        self._layers = [
            _Layer(layer, found) for layer, found in zip(model.encoder.layer, seen, strict=True)
        ]

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Return the last hidden states.

        Args:
            ids: Token ids, int64 of shape (n, length).
            mask: 1 for a token and 0 for padding, shape (n, length); None if there is no padding.

        Returns:
            float32 of shape (n, length, dim).
        """
        hidden = self._embeddings(input_ids=ids)
        shape = hidden.shape
        bias = None
        if mask is not None:
            bias = torch.zeros(mask.shape).masked_fill_(mask == 0, torch.finfo(torch.float32).min)
            bias = bias[:, None, None, :].expand(-1, 1, shape[1], -1)
        x: torch.Tensor = hidden.reshape(-1, shape[2])
        for layer in self._layers:
            x = layer(x, shape[0], bias)
        return x.view(shape)


def _layer_inputs(model: Any, samples: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    """Run the float32 model and return the inputs of each layer's linear maps."""
    seen: list[dict[str, list[torch.Tensor]]] = []
    hooks = []
    for layer in model.encoder.layer:
        kept: dict[str, list[torch.Tensor]] = {}
        seen.append(kept)
        for name, module in (
            ("qkv", layer.attention.self.query),
            ("out", layer.attention.output.dense),
            ("up", layer.intermediate.dense),
            ("down", layer.output.dense),
        ):
            rows = kept.setdefault(name, [])

            def keep(_: Any, inputs: Any, rows: list[torch.Tensor] = rows) -> None:
                rows.append(inputs[0].reshape(-1, inputs[0].shape[-1]))

            hooks.append(module.register_forward_pre_hook(keep))
    try:
        for ids in samples:
            model(input_ids=ids)
    finally:
        for hook in hooks:
            hook.remove()
    return [{name: torch.cat(rows) for name, rows in kept.items()} for kept in seen]
