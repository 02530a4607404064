"""Training the encoder of a run before its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kgrec.config import Config
from kgrec.errors import ConfigError, RunError, option, printable
from kgrec.runs.encoder_files import CHECKPOINT, NEW_ENCODER, read_summary
from kgrec.runs.log import RunLog
from kgrec.runs.text_tuning import tune_text_of_run
from kgrec.text.settings import TextConfig

_KEPT: Final = ("before", "valid", "best_epoch", "epochs", "seconds", "trained_parameters")


@dataclass(frozen=True)
class TunedEncoder:
    """The config that a model is trained with.

    Attributes:
        config: The config, with the folder of the encoder in `text.model`.
        figures: What the training of the encoder came to; empty: none was trained.
    """

    config: Config
    figures: Mapping[str, Any] = field(default_factory=dict)


def is_tuned(text: TextConfig) -> bool:
    """Return whether the encoder of a config is a folder that `kgrec tune-text` wrote."""
    return read_summary(Path(text.model).expanduser()) is not None


def with_tuned_encoder(
    config: Config, out: Path, *, resume: bool, inputs: Sequence[str | Path], log: RunLog
) -> TunedEncoder:
    """Train the encoder of a config if its `text.tuning` asks for that.

    It is written to `encoder_new` in the run folder. `save_run` puts it to its place.

    Args:
        config: The config.
        out: The run folder, which was checked.
        resume: Whether a training that was stopped is continued.
        inputs: Files that were read to make `config`.
        log: Gets the messages.

    Raises:
        RunError: There is nothing to continue, or it is of another training.
        KgrecError: As `tune_text_of_run`.
    """
    text = config.text
    if text is None or text.tuning is None:
        return TunedEncoder(config)
    if is_tuned(text):
        log.say(f"{text.model} is tuned already: text.tuning does not tune it again.")
        return TunedEncoder(config)
    folder = out / NEW_ENCODER
    found = read_summary(folder)
    if resume and found is not None:
        _check_same(config, folder, found)
        log.say("The encoder was trained before the stop.")
    else:
        if resume and not (folder / CHECKPOINT).exists():
            raise RunError(
                f"{printable(str(folder))} has no encoder to continue with. Start without "
                f"{option('resume', True)}."
            )
        found = tune_text_of_run(config, folder, resume=resume, inputs=inputs, log=log)
    used = config.model_copy(update={"text": text.model_copy(update={"model": str(folder)})})
    return TunedEncoder(used, {key: found[key] for key in _KEPT if key in found})


def _check_same(config: Config, folder: Path, found: Mapping[str, Any]) -> None:
    text = config.text
    assert text is not None
    if text.tuning is None:
        raise ConfigError("text.tuning: it says nothing.")
    settings = text.tuning.model_dump(mode="json")
    if found.get("settings") != settings or found.get("model") != text.model:
        raise RunError(
            f"{printable(str(folder))} has an encoder of other settings. Use the same, or start "
            f"anew without {option('resume', True)}."
        )
