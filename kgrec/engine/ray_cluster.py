"""Connecting to a Ray cluster, with messages that say what is missing."""

from __future__ import annotations

import logging
import os
import socket
from importlib.util import find_spec
from typing import Any, Final

from kgrec.errors import ConfigError, RunError, printable

AUTO: Final = "auto"
"""The address of the cluster that this machine is a part of."""
OWN: Final = "local"
"""The address of a new cluster on this machine."""
_KNOCK: Final = 5.0
"""Seconds in which a port answers. Ray itself waits for minutes, and then ends the process."""


def check_ray() -> None:
    """Check that Ray is installed.

    Raises:
        ConfigError: It is not.
    """
    if find_spec("ray") is None:
        raise ConfigError(
            "engine: ray needs the library Ray, which is not installed: `pip install 'kgrec[ray]'`."
        )


def connect(address: str, cores: int | None = None) -> str:
    """Connect this process to a cluster, and return its address.

    Args:
        address: `AUTO`, `OWN`, or HOST:PORT of a cluster's head.
        cores: Number of cores of a new cluster; None: all of this machine.

    Raises:
        ConfigError: The cluster runs another version of Ray or Python.
        RunError: There is no cluster, or it does not answer.
    """
    check_ray()
    # Ray tells its makers about clusters unless this says no. kgrec tells nobody.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    options: dict[str, Any] = {
        "logging_level": logging.ERROR,
        "log_to_driver": False,
        "configure_logging": False,
    }
    if address == AUTO:
        address = _running()
    if address != OWN:
        _check_answers(address)
    if ray.is_initialized():
        raise RunError(
            "This process is connected to a Ray cluster already, and can be to one alone: leave "
            "the other engine first, or call ray.shutdown()."
        )
    if address == OWN:
        context = ray.init(address=OWN, include_dashboard=False, num_cpus=cores, **options)
        return str(context.address_info["gcs_address"])
    try:
        ray.init(address=address, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        if "ersion mismatch" in str(error):
            raise ConfigError(
                f"The Ray cluster at {printable(address)} has another version than this process. "
                f"Install the same Python and Ray everywhere. {_in_a_line(error)}"
            ) from error
        if "AuthToken" in _chain(error):
            raise RunError(
                f"The Ray cluster at {printable(address)} asks for a token that this process does "
                "not give: set RAY_AUTH_MODE=token, and have the cluster's token in "
                "~/.ray/auth_token or where RAY_AUTH_TOKEN_PATH says."
            ) from error
        raise RunError(
            f"The Ray cluster at {printable(address)} cannot be used: {_in_a_line(error)}"
        ) from error
    return address


def _running() -> str:
    """Return the address of the cluster that this machine is a part of."""
    # Ray has no public function for it, and its own `init` does not say in time that the cluster
    # of which it knows is gone.
    from ray._private.services import canonicalize_bootstrap_address

    try:
        address = canonicalize_bootstrap_address(AUTO)
    except ConnectionError:
        address = None
    if not address:
        raise RunError(
            "engine: ray, address: auto: no Ray cluster runs on this machine. Start one with `ray "
            "start --head`, join one with `ray start --address HOST:PORT`, give HOST:PORT of its "
            "head as engine.address, or engine.address=local for one of this machine's own cores."
        )
    return str(address)


def _check_answers(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(
            f"No Ray cluster answers at {printable(address)}: {printable(reason)}. Is it running "
            "(`ray status`), is this the port of its head (6379 by default), and does a firewall "
            "let it through?"
        ) from error


def _chain(error: BaseException | None) -> str:
    """Return the messages of an error and of those that led to it."""
    return "" if error is None else f"{error} {_chain(error.__cause__ or error.__context__)}"


def _in_a_line(error: Exception) -> str:
    return printable(" ".join(str(error).split()), 600)
