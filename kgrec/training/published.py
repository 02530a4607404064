"""Published models by name: the link predictor with the settings of a preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import model_validator

from kgrec.models.presets import PRESETS, PresetName
from kgrec.training.link_prediction import LinkPredictionConfig


class PresetConfig(LinkPredictionConfig):
    """The settings of a published model, see `kgrec.models.presets`.

    Settings that are given next to the name replace the published ones.
    """

    name: PresetName  # type: ignore[assignment]

    @model_validator(mode="before")
    @classmethod
    def _published(cls, given: Any) -> Any:
        name = given.get("name") if isinstance(given, Mapping) else None
        if not isinstance(name, str) or name not in PRESETS:
            return given  # the later validation reports what is wrong
        published = LinkPredictionConfig.model_validate(PRESETS[name].settings)
        return _merged(published.model_dump(exclude={"name"}), given)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `under` updated by `over`; a section with another name replaces the old one."""
    made = dict(under)
    for key, value in over.items():
        below = made.get(key)
        if isinstance(below, Mapping) and isinstance(value, str):
            value = {"name": value}
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            same = value.get("name", below.get("name")) == below.get("name")
            value = _merged(below, value) if same else value
        made[key] = value
    return made
