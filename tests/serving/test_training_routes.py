"""The curve of the training, and how far the data has moved since."""

import json


def test_the_curve_is_that_of_the_run(client, trained_run):
    told = client.get("/v1/model/curve").json()
    assert told["points"] == json.loads((trained_run / "curve.json").read_text())
    assert told["metric"] == "ndcg@10"
    assert told["metric"] in told["points"][0]


def test_a_run_without_new_data_has_no_drift(client):
    assert client.get("/v1/model/drift").json() == {"known": False, "figures": None}
