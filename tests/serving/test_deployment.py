"""The files of deploy/ fit the service: its settings, its figures, and each other."""

import re
from pathlib import Path

import yaml

from kgrec.serving.metrics import Metrics
from kgrec.serving.reading import read_settings
from kgrec.serving.running import server_settings
from kgrec.serving.settings import Plan, ServeConfig

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_the_settings_are_settings():
    config = read_settings(DEPLOY / "serve.yaml")
    assert config.log.startswith("postgresql://kgrec:change-me@database/")
    assert config.keys is not None  # it listens for everybody
    assert read_settings(DEPLOY / "serve.yaml", ["port=9"], {"host": "::1"}).port == 9


def test_alerts_ask_for_figures_that_are_there():
    known = set(re.findall(r"# TYPE (\w+)", Metrics().text().decode()))
    known |= {f"{name}_bucket" for name in known}
    (group,) = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]
    asked = {name for rule in group["rules"] for name in re.findall(r"kgrec_\w+", rule["expr"])}
    assert len(asked) >= 6
    assert asked <= known
    assert all(rule["annotations"]["summary"].endswith(".") for rule in group["rules"])


def test_the_parts_name_each_other():
    tree = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    workers = {name for name in tree["services"] if name.startswith("worker")}
    assert len(workers) == 2
    nginx = (DEPLOY / "nginx.conf").read_text()
    targets = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())["scrape_configs"][0]
    for worker in workers:
        assert f"server {worker}:8000;" in nginx
        assert f"{worker}:8000" in targets["static_configs"][0]["targets"]
    mounted = [
        volume.split(":")[0]
        for service in tree["services"].values()
        for volume in service.get("volumes", ())
        if volume.startswith("./")
    ]
    made_by_hand = {"./keys.json", "./prometheus.key"}
    for name in set(mounted) - made_by_hand:
        assert (DEPLOY / name).exists(), name
    password = tree["services"]["database"]["environment"]["POSTGRES_PASSWORD"]
    assert password in (DEPLOY / "serve.yaml").read_text()


def test_the_proxy_closes_a_connection_before_the_service_does():
    (seconds,) = re.findall(r"keepalive_timeout (\d+)s;", (DEPLOY / "nginx.conf").read_text())
    settings = server_settings(Plan(Path("run"), ServeConfig()))
    assert settings.timeout_keep_alive > int(seconds)
