"""Trackers of trainings: TensorBoard, MLflow, Weights & Biases, each with its settings."""

from typing import Annotated

from pydantic import Field

from kgrec.settings import by_name
from kgrec.tracking.base import Tracker as Tracker
from kgrec.tracking.base import Trackers as Trackers
from kgrec.tracking.mlflow import MLflow as MLflow
from kgrec.tracking.mlflow import MLflowConfig as MLflowConfig
from kgrec.tracking.tensorboard import TensorBoard as TensorBoard
from kgrec.tracking.tensorboard import TensorBoardConfig as TensorBoardConfig
from kgrec.tracking.wandb import Wandb as Wandb
from kgrec.tracking.wandb import WandbConfig as WandbConfig

TrackerConfig = Annotated[
    TensorBoardConfig | MLflowConfig | WandbConfig, Field(discriminator="name"), by_name()
]
"""The settings of any tracker; a name alone is one with its defaults."""
