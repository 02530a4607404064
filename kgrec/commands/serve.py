"""`kgrec serve`: the REST service of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kgrec.commands.options import Run
from kgrec.errors import ConfigError


def serve(
    run: Run,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Settings to change, as key=value, such as limits.requests=600."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 else.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 8000 else, 0 for any free one.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that answer; 1 else.")
    ] = None,
    log: Annotated[
        str | None,
        typer.Option(help="What comes in: a SQLite file or the URL of a PostgreSQL database."),
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="File of API keys, made by `kgrec api-key`.")
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Load another run when it takes the place of RUN."),
    ] = False,
    config: Annotated[
        Path | None, typer.Option(help="YAML file of settings; the options count before it.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Load all of it, say that it works, and end."),
    ] = False,
    download: Annotated[
        str | None,
        typer.Option(help="The encoder that the run names, if it may be downloaded from the hub."),
    ] = None,
) -> None:
    """Answer requests: recommend, search, explain, and learn from what comes in.

    `/openapi.json` describes the routes, `/livez` and `/readyz` tell whether it works, `/metrics`
    is for Prometheus.
    """
    check_serving()
    from kgrec.runs.manifest import check_is_run
    from kgrec.serving.reading import read_settings
    from kgrec.serving.running import serve
    from kgrec.serving.settings import Plan, check_address

    given: dict[str, Any] = {"host": host, "port": port, "workers": workers, "log": log}
    given["watch"] = 2.0 if watch else None
    given["keys"] = None if keys is None else str(keys)
    settings = read_settings(config, overrides or (), given)
    check_is_run(run)
    check_address(settings)
    plan = Plan(run, settings, download)
    if check:
        from kgrec.serving.starting import check_start

        typer.echo(check_start(plan))
        return
    serve(plan)


def check_serving() -> None:
    """Check that what the service needs is installed.

    Raises:
        ConfigError: It is not.
    """
    from importlib.util import find_spec

    lacking = [name for name in ("fastapi", "uvicorn", "prometheus_client") if not find_spec(name)]
    if lacking:
        raise ConfigError(f"The service needs {', '.join(lacking)}: `pip install 'kgrec[serve]'`.")
