"""The contract of every model, for the link predictor."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from contract import FindsBlocks, ModelContract, planted

from kgrec.data.attribute_table import AttributeTable
from kgrec.graph.build import build_graph
from kgrec.models.base import TrainingData
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig


@cache
def data_with_graph() -> TrainingData:
    data = planted()[0]
    group = data.attributes.toarray().argmax(1)
    table = AttributeTable.read(
        pd.DataFrame({"item_id": data.train.items.ids, "shelf": [f"s{g}" for g in group]}),
        categories=["shelf"],
    )
    graph = build_graph(data.train, items=table)
    vectors = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))[torch.from_numpy(group)]
    graph["item"].text = torch.nn.functional.normalize(vectors, dim=1)
    return TrainingData(data.train, graph=graph, attributes=data.attributes)


class _Contract(FindsBlocks, ModelContract):
    encoder = "lightgcn"
    head = "cosine"
    new_items = "regress"

    def make(self):
        return LinkPrediction(
            LinkPredictionConfig(
                model={"dim": 12, "encoder": self.encoder, "head": self.head},
                training={"max_epochs": 20, "learning_rate": 0.05, "batch_users": 20},
                new_items=self.new_items,
            )
        )

    def data(self):
        return data_with_graph()

    def test_recommends_the_item_held_out_of_the_block(self):
        data, (_, held_out) = self.data(), planted()
        scores = self.fitted().score(held_out.user)
        scores[data.train.matrix()[held_out.user].toarray() > 0] = -np.inf
        of_last_block = held_out.user >= 47
        best = scores.argmax(axis=1)
        # The item that nobody chose is of the last block, and as good an answer there.
        right = (best == held_out.item) | (of_last_block & (best == 24))
        assert right.all()
        scores[:, 24] = -np.inf
        assert (scores.argmax(axis=1) == held_out.item).all()

    def test_changes_no_edge_and_no_feature(self):
        before = data_with_graph().graph.clone()
        model = self.make().fit(self.data())
        model.score_histories(self.data().train.matrix()[:3])
        after = self.data().graph
        for kind in before.edge_types:
            assert torch.equal(before[kind].edge_index, after[kind].edge_index)
        assert torch.equal(before["item"].text, after["item"].text)

    def test_a_state_is_a_copy_of_nothing_that_scores_depend_on(self):
        model = self.fitted()
        state = {name: value.copy() for name, value in model.state().items()}
        other = self.make().load_state(state, self.data())
        for value in state.values():
            value.fill(0)
        rows = [0, 40]
        assert (other.score(rows) == model.score(rows)).all()


class TestLightGCN(_Contract):
    pass


class TestRGCN(_Contract):
    encoder = "rgcn"
    head = "dot"
    new_items = "propagate"


def test_the_contract_is_not_collected_by_itself():
    with pytest.raises(AssertionError, match="give the model"):
        ModelContract().make()
