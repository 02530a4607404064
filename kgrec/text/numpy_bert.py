"""The forward pass of a BERT encoder for a single text, without PyTorch and transformers.

Loading these two takes seconds, and a search encodes one short query. The numbers are those of
float32 inference up to rounding.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kgrec.errors import ConfigError
from kgrec.text.numpy_pooling import apply_step, erf, pool
from kgrec.types import FloatArray, IntArray

if TYPE_CHECKING:
    from kgrec.text.layout import Layout
    from kgrec.text.model_files import ModelFiles

_CHARS_PER_TOKEN = 1000  # text beyond max_length times this is cut before tokenization
_WANTED = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
}


class NumpyBert:
    """A BERT model with its pooling and dense layers, in float32, for queries.

    Args:
        weights: Its tensors by name.
        tokenizer: A `tokenizers.Tokenizer` that truncates.
        num_heads: Heads of attention.
        epsilon: Of the layer normalisation.
        layout: What comes before and after the language model.
    """

    def __init__(
        self,
        weights: dict[str, FloatArray],
        tokenizer: Any,
        num_heads: int,
        epsilon: float,
        layout: Layout,
    ) -> None:
        self._weights, self._tokenizer, self._layout = weights, tokenizer, layout
        self._heads, self._epsilon = num_heads, epsilon
        self._length = int(tokenizer.truncation["max_length"])
        layers = {name.split(".")[2] for name in weights if name.startswith("encoder.layer.")}
        self._layers = len(layers)

    @classmethod
    def load(cls, files: ModelFiles, max_length: int, layout: Layout) -> Self | None:
        """Return the model of a folder; None: it is of another kind, or has other files.

        Args:
            files: The folder.
            max_length: Tokens read of a text.
            layout: What comes before and after the language model.

        Raises:
            ConfigError: A file is damaged.
        """
        config = files.json("config.json")
        given = {"position_embedding_type": "absolute", "is_decoder": False} | config
        if len(files.weights) != 1 or any(given.get(key) != want for key, want in _WANTED.items()):
            return None
        tokenizer = _tokenizer(files, max_length)
        if tokenizer is None or layout.lower_case:
            return None
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(files.weights[0], framework="numpy") as file:
                names = list(file.keys())
                weights = {
                    name.removeprefix("bert."): file.get_tensor(name).astype(np.float32, copy=False)
                    for name in names
                }
            sizes = config["num_attention_heads"], config["layer_norm_eps"]
            model = cls(weights, tokenizer, *sizes, layout)
            if model._layers != config["num_hidden_layers"]:
                return None
            model.encode("x")
        except (SafetensorError, OSError) as error:
            raise ConfigError(f"{files.weights[0]} cannot be read: {error}") from error
        except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):
            return None  # transformers may know what it is, or say what is wrong
        return model

    def encode(self, text: str) -> FloatArray:
        """Return the vector of a query, not scaled at the end, float32 of shape (1, dim)."""
        prompt, pooling = self._layout.prompts.query, self._layout.pooling
        ids = self._ids(prompt + text)
        skipped = 0 if pooling.include_prompt or not prompt else len(self._ids(prompt)) - 1
        vector = pool(self._hidden(ids), pooling.modes, skipped)
        for step in self._layout.steps:
            vector = apply_step(step, vector)
        return vector[None, :]

    def _ids(self, text: str) -> IntArray:
        cut = text[: self._length * _CHARS_PER_TOKEN].encode("utf-8", "replace").decode("utf-8")
        return np.array(self._tokenizer.encode(cut).ids, dtype=np.int64)

    def _hidden(self, ids: IntArray) -> FloatArray:
        """Return the last hidden states, float32 of shape (length, dim)."""
        part = self._weights
        x = part["embeddings.word_embeddings.weight"][ids]
        x = x + part["embeddings.position_embeddings.weight"][: len(ids)]
        x = x + part["embeddings.token_type_embeddings.weight"][0]
        x = self._normalised(x, "embeddings.LayerNorm")
        for layer in range(self._layers):
            x = self._layer(x, f"encoder.layer.{layer}")
        return x

    def _layer(self, x: FloatArray, name: str) -> FloatArray:
        length, dim = x.shape
        split = length, self._heads, dim // self._heads
        query, key, value = (
            self._linear(x, f"{name}.attention.self.{part}").reshape(split).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.float32(math.sqrt(split[2]))
        weights = np.exp(scores - scores.max(axis=2, keepdims=True))
        weights /= weights.sum(axis=2, keepdims=True)
        mixed = (weights @ value).transpose(1, 0, 2).reshape(length, dim)
        x = self._normalised(
            x + self._linear(mixed, f"{name}.attention.output.dense"),
            f"{name}.attention.output.LayerNorm",
        )
        wide = self._linear(x, f"{name}.intermediate.dense")
        half = 0.5 * (1.0 + erf(wide / np.float32(math.sqrt(2.0))))
        wide = np.asarray(wide * half, dtype=np.float32)
        return self._normalised(
            x + self._linear(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm"
        )

    def _linear(self, x: FloatArray, name: str) -> FloatArray:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return np.asarray(x @ weight.T + bias, dtype=np.float32)

    def _normalised(self, x: FloatArray, name: str) -> FloatArray:
        mean = x.mean(axis=1, keepdims=True)
        scale = 1.0 / np.sqrt(x.var(axis=1, keepdims=True) + np.float32(self._epsilon))
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return np.asarray((x - mean) * scale * weight + bias, dtype=np.float32)


def _tokenizer(files: ModelFiles, max_length: int) -> Any | None:
    """Return the tokenizer of `tokenizer.json`; None: transformers would change or not use it."""
    path = files.folder / "tokenizer.json"
    told = files.json("tokenizer_config.json")
    normalizer = files.tokenizer.get("normalizer") or {}
    same = {
        "do_lower_case": "lowercase",
        "strip_accents": "strip_accents",
        "tokenize_chinese_chars": "handle_chinese_chars",
    }
    if not isinstance(normalizer, dict) or normalizer.get("type") != "BertNormalizer":
        return None
    if told.get("truncation_side", "right") != "right":
        return None
    if any(ours in told and told[ours] != normalizer.get(theirs) for ours, theirs in same.items()):
        return None
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain exceptions
        raise ConfigError(f"{path} is no readable tokenizer: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return tokenizer
