"""`kgrec tune-text`: train the encoder of texts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.failure import fail
from kgrec.commands.options import AsJson, EngineName, Force


def tune_text(
    config: Annotated[
        Path,
        typer.Argument(help="YAML file that names the data; `text.tuning` says what to train."),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Settings to change, as key=value, such as text.tuning.regime=lora."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the tuned encoder.")] = Path(
        "encoders/latest"
    ),
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the checkpoint in the folder.")
    ] = False,
    engine: EngineName = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Train the language model that encodes texts, and write a Hugging Face folder.

    `text.model=FOLDER` uses it in `kgrec train`; other libraries read it too. The training part
    trains it, and the validation part chooses the epoch.
    """
    from kgrec.config import load_config
    from kgrec.engine import engine_changes
    from kgrec.reporting.console import print_json
    from kgrec.reporting.reporter import Reporter
    from kgrec.runs.encoder_files import CHECKPOINT
    from kgrec.runs.text_tuning import tune_text

    started = time.time()
    try:
        figures = tune_text(
            load_config(config, [*(overrides or ()), *engine_changes(engine)]),
            out,
            resume=resume,
            force=force,
            inputs=[config],
            log=Reporter(),
        )
    except KeyboardInterrupt:
        saved = out / CHECKPOINT
        # An older checkpoint is from another training.
        ours = saved.exists() and saved.stat().st_mtime >= started
        hint = f" The checkpoint is saved; --resume continues from it: {saved}" if ours else ""
        fail("Interrupted." + hint, 130)
    if as_json:
        print_json(figures)
