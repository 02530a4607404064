"""How much memory is free, of a machine and of a container."""

import pytest

from kgrec.bounds.free_memory import available_memory

MEMINFO = "MemTotal:  100 kB\nMemFree:  3 kB\nMemAvailable:      40 kB\n"


@pytest.fixture
def system(tmp_path):
    (tmp_path / "meminfo").write_text(MEMINFO)
    return tmp_path / "meminfo", tmp_path


def test_the_machine_decides_where_there_is_no_limit(system):
    assert available_memory(*system) == 40 * 1024
    (system[1] / "memory.max").write_text("max\n")
    (system[1] / "memory.current").write_text("7\n")
    assert available_memory(*system) == 40 * 1024


def test_a_container_may_use_less(system):
    (system[1] / "memory.max").write_text("30000\n")
    (system[1] / "memory.current").write_text("10000\n")
    assert available_memory(*system) == 20_000
    (system[1] / "memory.current").write_text("31000\n")
    assert available_memory(*system) == 0


@pytest.mark.parametrize("content", ["", "MemAvailable:\n", "MemAvailable: much\n", "MemFree: 3\n"])
def test_a_system_that_does_not_say_it_has_no_answer(tmp_path, content):
    (tmp_path / "meminfo").write_text(content)
    assert available_memory(tmp_path / "meminfo", tmp_path) is None
    assert available_memory(tmp_path / "none", tmp_path) is None


def test_this_machine_has_some():
    found = available_memory()
    assert found is None or found > 0
