"""`kgrec convert`: convert a published data set to kgrec's files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.options import Decimal, Encoding, OnError, Quote, Separator, table_options


def convert(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder of files of RecBole, KGAT or KGCN (also RippleNet and MKR)."),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="Settings of `data`, as key=value, such as 'positive=rating >= 4'."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to create.")] = Path("converted"),
    format: Annotated[
        str | None,
        typer.Option(help="`recbole`, `kgat` or `kgcn`; by default, detected from the files."),
    ] = None,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    quote: Quote = None,
    on_error: OnError = "raise",
    rejects: Annotated[
        Path | None, typer.Option(help="Write lines that were left out to this JSON Lines file.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the split, if the files have no split.")] = 0,
) -> None:
    """Convert a published data set to kgrec's files, with a config for training."""
    from kgrec.datasets.conversion import convert as convert_files
    from kgrec.reporting.reporter import Reporter
    from kgrec.settings import parse_settings

    how = table_options(encoding, separator, decimal, quote, on_error=on_error, rejects=rejects)
    given = parse_settings(settings or ()) | how
    dataset, config = convert_files(folder, out, format, given, seed)
    reporter = Reporter()
    for note in dataset.notes:
        reporter.say(note)
    reporter.say(f"Config: {config}")
