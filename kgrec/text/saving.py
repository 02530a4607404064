"""The files of a sentence-transformers folder beside those of the language model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from kgrec.files import write_json
from kgrec.text.dense_files import ACTIVATIONS, WEIGHTS
from kgrec.text.layout import Prompts
from kgrec.text.pooling import Dense


def save_modules(
    folder: Path,
    pooling: dict[str, Any],
    steps: Sequence[nn.Module],
    prompts: Prompts,
    *,
    max_length: int,
    normalize: bool,
) -> None:
    """Write what follows the language model.

    The forms are those that all versions of sentence-transformers from 2.2 on read.

    Args:
        folder: A folder with a saved language model.
        pooling: The pooling's `config.json`.
        steps: `Dense` and `Normalize`, in order.
        prompts: The prompts.
        max_length: Tokens of a text.
        normalize: Whether a normalisation follows at the end.
    """
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    _write(folder / "1_Pooling" / "config.json", pooling)
    for number, step in enumerate(steps, start=2):
        name = f"{number}_{type(step).__name__}"
        modules.append((name, type(step).__name__))
        _write(folder / name / "config.json", _config(step))
        if isinstance(step, Dense):
            tensors = {
                key: value.detach().to("cpu", torch.float32).contiguous()
                for key, value in step.state_dict().items()
            }
            save_file(tensors, folder / name / WEIGHTS, metadata={"format": "pt"})
    if normalize:
        name = f"{len(modules)}_Normalize"
        modules.append((name, "Normalize"))
        _write(folder / name / "config.json", {})
    listed = [
        {
            "idx": place,
            "name": str(place),
            "path": path,
            "type": f"sentence_transformers.models.{kind}",
        }
        for place, (path, kind) in enumerate(modules)
    ]
    write_json(folder / "modules.json", listed)
    write_json(
        folder / "sentence_bert_config.json",
        {"max_seq_length": max_length, "do_lower_case": False},
    )
    named = {"prompts": dict(prompts.named), "default_prompt_name": prompts.default}
    write_json(folder / "config_sentence_transformers.json", named)


def _config(step: nn.Module) -> dict[str, Any]:
    if not isinstance(step, Dense):
        return {}
    config = {
        "in_features": step.linear.in_features,
        "out_features": step.linear.out_features,
        "bias": step.linear.bias is not None,
        "activation_function": ACTIVATIONS[step.activation],
    }
    return config | ({"use_residual": True} if step.adds_input else {})


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, value)
