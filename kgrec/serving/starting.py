"""What a worker of the service starts with: a run, its log, and the application."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from threadpoolctl import threadpool_limits

from kgrec.errors import ConfigError, KgrecWarning, printable
from kgrec.serving.app import make_app
from kgrec.serving.keys import Keys
from kgrec.serving.loading import load_served
from kgrec.serving.log import Log, open_log
from kgrec.serving.places import log_of, secret_of
from kgrec.serving.pseudonyms import Pseudonyms, read_key
from kgrec.serving.scheduling import Scheduler
from kgrec.serving.served import Served
from kgrec.serving.service import Service
from kgrec.serving.settings import Plan
from kgrec.serving.watching import Watcher

# Seconds that a thread keeps the interpreter while others wait: the one that takes requests and
# sends answers needs it often and for a moment. Python's own 5 ms would add to each of its steps.
_SWITCH: Final = 5e-4


def make_service(plan: Plan) -> Service:
    """Load a run, open its log, and return the service of a worker.

    Raises:
        KgrecError: Something is missing or damaged.
    """
    config = plan.config
    keys = None if config.keys is None else Keys(Path(config.keys))

    def load(folder: Path = plan.run) -> Served:
        return load_served(
            folder,
            hidden=config.hidden_columns,
            download=plan.download,
            kept_lists=config.kept_lists,
        )

    parts: dict[str, Any] = {"keys": keys}
    if config.variant is not None:
        parts["variant"] = load(Path(config.variant))
    served = load()
    if config.read_only:
        return _watched(Service(served, config, **parts), plan.run, load)
    log = open_log(config.log or str(log_of(plan.run)))
    secret = Path(config.secret) if config.secret else secret_of(plan.run)
    parts |= {"log": log, "pseudonyms": Pseudonyms(read_key(secret))}
    served.applied = log.mark(str(served.folder))
    service = _watched(Service(served, config, **parts), plan.run, lambda: _marked(load(), log))
    if config.retrain_hours or config.retrain_on_drift:
        if not plan.run.is_symlink():
            raise ConfigError(
                f"{printable(str(plan.run), 4096)} is no link, so it cannot lead to a newly "
                "trained run. Serve a link to the run folder, or train by yourself."
            )
        due = service.training_due if config.retrain_on_drift else None
        name = config.log or str(log_of(plan.run))
        service.scheduler = Scheduler(
            plan.run, name, ["--secret", str(secret)], config.retrain_hours, due, service.reload
        )
    return service


def _marked(served: Served, log: Log) -> Served:
    """Return a run that knows up to which place of the log it was trained."""
    served.applied = log.mark(str(served.folder))
    return served


def _watched(service: Service, run: Path, load: Callable[[], Served]) -> Service:
    """Let a service know where its run came from."""
    service.watcher = Watcher(
        run, lambda: service.current, lambda: service.swap(load), service.config.watch
    )
    return service


def start_worker(plan: Plan) -> Any:
    """Return the application of a worker."""
    sys.setswitchinterval(_SWITCH)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    # A warning is part of its answer.
    warnings.simplefilter("ignore", KgrecWarning)
    service = make_service(plan)
    # Threads of BLAS wait for each other in a busy loop: with more of them than free cores, a
    # product that needs a tenth of a millisecond takes ten. Half of a worker's cores are left to
    # the thread that takes requests.
    threadpool_limits(max(1, (os.cpu_count() or 1) // (2 * plan.config.workers)), "blas")
    return make_app(service)


def check_start(plan: Plan) -> str:
    """Load all that a worker needs, and return what it would serve, in words.

    Raises:
        KgrecError: It would not start.
    """
    service = make_service(plan)
    make_app(service)
    service.stop()
    now = service.current.now
    users, items = len(now.present_users), now.num_available
    return (
        f"{service.current.name} is ready: {users:,} users, {items:,} items. "
        f"It would be at http://{plan.config.host}:{plan.config.port}{plan.config.root_path}."
    )
