"""Training on drawn parts of the graph: the same as on the whole where nothing is left out."""

import numpy as np
import pytest
import torch
import yaml
from parts_by_name import encoder as encoder_of
from pydantic import ValidationError
from three_blocks import three_blocks

from kgrec.config import load_config
from kgrec.errors import ConfigError
from kgrec.graph.build import build_graph
from kgrec.graph.modalities import node_features
from kgrec.graph.propagation import Propagation
from kgrec.models.link_predictor import LinkPredictor, LinkPredictorConfig, trained_nodes
from kgrec.models.training_data import TrainingData
from kgrec.testing import log_from_pairs
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig
from kgrec.training.loop import Trainer
from kgrec.training.minibatch import rows_by_type
from kgrec.training.objective import Task
from kgrec.training.settings import TrainingConfig

EXACT = {"id_dropout": 0, "user_dropout": 0, "feature_dropout": 0}
NO_DRAW = {"dropout": 0, "noise": 0, "edge_dropout": 0}


def predictor_config(encoder="lightgcn", own=None, **model):
    """Return parts that draw nothing; `own` are settings of the encoder."""
    part = encoder_of(encoder, **NO_DRAW, **(own or {}))
    return LinkPredictorConfig(dim=6, **EXACT, encoder=part, **model)


@pytest.fixture(scope="module")
def data():
    return three_blocks().data


def trained(data, model, training, checkpoint=None, epochs=3):
    config = predictor_config(**model)
    graph = Propagation(
        data.graph, config.encoder.normalisation, interactions_only=not config.reads_knowledge
    )
    features = node_features(data.graph)
    predictor = LinkPredictor(config, graph, {"item": 7}, torch.Generator().manual_seed(0))
    task = Task(data.train, graph, features, trained_nodes(graph, config.reach), None)
    settings = {"max_epochs": epochs, "eval_every": 1, "learning_rate": 0.01, **training}
    trainer = Trainer(predictor, task, TrainingConfig(**settings), checkpoint)
    losses = []
    trainer.run(lambda figures: losses.append(figures["loss"]))
    return losses, predictor.state_dict(), trainer


TRANSR = {"scoring": "transr", "interactions": True, "inverses": True, "batch_triples": 20}
PAIRS = {"loss": "bpr", "batch_pairs": 40, "ego_l2": 0.1}
CASES = {
    "lightgcn": ({"encoder": "lightgcn"}, PAIRS),
    "interactions": ({"own": {"relation_weight": 0.0}}, PAIRS),
    "sampled": ({"encoder": "lightgcn"}, {"loss": {"name": "sampled_softmax",
                "num_negatives": 15}, "batch_users": 9, "ego_l2": 0.1}),
    "in_batch": ({"encoder": "rgcn", "head": "cosine"}, {"loss": "sampled_softmax",
                 "batch_pairs": 30, "negatives": "in_batch"}),
    "bsl": ({"encoder": "rgcn", "own": {"num_bases": 2}}, {"loss": {"name": "bsl",
            "negatives_per_positive": 3}, "batch_users": 11, "negatives": "graph"}),
    "kgat": ({"encoder": "kgat", "head": "dot", "knowledge": TRANSR}, PAIRS),
    "kgin": ({"encoder": "kgin", "head": "dot", "own": {"num_intents": 2}}, PAIRS),
    "cke": ({"encoder": "cke", "head": "relation_attention", "knowledge": TRANSR}, PAIRS),
    "kgcn": ({"encoder": "none", "head": "relation_attention"},
             {**PAIRS, "loss": "cross_entropy"}),
    "xsimgcl": ({"encoder": "xsimgcl", "head": "dot"},
                {**PAIRS, "contrast": {"name": "layer", "user_weight": 0.5}}),
    "contrast": ({"own": {"relation_weight": 0.0}, "head": "dot"},
                 {**PAIRS, "contrast": {"name": "layer", "user_weight": 0.5}}),
    "lightkg": ({"encoder": "lightkg", "head": "dot"},
                {**PAIRS, "contrast": {"name": "apart", "user_weight": 0.5, "item_weight": 0.5},
                 "loss": {"name": "bpr", "negatives_per_positive": 2}}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_without_a_limit_training_is_that_on_the_whole_graph(data, case):
    model, training = CASES[case]
    reach = predictor_config(**model).reach
    whole, weights, _ = trained(data, model, training)
    every = {"num_neighbors": [-1] * reach, "sparse_gradients": False}
    parts, of_parts, trainer = trained(data, model, {**training, **every})
    assert trainer.objective.parts is not None
    np.testing.assert_allclose(parts, whole, rtol=1e-4)
    for name, value in weights.items():
        torch.testing.assert_close(of_parts[name], value, atol=2e-3, rtol=1e-2)
    assert max(whole) - min(whole) > 1e-3


def test_with_a_limit_steps_see_less_and_a_seed_gives_the_same_bits(data):
    settings = {**PAIRS, "batch_pairs": 8, "num_neighbors": [2, 1]}
    losses, weights, trainer = trained(data, {"encoder": "lightgcn"}, settings)
    again, the_same, _ = trained(data, {"encoder": "lightgcn"}, settings)
    assert losses == again
    assert all(torch.equal(weights[name], the_same[name]) for name in weights)
    whole, _, _ = trained(data, {"encoder": "lightgcn"}, {**PAIRS, "batch_pairs": 8})
    assert losses != whole
    batch = next(trainer._batches())
    part, local, _ = trainer.objective.parts(
        batch,
        trainer.config.loss.negatives(trainer.objective.negative_sampler, batch),
        trainer.generator,
    )
    assert part.sizes["user"] < 32
    assert torch.equal(part.node["user"][local.users], batch.users)
    assert torch.equal(part.node["item"][local.item], batch.item)


def test_training_goes_on_after_an_interruption(data, tmp_path):
    settings = {**PAIRS, "num_neighbors": [2, 1]}
    _, whole, _ = trained(data, {"encoder": "lightgcn"}, settings, epochs=4)
    path = tmp_path / "checkpoint"
    trained(data, {"encoder": "lightgcn"}, settings, path, epochs=2)
    _, _, trainer = trained(data, {"encoder": "lightgcn"}, settings, path, epochs=1)
    trainer.resume()
    assert trainer.progress.epoch == 1
    trainer.config = trainer.config.model_copy(update={"max_epochs": 4})
    trainer.run()
    assert all(torch.equal(trainer.model.state_dict()[name], whole[name]) for name in whole)


def test_drawn_neighbors_learn_the_planted_blocks():
    made = three_blocks()
    model = LinkPrediction(
        LinkPredictionConfig(
            predictor={"dim": 16, "encoder": "lightgcn"},
            training={
                "loss": "bpr",
                "batch_pairs": 64,
                "num_neighbors": [4, 3],
                "max_epochs": 60,
            },
        )
    ).fit(made.data)
    scores = model.score(np.arange(32))
    assert made.found(scores) > 0.9


def test_a_graph_of_interactions_alone_will_do():
    log = log_from_pairs([(0, 1), (1, 1), (2, 0), (2, 2)], 4, 3)
    data = TrainingData(log, graph=build_graph(log))
    model = LinkPrediction(
        LinkPredictionConfig(
            training={"loss": "bpr", "num_neighbors": [1, 1], "max_epochs": 2, "batch_pairs": 3}
        )
    ).fit(data)
    assert np.isfinite(model.score(np.arange(4))).all()


def test_rows_by_type():
    sizes = {"a": 3, "none": 0, "b": 4}
    made = rows_by_type(sizes, torch.tensor([0, 2, 3, 6]))
    assert {kind: rows.tolist() for kind, rows in made.items()} == {
        "a": [0, 2], "none": [], "b": [0, 3]
    }  # fmt: skip
    assert [len(rows) for rows in rows_by_type(sizes, torch.zeros(0).long()).values()] == [0] * 3


WRONG = [
    ({}, {"loss": "softmax", "num_neighbors": [4, 4]}, "loss 'softmax' needs those of all"),
    ({}, {"loss": "bpr", "num_neighbors": [4]}, "2 for encoder .* found 1"),
    ({"encoder": "none"}, {"loss": "bpr", "num_neighbors": [4]}, "encoder 'none'.*no messages"),
    ({"encoder": "cke"}, {"loss": "bpr", "num_neighbors": [-1]}, "encoder 'cke'.*no messages"),
    ({"encoder": {"num_layers": 0}}, {"loss": "bpr", "num_neighbors": [3]}, "passes no messages"),
    ({"head": "relation_attention"}, {"loss": "bpr", "num_neighbors": [4, 4]},
     "3 for encoder 'lightgcn' with head 'relation_attention', found 2"),
    ({}, {"loss": "bpr", "num_neighbors": [4, 0]}, r"from 1 on, or -1 .* \[4, 0\]"),
    ({}, {"loss": "bpr", "num_neighbors": [-2, 4]}, r"from 1 on, or -1"),
    ({}, {"loss": "bpr", "num_neigbors": [4, 4]}, "num_neighbors"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "training", "message"), WRONG)
def test_what_cannot_be_combined_is_an_error(tmp_path, model, training, message):
    with pytest.raises(ValidationError):
        LinkPredictionConfig(predictor=model, training=training)
    path = tmp_path / "config.yaml"
    tree = {"data": {"interactions": "a.csv"}, "model": {"predictor": model, "training": training}}
    path.write_text(yaml.safe_dump(tree))
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_the_trainer_checks_too(data):
    with pytest.raises(ConfigError, match=r"2 for encoder 'lightgcn' .* found 3"):
        trained(data, {"encoder": "lightgcn"}, {**PAIRS, "num_neighbors": [1, 1, 1]})
