"""Running the service: processes, signals, and the end.

With several workers, this process only starts and watches them: it imports no more than it needs.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import uvicorn
from uvicorn.supervisors import Multiprocess

from kgrec.serving.settings import Plan

_PATIENCE: Final = 120  # seconds until a worker that says nothing is taken for dead
# Seconds that a connection stays open between two requests. Longer than a proxy keeps its own (60
# in nginx): else a proxy could send a request at the moment when the service closes.
_IDLE: Final = 75


def start(plan: Plan) -> Any:
    """Return the application of a worker."""
    from kgrec.serving.starting import start_worker

    return start_worker(plan)


def server_settings(plan: Plan) -> uvicorn.Config:
    """Return how the server listens and ends."""
    config = plan.config
    return uvicorn.Config(
        partial(start, plan),
        factory=True,
        host=config.host,
        port=config.port,
        workers=config.workers,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=bool(config.trusted_proxies),
        forwarded_allow_ips=list(config.trusted_proxies),
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=config.shutdown,
        # Loading a large run keeps a worker busy: it is not dead then.
        timeout_worker_healthcheck=_PATIENCE,
        log_level="info",
    )


def serve(plan: Plan) -> None:
    """Answer requests until a signal ends it; running requests are finished first."""
    settings = server_settings(plan)
    if plan.config.workers > 1:
        Multiprocess(settings, sockets=[settings.bind_socket()]).run()
        return
    settings.load_app()
    uvicorn.Server(settings).run()
