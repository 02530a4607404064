"""`kgrec train`: train a model and write a run folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.failure import fail
from kgrec.commands.options import EngineName, Force


def train(
    config: Annotated[Path, typer.Argument(help="YAML file that names the data and the model.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Settings to change, as key=value, such as model.name=ease."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Run folder to create.")] = Path("runs/latest"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the checkpoint in the run folder.")
    ] = False,
    warm_start: Annotated[
        Path | None,
        typer.Option(help="Run folder whose weights the training begins with."),
    ] = None,
    engine: EngineName = None,
    force: Force = False,
) -> None:
    """Train a model and write a run folder, which the other commands read.

    The least config is `data: {interactions: ratings.csv}`. Paths in it are relative to the current
    folder, or to `data.root`.
    """
    from kgrec.config import load_config
    from kgrec.engine import engine_changes
    from kgrec.reporting.reporter import Reporter
    from kgrec.runs.encoder_files import CHECKPOINT, NEW_ENCODER
    from kgrec.runs.training import train_run

    started = time.time()
    try:
        train_run(
            load_config(config, [*(overrides or ()), *engine_changes(engine)]),
            out,
            resume=resume,
            warm_start=warm_start,
            force=force,
            inputs=[config],
            log=Reporter(),
        )
    except KeyboardInterrupt:
        states = [out / "checkpoint.safetensors", out / NEW_ENCODER / CHECKPOINT]
        # An older checkpoint is from another training.
        ours = [one for one in states if one.exists() and one.stat().st_mtime >= started]
        hint = f" The checkpoint is saved; --resume continues from it: {ours[0]}" if ours else ""
        fail("Interrupted." + hint, 130)
