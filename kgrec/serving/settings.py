"""The settings of the service."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from kgrec.errors import ConfigError, option
from kgrec.settings import Settings


class LimitConfig(Settings):
    """What one request, and all of them together, may take.

    Attributes:
        in_flight: Requests that a worker answers at one time; further ones wait. Lists of
            recommendations and of similar items come one after the other beside them.
        waiting: Requests that wait; further ones are refused with 429 and a `Retry-After`.
        timeout: Seconds after which a request is given up, with 503.
        body: Largest body of a request, bytes.
        batch: Most questions in a batch, and most interactions in one post.
        k: Most items in one answer, and most rows on one page of a list.
        text: Most characters of a query or a description.
        requests: Requests per minute and API key, or per address where there are no keys; 0: any
            number.
        burst: Requests that may come at one time before the rate counts.
    """

    in_flight: int = Field(default=8, ge=1, le=1024)
    waiting: int = Field(default=128, ge=0, le=100_000)
    timeout: float = Field(default=30.0, gt=0)
    body: int = Field(default=1 << 20, ge=1024, le=1 << 30)
    batch: int = Field(default=1000, ge=1, le=100_000)
    k: int = Field(default=200, ge=1, le=10_000)
    text: int = Field(default=2000, ge=1, le=100_000)
    requests: int = Field(default=0, ge=0, le=1_000_000)
    burst: int = Field(default=50, ge=1, le=1_000_000)


class ServeConfig(Settings):
    """The settings of `kgrec serve`.

    Attributes:
        host: Address to listen on. Without API keys it must be one of this machine alone.
        port: Port to listen on; 0: any free one.
        workers: Processes that answer. They share one log of what came in.
        origins: Other web origins whose pages may ask, such as `https://shop.example`; none.
        root_path: The path under which a proxy shows the service, such as `/kgrec`.
        trusted_proxies: Addresses of proxies whose `X-Forwarded-For` counts.
        shutdown: Seconds that running requests have when the service is asked to end.
        log: Where what comes in is kept: a SQLite file, or the URL of a PostgreSQL database; null:
            `log.sqlite3` in a folder beside the run, named like it with `.serve` at its end.
        read_only: Whether nothing may come in; there is no log then.
        secret: File of the key of pseudonyms, made if there is none; all workers need the same.
            null: `secret.key` in the folder of the log.
        keys: File of API keys, made by `kgrec api-key`; null: everybody may do everything.
        poll: Seconds between looks into the log, for what other workers have written.
        new_items: Whether interactions may name items that nobody has put.
        watch: Seconds between looks whether another run has taken the place of RUN, which is then
            loaded beside it and answers from then on; 0: only `POST /v1/reload` looks.
        variant: Another run folder that answers a share of the users, to compare the two.
        variant_share: Share of the users whom it answers, by a keyed hash of their ids.
        precompute: Most bytes, for each worker, of what a model in closed form computes ahead.
        kept_lists: Lists of users that each worker keeps until what they depend on changes: the
            run, the items, or the user's own history; 0: each is made anew.
        retrain_hours: Hours between trainings, each in a process of its own; RUN must be a link.
            The new run is served if validation has not fallen; 0: none at fixed times.
        retrain_on_drift: Whether it is also trained when so much came that a training is due.
        hidden_columns: Columns of the item and user tables that no answer shows.
        page: Whether the web page is served at `/`.
        limits: What requests may take.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    origins: tuple[str, ...] = ()
    root_path: str = Field(default="", pattern=r"^(/[^/?#\s]+)*$")
    trusted_proxies: tuple[str, ...] = ()
    shutdown: int = Field(default=10, ge=0, le=3600)
    log: str | None = None
    read_only: bool = False
    secret: str | None = None
    keys: str | None = None
    poll: float = Field(default=0.1, ge=0.01, le=60)
    new_items: bool = True
    watch: float = Field(default=0.0, ge=0, le=86_400)
    variant: str | None = None
    variant_share: float = Field(default=0.5, gt=0, lt=1)
    precompute: int = Field(default=1 << 30, ge=0, le=1 << 50)
    kept_lists: int = Field(default=10_000, ge=0, le=10_000_000)
    retrain_hours: float = Field(default=0.0, ge=0, le=10_000)
    retrain_on_drift: bool = False
    hidden_columns: tuple[str, ...] = ()
    page: bool = True
    limits: LimitConfig = LimitConfig()


@dataclass(frozen=True)
class Plan:
    """All that a worker needs to start, in values that another process can take over.

    Attributes:
        run: The run folder.
        config: The settings.
        download: The encoder that the run names, if it may be downloaded.
    """

    run: Path
    config: ServeConfig
    download: str | None = None


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost")
    (True, True, True)
    >>> is_loopback("0.0.0.0"), is_loopback("example.org")
    (False, False)
    """
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_address(config: ServeConfig) -> None:
    """Check that nobody else reaches a service without keys.

    Raises:
        ConfigError: There are no keys, and the address is not one of this machine alone.
    """
    if config.keys is None and not is_loopback(config.host):
        raise ConfigError(
            f"Without API keys, kgrec listens only on addresses of this machine, such as "
            f"127.0.0.1, found {option('host', config.host)}. Make a key with `kgrec api-key`, and "
            f"give its file: {option('keys')}."
        )
