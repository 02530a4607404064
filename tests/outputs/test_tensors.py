"""Checkpoints: whole or not at all."""

import errno
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.errors import RunError
from kgrec.outputs.tensors import load_arrays, load_tensors, save_arrays, save_tensors

TENSORS = {
    "a.weight": torch.arange(6.0).reshape(2, 3).T,  # not contiguous
    "count": torch.tensor(7),
    "state": torch.arange(5, dtype=torch.uint8),
    "empty": torch.zeros(0, 3),
}


def test_round_trip(tmp_path):
    path = tmp_path / "new folder" / "x.safetensors"
    about = {"best": float("-inf"), "name": "ä", "curve": [{"epoch": 5}]}
    save_tensors(path, TENSORS, about)
    tensors, found = load_tensors(path)
    assert found == about
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert tensors[name].dtype == value.dtype
        assert torch.equal(tensors[name], value)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


KINDS = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8"]


@given(
    shapes=st.dictionaries(
        st.text(max_size=3).filter(lambda name: name != "__metadata__"),
        st.tuples(st.sampled_from([*KINDS, "bool"]), st.lists(st.integers(0, 3), max_size=3)),
        max_size=5,
    )
)
@settings(max_examples=60, deadline=None)
def test_the_library_reads_all_kinds_and_shapes(shapes, tmp_path_factory):
    from safetensors.torch import load_file

    path = tmp_path_factory.mktemp("x") / "x.safetensors"
    generator = torch.Generator().manual_seed(0)
    given = {
        name: torch.randint(0, 2, shape, generator=generator).to(getattr(torch, kind))
        for name, (kind, shape) in shapes.items()
    }
    save_tensors(path, given, {})
    found = load_file(path)
    assert found.keys() == given.keys()
    for name, value in given.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value)
    arrays = {name: one.numpy() for name, one in given.items() if one.dtype != torch.bfloat16}
    save_arrays(path, arrays)
    again = load_arrays(path)[0]
    assert again.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array, strict=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits this memory")
@pytest.mark.parametrize("framework", ["numpy", "torch"])
def test_writing_takes_no_memory_besides_the_arrays(framework, tmp_path):
    script = f"""
        import resource, sys
        from pathlib import Path
        import numpy as np
        from kgrec.outputs.tensors import save_arrays, save_tensors
        given, save = {{"a": np.ones((20_000_000,), np.float32)}}, save_arrays
        if {framework == "torch"}:
            import torch
            given, save = {{"a": torch.from_numpy(given["a"])}}, save_tensors
        save(Path(sys.argv[1]), {{"few": given["a"][:3]}}, {{}})  # so that all is imported
        with open("/proc/self/status") as file:
            now = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmData"))
        resource.setrlimit(resource.RLIMIT_DATA, (now + 20_000_000,) * 2)  # a quarter
        save(Path(sys.argv[1]), given, {{}})
    """
    path = tmp_path / "x.safetensors"
    command = [sys.executable, "-c", textwrap.dedent(script), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    assert load_arrays(path)[0]["a"].sum() == 20_000_000


def test_missing_damaged_and_foreign_files(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(RunError, match=r"x\.safetensors does not exist"):
        load_tensors(path)
    save_tensors(path, TENSORS, {})
    whole = path.read_bytes()
    for size in (0, 4, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(RunError, match=r"x\.safetensors is damaged"):
            load_tensors(path)
    for content in (b"\xff" * 200, b"PK\x03\x04" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(RunError, match="is damaged"):
            load_tensors(path)


@pytest.mark.parametrize("about", ["[1]", "no json", "[" * 100_000])
def test_a_description_that_is_none(tmp_path, about):
    from safetensors.torch import save

    path = tmp_path / "x.safetensors"
    path.write_bytes(save({"a": torch.ones(2)}, metadata={"about": about}))
    with pytest.raises(RunError, match="is damaged"):
        load_tensors(path)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failure_keeps_the_previous_file(tmp_path, monkeypatch, failing):
    path = tmp_path / "x.safetensors"
    save_tensors(path, TENSORS, {"number": 1})

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(RunError, match=r"No space left on device\. The previous one is kept\."):
        save_tensors(path, TENSORS, {"number": 2})
    monkeypatch.undo()
    assert load_tensors(path)[1] == {"number": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.safetensors"]


def test_an_interruption_leaves_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    save_tensors(path, TENSORS, {"number": 1})

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_tensors(path, TENSORS, {"number": 2})
    monkeypatch.undo()
    assert load_tensors(path)[1] == {"number": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.safetensors"]


def test_a_disk_that_is_really_full(tmp_path):
    """The operating system refuses to let the file grow, half way through."""
    path = tmp_path / "x.safetensors"
    save_tensors(path, TENSORS, {"number": 1})
    code = """
        import resource, signal, sys
        from pathlib import Path
        import torch
        from kgrec.errors import RunError
        from kgrec.outputs.tensors import save_tensors
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            save_tensors(Path(sys.argv[1]), {"big": torch.zeros(100_000)}, {"number": 2})
        except RunError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(path)], capture_output=True, text=True
    )
    assert "x.safetensors cannot be written" in done.stdout, done.stderr
    assert "The previous one is kept." in done.stdout
    assert load_tensors(path)[1] == {"number": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.safetensors"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        save_tensors(tmp_path / "file" / "x.safetensors", TENSORS, {})


def test_an_array_in_columns_comes_back_as_it_was(tmp_path):
    given = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    save_arrays(tmp_path / "file", {"a": given, "b": given[:, ::2]})
    found, _ = load_arrays(tmp_path / "file")
    np.testing.assert_array_equal(found["a"], given)
    np.testing.assert_array_equal(found["b"], given[:, ::2])
