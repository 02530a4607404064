"""One Ray cluster, and one engine on it, for all tests of this folder."""

import tempfile

import pytest


@pytest.fixture(scope="session")
def cluster():
    """Return the address of a real cluster with three cores: two for the tests' engine."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from ray_cluster import running_cluster

    # A socket's path may have 100 characters: pytest's own folders have longer names.
    with (
        tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder,
        running_cluster(folder) as address,
    ):
        yield address


@pytest.fixture(scope="session")
def started(cluster):
    """Return an engine with workers that no test enters, as it would stop then; see `engine`."""
    from kgrec.engine import RayEngineConfig

    made = RayEngineConfig(address=cluster, workers=2).build()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def engine(started):
    """Have the stages of the test done by the cluster."""
    from ray_work import Lent

    with Lent(started) as lent:
        yield lent


@pytest.fixture
def killing(started, tmp_path):
    """Have the stages of the test done by a cluster of which a worker is killed at block 1."""
    from ray_work import Lent

    with Lent(started, tmp_path / "killed") as lent:
        yield lent
        assert (tmp_path / "killed").exists(), "no worker was killed"
