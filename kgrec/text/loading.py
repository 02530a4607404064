"""Loading a language model and its tokenizer from files, with checks before it costs memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch

from kgrec.errors import ConfigError, first_few, printable
from kgrec.text.model_files import ModelFiles

_FEW: Final = 100  # layers that any model may have
_SMALL: Final = 1 << 20  # parameters that weights may lack, such as those of a pooler

_ENCODERS: Final = {"t5": "T5EncoderModel", "mt5": "MT5EncoderModel", "umt5": "UMT5EncoderModel"}


def load_model(files: ModelFiles) -> Any:
    """Return the language model of a folder, in float32, on the CPU and without dropout.

    Raises:
        ConfigError: It cannot be loaded, would need code of its own, or its files do not fit.
    """
    from transformers import AutoConfig

    where, from_disk = printable(str(files.folder)), {"local_files_only": True}
    try:
        with no_messages():  # 100 tensors are read in no time
            config = AutoConfig.from_pretrained(
                str(files.folder), trust_remote_code=False, **from_disk
            )
            kind = _model_class(config, where)
            check_size(
                config,
                files.size,
                printable(str(files.folder / "config.json")),
                _maker(config, kind),
            )
            model, loaded = kind.from_pretrained(
                str(files.folder),
                config=config,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
                **from_disk,
            )
    except ConfigError:
        raise
    except Exception as error:  # each model class raises its own errors
        reason = printable(str(error), 500)
        raise ConfigError(f"{where} cannot be loaded as an encoder: {reason}") from error
    # transformers fills what is missing with random numbers. The mean of the hidden states does
    # not use a pooler, and many models are published without one.
    missing = sorted(name for name in loaded["missing_keys"] if "pooler" not in name)
    if missing:
        other = sorted(loaded["unexpected_keys"])
        instead = f" They have {first_few(other)} instead." if other else ""
        raise ConfigError(
            f"{where} has no weights for {len(missing)} of the tensors that its config.json asks "
            f"for: {first_few(missing)}.{instead} Both must be of the same model: save them "
            "together with `model.save_pretrained(folder)`."
        )
    broken = [name for name, value in model.named_parameters() if not value.isfinite().all()]
    if broken:
        raise ConfigError(
            f"{where} has weights that are not numbers, in {first_few(broken)}: the file is "
            "damaged, or its training failed."
        )
    return model.eval()


def _model_class(config: Any, where: str) -> Any:
    """Return the class of transformers whose hidden states are those of the texts."""
    import transformers

    name = _ENCODERS.get(config.model_type)
    if name is not None:
        return getattr(transformers, name)
    if getattr(config, "is_encoder_decoder", False):
        raise ConfigError(
            f"{where} is a model of encoder and decoder ({printable(config.model_type, 40)!r}). Of "
            f"these, kgrec knows {', '.join(_ENCODERS)}; choose an encoder or a decoder."
        )
    return transformers.AutoModel


def _maker(config: Any, kind: Any) -> Callable[[Any], Any]:
    """Return what makes a model with random weights of a config."""
    made: Callable[[Any], Any] = kind if config.model_type in _ENCODERS else kind.from_config
    return made


def check_size(config: Any, size: tuple[int, int], where: str, make: Callable[[Any], Any]) -> None:
    """Refuse a config that asks for a larger model than the weights are.

    Args:
        config: The config, as transformers reads it.
        size: Tensors of the weights, and numbers in them.
        where: The file of the config, for the message.
        make: Makes a model of the config.

    Raises:
        ConfigError: It does.
    """
    tensors, numbers = size
    layers = getattr(config, "num_hidden_layers", 0)
    if isinstance(layers, int) and layers <= max(tensors, _FEW):
        with torch.device("meta"):  # has shapes, but takes no memory
            model = make(config)
        asked = sum(value.numel() for value in model.parameters())
        if asked <= 2 * numbers + _SMALL:
            return
        layers = f"{asked:,} parameters"
    else:
        layers = f"{printable(repr(layers), 40)} layers"
    raise ConfigError(
        f"{where} asks for {layers}, and the weights beside it have {tensors} tensors of "
        f"{numbers:,} numbers: they are of different models."
    )


@contextmanager
def no_messages() -> Iterator[None]:
    """Let transformers neither draw bars nor print what is checked here."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


def load_tokenizer(folder: str, where: str, num_tokens: int, **options: Any) -> Any:
    """Return the tokenizer of a folder.

    Args:
        folder: The folder.
        where: Its name in messages.
        num_tokens: Tokens that the language model has vectors for.
        options: Further ones of `AutoTokenizer.from_pretrained`, such as `gguf_file`.

    Raises:
        ConfigError: It cannot be loaded, or has more tokens.
    """
    from transformers import AutoTokenizer

    try:
        with no_messages():
            tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, **options
            )
        largest = max(tokenizer.get_vocab().values(), default=-1)
    except Exception as error:  # each tokenizer raises its own errors
        reason = printable(str(error), 500)
        raise ConfigError(f"{where} has no readable tokenizer: {reason}") from error
    if not 0 <= largest < num_tokens:
        raise ConfigError(
            f"{where}: the tokenizer has {largest + 1:,} tokens, and the model has vectors for "
            f"{num_tokens:,}: they are of different models."
        )
    return tokenizer
