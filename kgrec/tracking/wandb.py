"""Weights & Biases: files in a folder, or runs on its server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from kgrec.tracking.base import Tracker, TrackerSettings, environment


class WandbConfig(TrackerSettings):
    """The settings of the tracker `wandb`."""

    name: Literal["wandb"] = "wandb"
    mode: Literal["offline", "online"] = Field(
        default="offline",
        description="`offline`: nothing is sent, and `wandb sync` can send the files later; "
        "`online`: figures are sent as they come. The key to the server is that of `wandb login`; "
        "it does not belong in a config.",
    )
    project: str = Field(default="kgrec", min_length=1, description="The project of the runs.")
    entity: str | None = Field(
        default=None, description="The team or user on the server; None: the one of the login."
    )
    folder: str = Field(
        default=".",
        description="Folder of the files, relative to the current folder; they lie in `wandb` "
        "in it.",
    )

    def build(self) -> Wandb:
        """Return the tracker."""
        return Wandb(self)


class Wandb(Tracker):
    """Writes a run of Weights & Biases.

    Neither code, what is printed, the list of installed packages, the state of Git nor figures of
    the machine are recorded.

    Args:
        config: The settings; None: the defaults.

    Attributes:
        folder: The folder of the run that was started last; None before.
    """

    what = "wandb"

    def __init__(self, config: WandbConfig | None = None) -> None:
        super().__init__()
        self.config = config or WandbConfig()
        self.folder: Path | None = None
        self._run: Any = None

    def _needs(self) -> tuple[str, str]:
        return "wandb", "wandb"

    def _start(self, name: str, config: Mapping[str, Any], about: Mapping[str, str]) -> None:
        # Errors of its own go to the server by default.
        with environment(WANDB_ERROR_REPORTING="false"):
            self._init(name, {**config, **about})

    def _init(self, name: str, config: Mapping[str, Any]) -> None:
        import wandb

        settings = wandb.Settings(
            silent=True,
            console="off",
            save_code=False,
            disable_code=True,
            disable_git=True,
            disable_job_creation=True,
            x_disable_stats=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
        )
        folder = Path(self.config.folder).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=self.config.project,
            entity=self.config.entity,
            name=name,
            dir=str(folder),
            config=dict(config),
            mode=self.config.mode,
            reinit="create_new",
            settings=settings,
        )
        self.folder = Path(self._run.dir).parent

    def _log(self, values: Mapping[str, float], epoch: int) -> None:
        self._run.log({**values, "epoch": epoch})

    def _finish(self, final: Mapping[str, float], failed: bool) -> None:
        self._run.summary.update(dict(final))
        self._run.finish(exit_code=int(failed))
