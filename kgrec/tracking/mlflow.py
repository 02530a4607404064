"""MLflow: parameters and metrics in a database or on a server."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from kgrec.errors import ConfigError
from kgrec.tracking.base import Tracker, TrackerSettings, environment

_MOST_IN_A_CALL: Final = 100
_LONGEST: Final = 6000  # characters of a parameter


class MLflowConfig(TrackerSettings):
    """The settings of the tracker `mlflow`."""

    name: Literal["mlflow"] = "mlflow"
    uri: str = Field(
        default="sqlite:///mlflow.db",
        description="Where runs are kept: by default a file in the current folder, which `mlflow "
        "ui --backend-store-uri sqlite:///mlflow.db` shows; or the address of a server. A "
        "password does not belong here: MLflow reads MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD.",
    )
    experiment: str = Field(
        default="kgrec", min_length=1, description="The experiment that runs belong to."
    )

    @model_validator(mode="after")
    def _no_secret(self) -> Self:
        try:
            password = urlsplit(self.uri).password
        except ValueError:
            password = None
        if password is not None:
            raise ValueError(
                "the uri has a password, which would stand in the run folder: leave it out, and "
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            )
        return self

    def build(self) -> MLflow:
        """Return the tracker."""
        return MLflow(self)


class MLflow(Tracker):
    """Sends parameters and metrics to MLflow.

    `ndcg@10` is called `ndcg_at_10` there: names have no "@". Models and files are not sent. MLflow
    reports its use to its makers by default; here it does not.

    Args:
        config: The settings; None: the defaults.

    Attributes:
        run_id: The id of the run that was started last; empty before.
    """

    what = "mlflow"

    def __init__(self, config: MLflowConfig | None = None) -> None:
        super().__init__()
        self.config = config or MLflowConfig()
        self.run_id = ""
        self._client: Any = None

    def _needs(self) -> tuple[str, str]:
        return "mlflow", "mlflow"

    def check(self) -> None:
        """Check that MLflow is installed, and for a database what it needs."""
        super().check()
        if self.config.uri.startswith("sqlite:") and not find_spec("sqlalchemy"):
            raise ConfigError(
                "The tracker mlflow needs the library sqlalchemy for a database, which is not "
                "installed: `pip install 'kgrec[mlflow]'`."
            )

    def _start(self, name: str, config: Mapping[str, Any], about: Mapping[str, str]) -> None:
        with _silent():
            from mlflow.entities import Param
            from mlflow.tracking import MlflowClient

            for told in ("mlflow.store.db.utils", "alembic"):  # how a new database is made
                logging.getLogger(told).setLevel(logging.WARNING)
            client = self._client = MlflowClient(tracking_uri=self.config.uri)
            found = client.get_experiment_by_name(self.config.experiment)
            experiment = (
                client.create_experiment(self.config.experiment, self._artifacts())
                if found is None
                else found.experiment_id
            )
            run = client.create_run(experiment, run_name=name, tags=dict(about))
            self.run_id = run.info.run_id
            params = [Param(_name(key), str(value)[:_LONGEST]) for key, value in config.items()]
            for first in range(0, len(params), _MOST_IN_A_CALL):
                part = params[first : first + _MOST_IN_A_CALL]
                client.log_batch(self.run_id, params=part)

    def _log(self, values: Mapping[str, float], epoch: int) -> None:
        with _silent():
            for key, value in values.items():
                self._client.log_metric(self.run_id, _name(key), value, step=epoch)

    def _finish(self, final: Mapping[str, float], failed: bool) -> None:
        self._log(final, max(self._last, 0))
        with _silent():
            self._client.set_terminated(self.run_id, "FAILED" if failed else "FINISHED")

    def _artifacts(self) -> str | None:
        """Return where a new experiment in a local database would keep files: beside it."""
        if not self.config.uri.startswith("sqlite:///"):
            return None
        folder = Path(self.config.uri.removeprefix("sqlite:///")).resolve().parent
        return (folder / "mlruns").as_uri()


def _silent() -> AbstractContextManager[None]:
    """Keep MLflow from reporting its use: it looks at the environment."""
    return environment(MLFLOW_DISABLE_TELEMETRY="true")


def _name(key: str) -> str:
    """Return a name that MLflow takes.

    >>> _name("final/ndcg@10"), _name("data.items.columns")
    ('final/ndcg_at_10', 'data.items.columns')
    """
    return re.sub(r"[^\w\-. /]", "_", key.replace("@", "_at_"))
