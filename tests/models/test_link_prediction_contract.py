"""The contract of every model, for the link predictor."""

import pytest

from kgrec.testing import FindsBlocks, ModelContract
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig


class _Contract(FindsBlocks, ModelContract):
    encoder = "lightgcn"
    head = "cosine"
    new_items = "regress"

    def make(self):
        return LinkPrediction(
            LinkPredictionConfig(
                predictor={"dim": 12, "encoder": self.encoder, "head": self.head},
                training={"max_epochs": 20, "learning_rate": 0.05, "batch_users": 20},
                new_items=self.new_items,
            )
        )

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
    with pytest.raises(NotImplementedError, match="make"):
        ModelContract().make()
