"""The service: which run answers, and what it may take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgrec.errors import ConfigError, option
from kgrec.serving.metrics import Metrics
from kgrec.serving.served import Served
from kgrec.serving.settings import ServeConfig


class Service:
    """All that a worker needs to answer.

    Args:
        served: The run that answers.
        config: The settings.
    """

    def __init__(self, served: Served, config: ServeConfig | None = None) -> None:
        self.config = config or ServeConfig()
        self.metrics = Metrics()
        self._served = served
        self.metrics.run.labels(served.name).set(1)

    def served(self, user: str | None = None) -> Served:
        """Return the run that answers a user."""
        del user
        return self._served

    @property
    def current(self) -> Served:
        """The run that answers."""
        return self._served

    def check_k(self, k: int | None, name: str = "k") -> int | None:
        """Return a number of items, checked against the limit of an answer.

        Raises:
            ConfigError: It is larger.
        """
        most = self.config.limits.k
        if k is not None and k > most:
            raise ConfigError(f"{option(name)} may be at most {most} here, found {k}.")
        return k

    def check_text(self, name: str, text: str | None) -> None:
        """Check the length of a text.

        Raises:
            ConfigError: It is too long.
        """
        most = self.config.limits.text
        if text is not None and len(text) > most:
            raise ConfigError(
                f"{option(name)} may have {most:,} characters here, found {len(text):,}."
            )

    def readiness(self) -> Mapping[str, Any]:
        """Return whether the service can answer, and by what."""
        return {"status": "ready", "run": self.current.name}

    def figures(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        now = self.current.now
        self.metrics.users.set(len(now.present_users))
        self.metrics.items.set(now.num_available)
        return self.metrics.text()
