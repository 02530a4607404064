"""The `kgrec` command. Each command imports its slow libraries itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Final

import typer

from kgrec.commands.api_key import api_key
from kgrec.commands.chat import chat
from kgrec.commands.compare import compare
from kgrec.commands.convert import convert
from kgrec.commands.demo import demo
from kgrec.commands.erase import erase
from kgrec.commands.evaluate import evaluate
from kgrec.commands.explain import explain
from kgrec.commands.failure import fail, lacking_memory, say, warnings_on_stderr
from kgrec.commands.fetch import fetch
from kgrec.commands.inspect import inspect
from kgrec.commands.link import link
from kgrec.commands.map import map
from kgrec.commands.options import in_words_of
from kgrec.commands.recommend import recommend
from kgrec.commands.retrain import retrain
from kgrec.commands.search import search
from kgrec.commands.serve import serve
from kgrec.commands.similar import similar
from kgrec.commands.streams import UNWRITABLE, drop, encoding_message, writable_streams
from kgrec.commands.train import train
from kgrec.commands.tune import tune
from kgrec.commands.tune_search import tune_search
from kgrec.commands.tune_text import tune_text
from kgrec.commands.update import update
from kgrec.errors import KgrecError, printable
from kgrec.files import system_reason

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Recommend items from a knowledge graph and interactions.\n\n"
    "`kgrec demo` shows all of it on example data. With your own data: `kgrec train CONFIG.yaml`, "
    "then `recommend`, `explain`, `search` and `evaluate` on the run folder that it writes.",
)
_COMMANDS: Final[tuple[Callable[..., None], ...]] = (
    demo, inspect, fetch, link, convert, map, train, update, erase, tune, tune_search, tune_text,
    evaluate, compare, recommend, similar, search, chat, explain, serve, retrain, api_key,
)  # fmt: skip
for _command in _COMMANDS:
    app.command()(in_words_of(_command))


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        from kgrec import __version__

        typer.echo(f"kgrec {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command: a user's mistake is one message on stderr and exit code 2."""
    try:
        with writable_streams() as lacking, warnings_on_stderr():
            try:
                app()
            finally:
                if lacking:
                    say(encoding_message(lacking))
    except KgrecError as error:
        fail(str(error), 2)
    except BrokenPipeError:
        # The reader of our output, such as `head`, has closed the pipe: not an error of ours.
        drop(sys.stdout)
        sys.exit(0)
    except OSError as error:
        if error.filename is not None:  # such as a name that is too long for the system
            fail(f"{printable(str(error.filename))}: {system_reason(error)}.", 2)
        if error.errno not in UNWRITABLE:
            raise
        drop(sys.stdout)
        fail(f"The output cannot be written: {system_reason(error)}.", 2)
    except (MemoryError, RuntimeError) as error:
        message = lacking_memory(error)
        if message is None:
            raise
        fail(message, 2)


if __name__ == "__main__":
    main()
