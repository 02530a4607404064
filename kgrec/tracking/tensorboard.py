"""TensorBoard: event files in a folder, which `tensorboard --logdir FOLDER` shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from kgrec.tracking.base import Tracker, TrackerSettings


class TensorBoardConfig(TrackerSettings):
    """The settings of the tracker `tensorboard`."""

    name: Literal["tensorboard"] = "tensorboard"
    folder: str = Field(
        default="tensorboard",
        description="Folder of the event files, relative to the current folder. Each run gets a "
        "new folder in it, by its name.",
    )

    def build(self) -> TensorBoard:
        """Return the tracker."""
        return TensorBoard(self)


class TensorBoard(Tracker):
    """Writes event files of TensorBoard.

    Args:
        config: The settings; None: the defaults.

    Attributes:
        folder: The folder of the run that was started last; None before.
    """

    what = "tensorboard"

    def __init__(self, config: TensorBoardConfig | None = None) -> None:
        super().__init__()
        self.config = config or TensorBoardConfig()
        self.folder: Path | None = None
        self._writer: Any = None

    def _needs(self) -> tuple[str, str]:
        return "tensorboard", "tensorboard"

    def _start(self, name: str, config: Mapping[str, Any], about: Mapping[str, str]) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self.folder = _new_folder(Path(self.config.folder).expanduser(), name)
        self._writer = SummaryWriter(str(self.folder))
        rows = [f"| {key} | `{json.dumps(value, default=str)}` |" for key, value in config.items()]
        if rows:
            self._writer.add_text("config", "\n".join(["| key | value |", "| --- | --- |", *rows]))
        for key, value in about.items():
            self._writer.add_text(key, value)
        self._writer.flush()

    def _log(self, values: Mapping[str, float], epoch: int) -> None:
        for key, value in values.items():
            self._writer.add_scalar(key, value, epoch)
        self._writer.flush()  # a training is watched while it runs

    def _finish(self, final: Mapping[str, float], failed: bool) -> None:
        for key, value in final.items():
            self._writer.add_scalar(key, value, max(self._last, 0))
        self._writer.add_text("state", "failed" if failed else "finished")
        self._writer.close()


def _new_folder(parent: Path, name: str) -> Path:
    """Make a folder for a run; runs of the same name are numbered."""
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1
            if parent.is_file():
                raise
