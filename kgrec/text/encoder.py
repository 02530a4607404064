"""The text encoder: from strings to vectors with a language model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from kgrec.engine import engine_in_use
from kgrec.errors import ConfigError, did_you_mean
from kgrec.text.backend import KnownLanguages, check_texts, encode_distinct
from kgrec.text.batching import length_batches
from kgrec.text.model_files import (
    DEFAULT_MODEL,
    DEFAULT_NAMES,
    ModelFiles,
    checked_length,
    find_model,
)
from kgrec.text.progress import ShowProgress
from kgrec.types import FloatArray, IntArray, torch_device

if TYPE_CHECKING:
    import torch

    from kgrec.text.forward import Forward
    from kgrec.text.layout import Layout
    from kgrec.text.numpy_bert import NumpyBert

Precision = Literal["auto", "float32", "bfloat16", "int8"]

CPU_TOKENS = 1024  # activations of a batch then stay in a core's cache
_GPU_TOKENS = 65536


class TextEncoder(KnownLanguages):
    """Encodes texts with a language model as its folder says, scaled to length one.

    The vectors are those of `SentenceTransformer(model).encode(texts, normalize_embeddings=True)`
    (Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084), up to the precision: pooling,
    dense layers, prompts and maximal length are read from the folder, and what kgrec does not do is
    refused. A plain folder of transformers is pooled by the mean. Nothing is loaded before the
    first text is encoded: `dim` and `fingerprint` are read from the model's files.

    Args:
        model: Name of a model on the Hugging Face hub or path of a folder, see `find_model`. Only
            safetensors weights are read, and the model's own code is never run.
        max_length: Tokens read of each text, special tokens included; the rest is cut. None is
            the model's own limit (256 for the default model).
        token_budget: Tokens of a batch, padding included. None is 1,024 on a CPU and 65,536 on a
            GPU.
        precision: Arithmetic of the model's layers. "auto" is bfloat16 where that is fast (a GPU
            of compute capability 8, a CPU with AMX), int8 for BERT-like models on a CPU with VNNI,
            and float32 otherwise. Sums, softmax, normalisation and pooling are always float32 or
            rounded from it.
        device: "auto" is a GPU where there is one; otherwise a torch device such as "cpu".
        normalize: Scale the vectors to length 1. False also leaves out the scaling that the folder
            has at the end.
        download: Whether a model that is not on this machine is downloaded from the hub.
        query_prompt: What is put before a query, such as "query: "; None: what the folder says.
        document_prompt: The same for all other texts.

    Raises:
        ConfigError: An argument is out of its range, or the model cannot be found.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        max_length: int | None = None,
        token_budget: int | None = None,
        precision: Precision = "auto",
        device: str = "auto",
        normalize: bool = True,
        download: bool = True,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
    ) -> None:
        if precision not in get_args(Precision):
            raise ConfigError(
                f"precision: unknown value {precision!r}."
                + did_you_mean(str(precision), get_args(Precision))
            )
        if token_budget is not None and token_budget < 1:
            raise ConfigError(f"token_budget: expected at least 1 token, found {token_budget}.")
        self.model = str(model)
        self.precision = precision
        self.device = device
        self.normalize = normalize
        self._max_length = checked_length(max_length)
        self._token_budget = token_budget
        self.download = download
        self._prompts = query_prompt, document_prompt

    @cached_property
    def files(self) -> ModelFiles:
        """Where the model was found."""
        return find_model(self.model, download=self.download)

    @cached_property
    def layout(self) -> Layout:
        """What comes before and after the language model: the folder's, with the given prompts."""
        return self.files.layout.with_prompts(*self._prompts)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.files.dim

    @property
    def max_length(self) -> int:
        """Tokens read of each text."""
        return self.files.length_within(self._max_length)

    @property
    def loaded_precision(self) -> str:
        """The precision in use, which "auto" chose on this processor. Loads the model."""
        return self._forward.precision

    @cached_property
    def fingerprint(self) -> str:
        """64 hex digits that identify the vectors of this encoder.

        SHA-256 over the weights, the tokenizer, the maximal length, the pooling, the dense layers,
        the prompts, the normalisation and the given precision. Name, folder, device and batch size
        do not change the vectors, so they are not in it.
        """
        parts = {
            "weights": self.files.weights_sha256,
            "tokenizer": self.files.tokenizer_sha256,
            "max_length": self.max_length,
            "normalize": self.normalize,
            "precision": self.precision,
        } | self.layout.fingerprint()
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def encode(self, texts: Sequence[str], *, progress: ShowProgress = False) -> FloatArray:
        """Encode texts as documents, that is, with their prompt if the model has one.

        Identical texts are encoded once. The other texts change a vector only through padding, that
        is by rounding: about 1e-6 in float32, a cosine of 0.9999 in int8. The same texts in the
        same order give the same vectors on the same machine.

        Args:
            texts: n strings; any may be empty.
            progress: True shows a bar on stderr; a function is called with the number of
                distinct texts done and their total.

        Returns:
            Vectors in the order of `texts`, float32 of shape (n, dim).

        Raises:
            ConfigError: The model cannot be found or loaded, or there is no such device.
            DataError: `texts` is a single string, or one of them is not a string.
        """
        return encode_distinct(texts, self._encode_distinct, lambda: self.dim, progress)

    @property
    def is_english(self) -> bool:
        """Whether the model is the default one, which knows English only."""
        return self.model in DEFAULT_NAMES and type(self).encode is TextEncoder.encode

    @property
    def known_scripts(self) -> frozenset[str] | None:
        """The scripts that the model knows, by name, such as "Latin"; None: that is unknown."""
        return self.files.known_scripts if type(self).encode is TextEncoder.encode else None

    def encode_query(self, text: str) -> FloatArray:
        """Encode one text as a query, that is, with its prompt, float32 of shape (1, dim).

        For BERT-like models on a CPU this is computed in float32 without PyTorch and transformers,
        which takes a tenth of a second where loading these takes seconds.

        Raises:
            ConfigError: The model cannot be found or loaded.
        """
        if type(self).encode is not TextEncoder.encode:
            return self.encode([text])
        exact = self.precision in ("auto", "float32") and self.device in ("auto", "cpu")
        if not exact or self._alone is None:
            check_texts([text])
            return self._encode_distinct([text], lambda *_: None, query=True)
        vector = self._alone.encode(text)
        length = np.linalg.norm(vector) if self.normalize else 1.0
        return np.asarray(vector / max(float(length), 1e-12), dtype=np.float32)

    @cached_property
    def _alone(self) -> NumpyBert | None:
        from kgrec.text.numpy_bert import NumpyBert

        return NumpyBert.load(self.files, self.max_length, self.layout)

    def _encode_distinct(
        self, texts: list[str], report: Callable[[int, int], None], *, query: bool = False
    ) -> FloatArray:
        from kgrec.text.distributed import encode_in_workers
        from kgrec.text.parallel import map_batches

        forward = self._forward
        tokens = forward.module.tokenize(texts, query=query)
        lengths = np.fromiter((len(row) for row in tokens), np.int64, len(tokens))
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        on_cpu = forward.module.device.type == "cpu"
        budget = self._token_budget or (CPU_TOKENS if on_cpu else _GPU_TOKENS)

        def encode_batch(rows: IntArray) -> int:
            batch = [tokens[row] for row in rows]
            vectors[rows] = forward(batch, normalize=self.normalize, query=query)
            return len(rows)

        batches = length_batches(lengths, budget)
        done = 0
        if engine_in_use().distributed and not query:
            counted = encode_in_workers(self, tokens, batches, vectors)
        else:
            counted = map_batches(encode_batch, batches) if on_cpu else map(encode_batch, batches)
        for size in counted:
            done += size
            report(done, len(texts))
        return vectors

    def encode_tokens(self, batch: Sequence[IntArray]) -> FloatArray:
        """Return the vectors of one batch of documents, float32 of shape (n, dim).

        Args:
            batch: The token ids of each text, special tokens included.
        """
        return self._forward(batch, normalize=self.normalize)

    def __getstate__(self) -> dict[str, object]:
        """Return what another process needs: the arguments. It finds and loads the model itself."""
        made = ("files", "layout", "fingerprint", "_forward", "_alone")
        return {name: value for name, value in self.__dict__.items() if name not in made}

    @cached_property
    def _forward(self) -> Forward:
        from kgrec.text.forward import Forward
        from kgrec.text.module import TextModule
        from kgrec.text.parallel import map_batches

        def load(device: torch.device) -> Forward:
            module = TextModule.load(self.files, max_length=self._max_length)
            module = module.with_prompts(*self._prompts)
            return Forward(module, device, self.precision)

        return next(map_batches(load, [torch_device(self.device)]))

    def __repr__(self) -> str:
        return f"TextEncoder({self.model!r}, precision={self.precision!r}, device={self.device!r})"
