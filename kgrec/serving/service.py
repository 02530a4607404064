"""The service: the runs that answer, the log that they follow, and who may ask."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from threading import Event as ThreadEvent
from threading import Thread
from typing import Any, Final

from kgrec.errors import ConfigError, DataError, KgrecError, option
from kgrec.models.base import RatingPredictor
from kgrec.serving.experiment import MAIN, VARIANT, Experiment
from kgrec.serving.keys import Keys
from kgrec.serving.live import Live, Updater
from kgrec.serving.log import Appended, Event, KeyReusedError, Log
from kgrec.serving.metrics import Metrics
from kgrec.serving.problems import LOGGER, ProblemError
from kgrec.serving.pseudonyms import Pseudonyms
from kgrec.serving.rates import Rates
from kgrec.serving.scheduling import Scheduler
from kgrec.serving.served import Served
from kgrec.serving.settings import ServeConfig
from kgrec.serving.watching import Watcher
from kgrec.snapshot.settling import drift_of

_PATIENCE: Final = 5.0  # seconds that a request waits for what it wrote
_FIRST_ANSWERS: Final = 0.5  # seconds for those who wait that the service starts


class Service:
    """All that a worker needs to answer.

    Args:
        served: The run that answers.
        config: The settings.
        log: The log of what comes in; None: nothing may come in.
        pseudonyms: Names of users in logs; None: made with a key that nobody keeps.
        keys: The API keys; None: everybody may do everything.
        variant: Another run, which answers a share of the users; None: there is none.
    """

    def __init__(
        self,
        served: Served,
        config: ServeConfig | None = None,
        *,
        log: Log | None = None,
        pseudonyms: Pseudonyms | None = None,
        keys: Keys | None = None,
        variant: Served | None = None,
    ) -> None:
        self.config = config or ServeConfig()
        self.pseudonyms = pseudonyms or Pseudonyms.of_chance()
        self.log, self.keys, self.metrics = log, keys, Metrics()
        limits = self.config.limits
        self.rates = Rates(limits.requests / self.config.workers, limits.burst)
        self.runs = {MAIN: Live.of(served, self.pseudonyms)}
        if variant is not None:
            self.runs[VARIANT] = Live.of(variant, self.pseudonyms)
        share = 0.0 if variant is None else self.config.variant_share
        self._warmed, self._stopping = ThreadEvent(), ThreadEvent()
        self.experiment = Experiment(self.pseudonyms, share)
        self.watcher: Watcher | None = None
        self.scheduler: Scheduler | None = None
        self.updater = None
        if log is not None:
            self.updater = Updater(log, self.runs, self.pseudonyms, self.config.poll)

    def start(self) -> None:
        """Begin to follow the log; the service is ready when it has all of it."""
        if self.updater is not None:
            self.updater.start()
        if self.watcher is not None:
            self.watcher.start()
        if self.scheduler is not None:
            self.scheduler.start()
        Thread(target=self._warm, name="kgrec-warming", daemon=True).start()

    def _warm(self) -> None:
        try:
            if self.updater is not None:  # what is loaded here would slow the first answers down
                self.updater.ready.wait()
                self._stopping.wait(_FIRST_ANSWERS)
            self._warm_all()
        finally:
            self._warmed.set()

    def _warm_all(self) -> None:
        for live in list(self.runs.values()):
            try:
                live.served.warm(self.config.precompute, updates=self.log is not None)
            except KgrecError as error:
                LOGGER.error("the run %s is damaged: %s", live.served.name, error)

    def stop(self) -> None:
        """Stop following the log, and close it."""
        self._stopping.set()
        if self.scheduler is not None:
            self.scheduler.stop()
        if self.watcher is not None:
            self.watcher.stop()
        if self.updater is not None:
            self.updater.stop()
        if self.log is not None:
            self.log.close()

    @property
    def ready(self) -> bool:
        """Whether all that the log had at the start counts."""
        return self.updater is None or self.updater.ready.is_set()

    @property
    def current(self) -> Served:
        """The run that answers everybody who is in no experiment."""
        return self.runs[MAIN].served

    def served(self, user: str | None = None) -> Served:
        """Return the run that answers a user."""
        return self.runs[self.experiment.role(user)].served

    def reload(self) -> dict[str, Any]:
        """Look whether another run has taken the place of the one that answers, and load it.

        Raises:
            ProblemError: The service does not know where it came from.
            KgrecError: It cannot be loaded; the one before stays.
        """
        if self.watcher is None:
            raise ProblemError(409, "no-folder", "This service does not know its run folder.")
        changed = self.watcher.look()
        return {"changed": changed, "run": self.current.name}

    def write(
        self,
        events: Sequence[Event],
        *,
        key: str = "",
        asked: Any = None,
        wait: bool = False,
    ) -> dict[str, Any]:
        """Write events to the log, and return where they are.

        Args:
            events: The events.
            key: The idempotency key of the request; empty: none.
            asked: What the request asked, to notice another one with the same key.
            wait: Whether to return only when answers of this worker have the events.

        Raises:
            ProblemError: There is no log, or the key was used for something else.
        """
        log, updater = self._writable()
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
        try:
            found = log.append(events, key, digest) if events else Appended(log.last(), 0)
        except KeyReusedError:
            raise ProblemError(
                409, "key-reused",
                "The Idempotency-Key was used for another request. Use a new one.",
            ) from None  # fmt: skip
        updater.notice()
        applied = updater.wait_for(found.last, _PATIENCE) if wait else False
        self.metrics.written.inc(0 if found.repeated else found.count)
        return {
            "accepted": found.count,
            "sequence": found.last,
            "repeated": found.repeated,
            "applied": applied or updater.applied >= found.last,
        }

    def check_item(self, item: str) -> None:
        """Check that an interaction with an item may come in.

        Raises:
            UnknownIdError: It is withdrawn, or unknown where new items must be put first.
        """
        now = self.current.now
        if item in now.items:
            now.available(item)
        elif not self.config.new_items:
            now.items.row(item)

    def check_rating(self, rating: float | None) -> None:
        """Check that an interaction has a rating where the model needs one.

        Raises:
            DataError: It has none.
        """
        if rating is None and isinstance(self.current.now.model, RatingPredictor):
            raise DataError(
                f"The model predicts ratings: give each interaction a {option('rating')}."
            )

    def kept(self, users: Sequence[str]) -> set[str]:
        """Return those users of whom something may be kept."""
        log, _ = self._writable()
        names = {self.pseudonyms.of(user): user for user in users}
        out = log.opted_out(list(names))
        return {user for name, user in names.items() if name not in out}

    def opt_out(self, user: str, out: bool) -> None:
        """Note whether nothing may be kept of a user from now on."""
        log, _ = self._writable()
        log.opt_out(self.pseudonyms.of(user), out)

    def erase(self, user: str) -> dict[str, Any]:
        """Delete all that the service has of a user.

        Raises:
            UnknownIdError: Nothing is known of such a user.
        """
        log, updater = self._writable()
        if user not in self.current.now.users and not log.of_user(user):
            self.current.now.users.row(user)
        self.experiment.forget(user)
        place = log.erase(user, self.pseudonyms.of(user))
        updater.notice()
        applied = updater.wait_for(place, _PATIENCE)
        return {"erased": True, "sequence": place, "applied": applied}

    def export(self, user: str) -> dict[str, Any]:
        """Return all that is known of a user.

        Raises:
            UnknownIdError: Nothing is.
        """
        events = [] if self.log is None else self.log.of_user(user)
        name = self.pseudonyms.of(user)
        known = user in self.current.now.users
        if not known and not events:
            self.current.now.users.row(user)
        return {
            "user": user,
            "pseudonym": name,
            "opted_out": self.log is not None and name in self.log.opted_out([name]),
            "run": self.current.user(user, everything=True) if known else None,
            "log": [
                {"kind": one.kind, "item": one.item, "sequence": one.sequence, "at": one.at,
                 **one.body}
                for one in events
            ],
        }  # fmt: skip

    def _writable(self) -> tuple[Log, Updater]:
        if self.log is None or self.updater is None:
            raise ProblemError(
                403, "read-only", "This service only reads: it was started without a log."
            )
        return self.log, self.updater

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

    def training_due(self, *, measured: bool = True) -> bool:
        """Return whether so much came, or so many users went, that a training is due.

        Args:
            measured: Whether what came is also looked for in the lists of before, which takes
                longer.
        """
        found = drift_of(self.current.now, measured=measured)
        return found is not None and bool(found.reasons())

    def check_ready(self) -> None:
        """Check that answers have all that the log had at the start.

        Raises:
            ProblemError: They have not yet.
        """
        if not self.ready:
            raise ProblemError(
                503, "starting", "The service is starting. Try again in a second.",
                {"Retry-After": "1"},
            )  # fmt: skip

    def readiness(self) -> Mapping[str, Any]:
        """Return whether requests should be sent here, and what answers them.

        A service answers before: but its first update would wait until all of the run is loaded.

        Raises:
            ProblemError: They should not yet.
        """
        self.check_ready()
        if not self._warmed.is_set():
            raise ProblemError(
                503, "starting", "The service answers, and still loads what updates need.",
                {"Retry-After": "1"},
            )  # fmt: skip
        return {"status": "ready", "run": self.current.name}

    def swap(self, make: Callable[[], Served], name: str = MAIN) -> Served:
        """Let another run take the place of one, without a pause.

        Raises:
            KgrecError: It cannot be loaded; the one before stays.
        """

        def warmed() -> Served:
            made = make()
            made.warm(self.config.precompute, updates=self.log is not None)
            return made

        if self.updater is None:
            made = warmed()
            self.runs[name] = Live.of(made, self.pseudonyms)
        else:
            made = self.updater.replace(name, warmed)
        self.metrics.swaps.inc()
        return made

    def figures(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        now, metrics = self.current.now, self.metrics
        metrics.run.clear()
        for name, live in self.runs.items():
            metrics.run.labels(live.served.name, name).set(1)
        metrics.users.set(len(now.present_users))
        metrics.items.set(now.num_available)
        if self.log is not None and self.updater is not None:
            try:
                last = self.log.last()
            except KgrecError:
                metrics.log_up.set(0)
            else:
                metrics.log_up.set(1)
                metrics.log_last.set(last)
                metrics.log_lag.set(max(0, last - self.updater.applied))
            metrics.log_failed.set(self.updater.failed)
            metrics.update_seconds.set(self.updater.seconds)
        for role, counts in self.experiment.counts.items():
            metrics.lists.labels(role).set(counts.lists)
            metrics.likes.labels(role).set(counts.likes)
            metrics.hits.labels(role).set(counts.hits)
        metrics.training_due.set(self.training_due(measured=False))
        return metrics.text()
