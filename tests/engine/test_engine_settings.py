"""Settings of engines, and what goes wrong when one connects."""

import socket

import pytest

from kgrec.config import make_config
from kgrec.engine import (
    LocalEngineConfig,
    RayEngineConfig,
    engine_changes,
    named_engine,
    ray_cluster,
    ray_engine,
)
from kgrec.errors import ConfigError, RunError

DATA = {"data": {"interactions": "ratings.csv"}}


def test_the_engine_is_local_by_default():
    assert make_config(DATA).engine == LocalEngineConfig()


def test_a_name_alone_is_an_engine_with_its_defaults():
    assert make_config({**DATA, "engine": "ray"}).engine == RayEngineConfig(address="auto")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "rey"}, "ray"),
        ({"name": "ray", "adress": "auto"}, "Did you mean 'address'"),
        ({"name": "local", "address": "auto"}, "address"),
        ({"name": "ray", "address": "ray://head:10001"}, "Ray Client"),
        ({"name": "ray", "address": "head"}, "HOST:PORT"),
        ({"name": "ray", "address": "head:70000"}, "HOST:PORT"),
        ({"name": "ray", "address": "head:0"}, "HOST:PORT"),
        ({"name": "ray", "address": "a b:1"}, "HOST:PORT"),
        ({"name": "ray", "workers": 0}, "workers"),
        ({"name": "ray", "retries": -1}, "retries"),
        ({"name": "ray", "patience": 0}, "patience"),
    ],
)
def test_a_wrong_setting_is_named(given, message):
    with pytest.raises(ConfigError, match="engine") as raised:
        make_config({**DATA, "engine": given})
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "changes", "made"),
    [
        (None, [], LocalEngineConfig()),
        ("local", ["engine.name=local"], LocalEngineConfig()),
        ("ray", ["engine.name=ray"], RayEngineConfig()),
        (
            "10.0.0.1:6379",
            ["engine.name=ray", "engine.address=10.0.0.1:6379"],
            RayEngineConfig(address="10.0.0.1:6379"),
        ),
    ],
)
def test_a_word_of_the_command_line_names_an_engine(text, changes, made):
    assert engine_changes(text) == changes
    assert named_engine(text) == made


@pytest.mark.parametrize("text", ["rya", "", "10.0.0.1:", "ray://10.0.0.1:6379", ":6379"])
def test_another_word_is_a_mistake(text):
    with pytest.raises(ConfigError, match="--engine"):
        named_engine(text)


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(ray_cluster, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'kgrec\[ray\]'"):
        RayEngineConfig().build()


def test_an_address_where_nothing_answers_is_said_at_once():
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        port = taken.getsockname()[1]
        with (
            pytest.raises(RunError, match=rf"No Ray cluster answers at 127\.0\.0\.1:{port}"),
            RayEngineConfig(address=f"127.0.0.1:{port}").build(),
        ):
            pass


def test_auto_without_a_cluster_says_how_to_start_one(monkeypatch):
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from ray._private import services

    def none(_):
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr(services, "canonicalize_bootstrap_address", none)
    with pytest.raises(RunError, match="ray start --head"), RayEngineConfig().build():
        pass


def test_more_workers_than_there_is_room_for_are_a_mistake(ray_started):
    made = RayEngineConfig(workers=5).build()
    with pytest.raises(RunError, match=r"workers is 5, and the Ray cluster has room for 4"):
        made._started()
    with pytest.raises(RunError, match="too few for one worker with 5 cores"):
        RayEngineConfig(cpus=5).build()._started()


def test_a_busy_cluster_is_waited_for_and_then_named(ray_started):
    # The two workers of `ray_started` use two of four cores.
    made = RayEngineConfig(workers=1, cpus=3, patience=0.5).build()
    with pytest.raises(RunError, match=r"No worker of the Ray cluster was free within 0\.5 s"):
        made._started()


def test_a_second_cluster_in_one_process_is_a_mistake(ray_started, ray_address):
    with (
        pytest.raises(RunError, match="is connected to a Ray cluster already"),
        RayEngineConfig(address=ray_address).build(),
    ):
        pass


def test_another_version_of_a_package_is_named(ray_started, monkeypatch):
    here = ray_engine.versions()
    monkeypatch.setattr(ray_engine, "versions", lambda: here | {"torch": "1.0"})
    answers = [worker.versions.remote() for worker in ray_started._workers]
    with pytest.raises(ConfigError, match=rf"torch 1\.0 here and {here['torch'][:3]}"):
        ray_engine._check_versions(answers)


def test_another_version_of_ray_is_named(ray_address, monkeypatch):
    import ray

    def init(**_):
        raise RuntimeError("Version mismatch: The cluster was started with: Ray: 2.1")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(ConfigError, match=r"another version .* Ray: 2\.1"):
        ray_cluster.connect(ray_address)


def test_a_cluster_that_asks_for_a_token_says_where_it_belongs(ray_address, monkeypatch):
    import ray

    def init(**_):
        try:
            raise RuntimeError("RPC error: InvalidAuthToken: Authentication token is missing")
        except RuntimeError as error:
            raise ConnectionError("Failed to connect to Ray cluster") from error

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(RunError, match=r"RAY_AUTH_MODE=token, .*auth_token"):
        ray_cluster.connect(ray_address)
