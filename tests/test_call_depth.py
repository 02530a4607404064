"""How far a reader has to go: from fit to the loss, and from recommend to the arithmetic."""

import traceback
from pathlib import Path

import kgrec
from kgrec.retrieval.topk import Keeper
from kgrec.testing import planted
from kgrec.training.link_prediction import LinkPredictionConfig
from kgrec.training.losses.softmax import SoftmaxConfig

PACKAGE = str(Path(kgrec.__file__).parent)


def calls():
    """Return the functions of kgrec that are running, the outermost first."""
    return [frame.name for frame in traceback.extract_stack() if frame.filename.startswith(PACKAGE)]


def test_four_calls_from_fit_to_the_loss(monkeypatch):
    seen = []
    of_batch = SoftmaxConfig.of_batch

    def noted(self, scores):
        seen.append(calls())
        return of_batch(self, scores)

    monkeypatch.setattr(SoftmaxConfig, "of_batch", noted)
    model = kgrec.LinkPrediction(LinkPredictionConfig(training={"max_epochs": 1}))
    kgrec.Recommender(model=model, text=None).fit(planted().data.train)
    assert seen[0] == ["fit", "fit", "epochs", "__call__"]  # and then `of_batch`: four calls


def test_two_calls_from_recommend_to_the_arithmetic(monkeypatch):
    """What chooses the best stands next to the product of the vectors, in the same function."""
    seen = []
    add = Keeper.add

    def noted(self, *given):
        seen.append(calls())
        return add(self, *given)

    monkeypatch.setattr(Keeper, "add", noted)
    model = kgrec.LinkPrediction(LinkPredictionConfig(training={"max_epochs": 1}))
    rec = kgrec.Recommender(model=model, text=None).fit(planted().data.train)
    assert rec.recommend(rec.user_vocabulary.ids[0], 3)
    assert seen == [["recommend", "best", "search"]]
