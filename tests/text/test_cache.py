import hashlib
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save

from kgrec.errors import KgrecWarning, RunError
from kgrec.text import EmbeddingCache, cache, default_cache_folder, encode_cached


class Spy:
    """An encoder whose vectors are computed from the text's hash, and that notes what it did."""

    dim = 3

    def __init__(self, fingerprint="f" * 64):
        self.fingerprint = fingerprint
        self.encoded = []

    def encode(self, texts, *, progress=False):
        self.encoded.extend(texts)
        for done in range(len(texts) if callable(progress) else 0):
            progress(done + 1, len(texts))
        return np.array([self.vector(text) for text in texts], np.float32).reshape(-1, 3)

    @staticmethod
    def vector(text):
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        return np.frombuffer(digest[:6], dtype=np.uint16).astype(np.float32)


def expected(texts):
    return np.array([Spy.vector(text) for text in texts], np.float32).reshape(-1, 3)


def run(folder, texts, fingerprint="f" * 64):
    spy = Spy(fingerprint)
    vectors = encode_cached(spy, texts, EmbeddingCache(folder))
    np.testing.assert_array_equal(vectors, expected(texts))
    return spy.encoded


def test_a_second_run_encodes_nothing(tmp_path):
    texts = ["b", "a", "", "b", "ä\x00\n", "c"]
    assert run(tmp_path, texts) == ["b", "a", "", "ä\x00\n", "c"]
    assert run(tmp_path, texts) == []
    assert run(tmp_path, texts[::-1]) == []
    assert run(tmp_path, ["c", "new", "a"]) == ["new"]
    assert run(tmp_path, ["new", "b", "newer"]) == ["newer"]


@given(runs=st.lists(st.lists(st.text(max_size=3), max_size=6), max_size=5))
def test_any_sequence_of_runs_encodes_each_text_once(tmp_path_factory, runs):
    folder = tmp_path_factory.mktemp("cache")
    encoded = [text for texts in runs for text in run(folder, texts)]
    assert len(encoded) == len(set(encoded))
    assert set(encoded) == {text for texts in runs for text in texts}


def test_one_cache_object_sees_what_it_stored_itself(tmp_path):
    shared, spy = EmbeddingCache(tmp_path), Spy()
    for texts in (["a", "b"], ["b", "c"], ["a", "b", "c"]):
        np.testing.assert_array_equal(encode_cached(spy, texts, shared), expected(texts))
    assert spy.encoded == ["a", "b", "c"]
    assert len(shared) == 3


def test_another_model_shares_nothing(tmp_path):
    assert run(tmp_path, ["a"], "1" * 64) == ["a"]
    assert run(tmp_path, ["a"], "2" * 64) == ["a"]
    assert run(tmp_path, ["a"], "1" * 64) == []


def test_without_a_cache_everything_is_encoded():
    spy = Spy()
    np.testing.assert_array_equal(encode_cached(spy, ["a", "b"], None), expected(["a", "b"]))
    assert spy.encoded == ["a", "b"]


def test_large_inputs_are_stored_as_they_come_and_progress_runs_to_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_TEXTS_PER_SHARD", 10)
    texts = [str(n) for n in range(35)]
    calls = []

    class Interrupted(Spy):
        def encode(self, texts, *, progress=False):
            if "25" in texts:
                raise KeyboardInterrupt
            return super().encode(texts, progress=progress)

    with pytest.raises(KeyboardInterrupt):
        encode_cached(Interrupted(), texts, EmbeddingCache(tmp_path))
    spy = Spy()
    encode_cached(spy, texts, EmbeddingCache(tmp_path), progress=lambda *call: calls.append(call))
    assert spy.encoded == texts[20:]
    assert calls == [(done, 15) for done in range(1, 16)]


def flipped(path, bit):
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(content))


def other(**arrays):
    return lambda path: path.write_bytes(save(arrays))


KEYS = np.zeros((2, 32), np.uint8)
DAMAGE = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "flipped": lambda path: path.write_bytes(path.read_bytes()[:-2] + b"zz"),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"no tensors at all, but a text of some length"),
    "without keys": other(vectors=np.zeros((2, 3), np.float32)),
    "other keys": other(vectors=np.zeros((2, 3), np.float32), keys=KEYS[:, :5]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_shard_is_named_and_made_anew(tmp_path, damage):
    run(tmp_path, ["a", "b"])
    run(tmp_path, ["c"])
    path = shard_with(tmp_path, 2)
    DAMAGE[damage](path)
    with pytest.warns(KgrecWarning, match=path.name):
        assert run(tmp_path, ["c", "b", "a"]) == ["b", "a"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(tmp_path, ["a", "b", "c"]) == []


def test_a_flipped_bit_anywhere_never_gives_another_vector(tmp_path):
    """In the header, the keys or the vectors; texts that are not found are encoded again."""
    texts = [f"text {number}" for number in range(10)]
    run(tmp_path, texts)
    path = shard_with(tmp_path, 10)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    warned = 0
    for bit in rng.integers(8 * len(content), size=60):
        flipped(path, int(bit))
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            vectors, hit = EmbeddingCache(tmp_path).get("f" * 64, texts, 3)
        np.testing.assert_array_equal(vectors[hit], expected(texts)[hit])
        assert not hit.any()
        warned += bool(found)
        path.write_bytes(content)
    assert warned == 60
    for size in rng.integers(len(content), size=10):
        path.write_bytes(content[:size])
        with pytest.warns(KgrecWarning, match="damaged"):
            assert not EmbeddingCache(tmp_path).get("f" * 64, texts, 3)[1].any()


def test_a_shard_that_another_process_removes_is_no_damage(tmp_path):
    run(tmp_path, ["a", "b"])
    cache = EmbeddingCache(tmp_path)
    assert cache.get("f" * 64, ["a"], 3)[1].all()
    shard_with(tmp_path, 2).unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not cache.get("f" * 64, ["a"], 3)[1].any()


def test_files_of_others_in_the_cache_stay(tmp_path):
    run(tmp_path, ["a"])
    mine = tmp_path / ("f" * 64) / "mine.safetensors"
    mine.write_bytes(b"not of kgrec")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(tmp_path, ["a", "b"]) == ["b"]
    assert mine.read_bytes() == b"not of kgrec"


SEVERAL = """
import sys, warnings
import numpy as np
from kgrec.text import EmbeddingCache
warnings.simplefilter("error")
folder, number = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(0)
for turn in range(30):
    texts = [f"text {one}" for one in rng.integers(60, size=20)]
    texts = list(dict.fromkeys(texts))
    cache = EmbeddingCache(folder)
    vectors, found = cache.get("f", texts, 4)
    truth = np.array([[int(text[5:])] * 4 for text in texts], np.float32)
    assert np.abs(vectors[found] - truth[found]).max(initial=0) < 1e-3
    missing = [text for text, hit in zip(texts, found) if not hit]
    # Vectors of two processes differ in the last digits, as those of two numbers of threads.
    cache.put("f", missing, truth[~found] + np.float32(number * 1e-5))
"""


def test_four_processes_on_one_cache_find_no_damage(tmp_path):
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", SEVERAL, str(tmp_path), str(number)],
            cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True,
        )
        for number in range(4)
    ]  # fmt: skip
    assert [(worker.communicate()[1], worker.returncode) for worker in workers] == [("", 0)] * 4


def shard_with(folder, rows):
    return next(p for p in folder.glob("*/*.safetensors") if len(load_file(p)["keys"]) == rows)


def test_a_cache_that_cannot_be_written_costs_a_warning_and_not_the_vectors(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.warns(UserWarning, match="cannot be written"):
        assert run(blocked, ["a", "b"]) == ["a", "b"]
    with pytest.raises(RunError, match="cannot be written"):
        EmbeddingCache(blocked).put("f", ["a"], expected(["a"]))


def test_a_full_disk_leaves_no_half_written_file(tmp_path, monkeypatch):
    run(tmp_path, ["a"])
    before = sorted(tmp_path.rglob("*"))

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="No space left"):
        run(tmp_path, ["a", "b"])
    assert sorted(tmp_path.rglob("*")) == before


def test_put_refuses_another_number_of_vectors(tmp_path):
    with pytest.raises(ValueError, match="expected \\(2, dim\\)"):
        EmbeddingCache(tmp_path).put("f", ["a", "b"], np.zeros((3, 4), np.float32))


def test_the_default_folder_is_the_users_cache(monkeypatch):
    monkeypatch.setattr(cache.sys, "platform", "linux")
    home = Path.home() / ".cache" / "kgrec" / "embeddings"
    assert default_cache_folder({}) == home
    assert default_cache_folder({"XDG_CACHE_HOME": "relative"}) == home  # as the standard says
    assert default_cache_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/kgrec/embeddings")


def test_when_all_is_cached_no_model_is_loaded(tmp_path):
    code = (
        "import sys; from pathlib import Path; from kgrec.text import *;"
        "v = encode_cached(TextEncoder(), ['a film', 'a song'], EmbeddingCache(Path(sys.argv[1])));"
        "print(v.shape, 'torch' in sys.modules, round(float(v[0, 0]), 3))"
    )
    root = Path(__file__).parents[2]
    said = [
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=root, capture_output=True, text=True, check=True,
        ).stdout.split()
        for _ in range(2)
    ]  # fmt: skip
    assert said[0][:3] == ["(2,", "384)", "True"]
    assert said[1][:3] == ["(2,", "384)", "False"]
    assert said[0][3] == said[1][3]
