"""`kgrec tune`: search the settings of a config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.failure import fail
from kgrec.commands.options import AsJson, EngineName, Force


def tune(
    config: Annotated[Path, typer.Argument(help="YAML file.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Settings to change, as key=value.")
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, help="Trials in all, with those that are there already.")
    ] = 40,
    out: Annotated[Path, typer.Option(help="Folder of the search.")] = Path("tuning/latest"),
    engine: EngineName = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Search the settings of a model by trials, chosen on the validation part alone.

    The same command again goes on with a search that was stopped. The folder gets the best config,
    a table of the trials, and pictures.
    """
    from kgrec.config import load_config, read_config_tree
    from kgrec.engine import engine_changes
    from kgrec.reporting.console import print_json
    from kgrec.reporting.reporter import Reporter
    from kgrec.reporting.tuning_report import show_tuned
    from kgrec.runs.tuning import tune_run

    changes = [*(overrides or ()), *engine_changes(engine)]
    load_config(config, changes)  # says what is wrong, and what no longer applies
    try:
        found = tune_run(
            read_config_tree(config, changes),
            out,
            trials,
            where=str(config),
            force=force,
            inputs=[config],
            log=Reporter(),
        )
    except KeyboardInterrupt:
        fail("Interrupted. The trials are kept; the same command goes on with them.", 130)
    if as_json:
        print_json(found.to_dict())
    else:
        show_tuned(found)
