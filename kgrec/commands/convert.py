"""`kgrec convert`: a published data set as files of kgrec."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def convert(
    folder: Annotated[
        Path,
        typer.Argument(help="Files of RecBole, KGAT or KGCN (also RippleNet and MKR): the folder."),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="Settings of `data`, as key=value, such as 'positive=rating >= 4'."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to make.")] = Path("converted"),
    format: Annotated[
        str | None, typer.Option(help="`recbole`, `kgat` or `kgcn`; found by the files.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of what the files do not split.")] = 0,
) -> None:
    """Write a published data set as files that kgrec reads, with a config to train on."""
    from kgrec.config import parse_settings
    from kgrec.datasets.conversion import convert as convert_files
    from kgrec.reporting.reporter import Reporter

    dataset, config = convert_files(folder, out, format, parse_settings(settings or ()), seed)
    reporter = Reporter()
    for note in dataset.notes:
        reporter.say(note)
    reporter.say(f"Config: {config}")
