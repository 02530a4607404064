"""What encoding texts and training an encoder need, said before they start; see `kgrec.runs.needs`.

The slopes are those of `experiments/slopes.py`, which measures them with the default encoder. A
slope is that of one thread, and threads share the work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kgrec.runs.needs import Needs, announce
from kgrec.text.encoder import CPU_TOKENS, TextEncoder
from kgrec.text.progress import ShowProgress, ToldBefore

if TYPE_CHECKING:
    from kgrec.text.model_files import ModelFiles
    from kgrec.text.tuning.loop import Tuner

SECONDS_A_WEIGHT: Final[Mapping[str, float]] = {"int8": 2.2e-11, "float32": 3e-11}
"""Seconds of a thread for a token and a weight of the layers that it goes through, by precision.

bfloat16 is told as float32: it is chosen where it is no slower.
"""
BACKWARD: Final = 4.3
"""The time of a step by that of encoding its texts, in the layers that have gradients.

Where weights are added and the others stay, it is about the same: their gradients are not made, and
the added ones are further products.
"""
CHARACTERS_A_TOKEN: Final = 4.0
BYTES_A_STATE: Final = 130
"""Memory for a token in training, by numbers of its hidden state in all trained layers."""
_SPECIAL: Final = 2  # tokens before and after a text
_WIDTH: Final = 10
"""Numbers of a token that are in memory at once while it is encoded, by those of its state."""


def saying_needs(say: Callable[[str], object], progress: ShowProgress) -> ShowProgress:
    """Return progress that says what encoding texts needs before it begins, if that is much.

    Args:
        say: Gets the line.
        progress: How the encoding is shown.

    Raises:
        DataError: By the encoding: there is less memory than it needs.
    """
    return ToldBefore(progress, partial(_announce, say))


def _announce(say: Callable[[str], object], encoder: Any, texts: Sequence[str]) -> None:
    announce(of_encoding(encoder, texts), say)


def of_encoding(encoder: Any, texts: Sequence[str]) -> Needs:
    """Return what encoding distinct texts needs.

    The seconds are not known of encoders on a GPU, and of those that are not a `TextEncoder`.

    Args:
        encoder: A `kgrec.text.backend.TextBackend`.
        texts: What it is going to encode.
    """
    memory = 8 * encoder.dim * len(texts)  # the vectors, and those of all nodes that they go into
    seconds, how = None, ""
    if isinstance(encoder, TextEncoder):
        files = encoder.files
        memory += 4 * files.size[1]
        if _is_cpu(encoder.device):
            threads = _threads()
            memory += 4 * threads * _WIDTH * files.hidden_dim * CPU_TOKENS
            tokens = tokens_of(texts, encoder.max_length)
            work = tokens * weights_of_layers(files) / threads
            seconds = SECONDS_A_WEIGHT["float32"] * work
            needs = _encoding(len(texts), "", memory, seconds)
            if not needs.is_small:  # the precision is known when the model is loaded
                precision = encoder.loaded_precision
                seconds = _seconds_a_weight(precision) * work
                how = f" in {precision}, with {threads} threads,"
    return _encoding(len(texts), how, memory, seconds)


def _encoding(count: int, how: str, memory: int, seconds: float | None) -> Needs:
    return Needs(
        f"Encoding {count:,} texts{how}",
        memory,
        seconds,
        "Leave out the texts of entities (text.entities: false), choose an encoder with shorter "
        "vectors (text.model), or take a machine with more memory.",
    )


def of_tuning(tuner: Tuner, model: str, texts: Sequence[str]) -> Needs:
    """Return what the training of an encoder needs, for the epochs that are certain.

    With a validation part it may end after `patience` validations. On a GPU the seconds are not
    known.

    Args:
        tuner: The training, before it runs.
        model: What the encoder is called.
        texts: The texts of items, of which some are read to see how long they are.
    """
    tower, settings = tuner.tower, tuner.settings
    some = [text for text in texts if text][:: max(1, len(texts) // 256)]
    tokens = float(tower.read(some).lengths.mean()) if some else 0.0
    config = tower.module.model.config
    depth, width = int(config.num_hidden_layers), int(config.hidden_size)
    regime = settings.regime
    layers = {"frozen": 0, "top_layers": min(getattr(regime, "n", depth), depth)}.get(
        regime.name, depth
    )
    trained = sum(value.numel() for value in tower.trained.values())
    states = tuner.most_texts * tokens * width * (1 if settings.gradient_checkpointing else layers)
    memory = bytes_of_training(tower.num_parameters, trained) + int(BYTES_A_STATE * states)
    epochs = min(settings.epochs, settings.patience * settings.eval_every)
    seconds = None
    if tower.device.type == "cpu":
        slope = _seconds_a_weight(tower.precision) / _threads()
        embedded = int(config.vocab_size) * width
        weights = max(0, tower.num_parameters - embedded) * layers / depth
        read = len(texts) * (1 + epochs / settings.eval_every)
        passes = BACKWARD * epochs * tuner.texts_per_epoch + read
        seconds = slope * weights * tokens * passes
    return Needs(
        f"Tuning {model} ({regime.name}) with {tuner.num_steps:,} steps, {epochs} or more of "
        f"{settings.epochs} epochs of {tuner.texts_per_epoch:,} texts,",
        memory,
        seconds,
        "Train less of it (text.tuning.regime: lora or top_layers), with smaller batches, a "
        "smaller max_length or gradient_checkpointing, or take a machine with more memory.",
    )


def bytes_of_training(parameters: int, trained: int) -> int:
    """Return the memory of the numbers that a training of float32 weights keeps.

    All weights; of the trained ones the gradient, the two moments of Adam and the best value, and
    copies of value and moments while a checkpoint is written.

    Args:
        parameters: Numbers of all weights.
        trained: Numbers of those that are trained.

    >>> bytes_of_training(100, 100) // 4, bytes_of_training(100, 1) // 4
    (800, 107)
    """
    return 4 * (parameters + 7 * trained)


def tokens_of(texts: Sequence[str], max_length: int) -> int:
    """Return about how many tokens are read of texts, special tokens included."""
    return int(sum(min(max_length, _SPECIAL + len(text) / CHARACTERS_A_TOKEN) for text in texts))


def weights_of_layers(files: ModelFiles) -> int:
    """Return the numbers of a model that each token is multiplied with: not its embeddings."""
    found = files.json("config.json").get("vocab_size", 0)
    embedded = found * files.hidden_dim if isinstance(found, int) else 0
    return max(0, files.size[1] - embedded)


def _seconds_a_weight(precision: str) -> float:
    return SECONDS_A_WEIGHT.get(precision, SECONDS_A_WEIGHT["float32"])


def _is_cpu(device: str) -> bool:
    from kgrec.types import torch_device

    return torch_device(device).type == "cpu"


def _threads() -> int:
    import torch

    return torch.get_num_threads()
