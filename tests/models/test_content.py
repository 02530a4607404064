"""Content of items, and the ridge regression from it to item vectors, against closed forms."""

import numpy as np
import pytest
import torch
from scipy import sparse
from three_blocks import COLD, three_blocks

from kgrec.errors import DataError
from kgrec.graph.modalities import attach
from kgrec.models.content import (
    ContentRegression,
    ItemContent,
    item_attributes,
    number_bumps,
)


def problem(num=23, num_features=40, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    features = sparse.random(num, num_features, 0.3, random_state=seed, format="csr")
    features = features.astype(np.float32)
    targets = features @ rng.normal(size=(num_features, dim)) + 0.3 * rng.normal(size=(num, dim))
    return features, (targets + rng.normal(size=dim)).astype(np.float32)


def ridge(features, targets, l2):
    """(F'F + l2 I)^-1 F' (V - c), in float64."""
    f, v = features.toarray().astype(np.float64), targets.astype(np.float64)
    gram = f.T @ f + l2 * np.eye(f.shape[1])
    return np.linalg.solve(gram, f.T @ (v - v.mean(0)))


@pytest.mark.parametrize("l2", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("shape", [(23, 40), (40, 9)])
def test_the_dual_is_the_ridge_in_closed_form(l2, shape):
    features, targets = problem(*shape)
    found = ContentRegression(features, l2).fit(targets)
    np.testing.assert_allclose(found.weight, ridge(features, targets, l2), atol=2e-4)
    np.testing.assert_allclose(found.centre, targets.mean(0), atol=1e-6)
    expected = features.toarray() @ ridge(features, targets, l2) + targets.mean(0)
    np.testing.assert_allclose(found(features), expected, atol=2e-4)
    assert found(features).dtype == np.float32


@pytest.mark.parametrize("l2", [0.3, 3.0])
@pytest.mark.parametrize("shape", [(23, 40), (40, 9)])
def test_conjugate_gradients_agree(l2, shape, monkeypatch):
    monkeypatch.setattr(ContentRegression, "MAX_EXACT", 3)
    features, targets = problem(*shape)
    found = ContentRegression(features, l2).fit(targets)
    expected = ridge(features, targets, l2)
    assert np.abs(found.weight - expected).max() < 0.01 * np.abs(expected).max()
    assert 0 < found.reliability < 1


def test_a_sketch_of_all_directions_is_the_ridge_and_of_few_one_without_the_weak(monkeypatch):
    features, targets = problem(23, 12)
    exact = ContentRegression(features, 0.7).fit(targets)
    monkeypatch.setattr(ContentRegression, "MAX_EXACT", 3)
    found = ContentRegression(features, 0.7).sketch(targets)  # 11 of 12 directions
    assert np.abs(found.weight - exact.weight).max() < 0.2 * np.abs(exact.weight).max()
    assert found.reliability == pytest.approx(exact.reliability, abs=0.05)
    monkeypatch.setattr(ContentRegression, "BASIS", 4)
    left, strength, right = np.linalg.svd(features.toarray(), full_matrices=False)
    part = sparse.csr_matrix(left[:, :4] * strength[:4] @ right[:4])
    found = ContentRegression(features, 0.7).sketch(targets)
    np.testing.assert_allclose(found.weight, ridge(part, targets, 0.7), atol=2e-4)
    monkeypatch.setattr(ContentRegression, "MAX_EXACT", 100)
    same = ContentRegression(part.astype(np.float32), 0.7).fit(targets)
    np.testing.assert_allclose(found.reliability, same.reliability, atol=1e-4)


def test_reliability_is_that_of_leaving_each_item_out():
    """By solving once for each item left out, with the centre as it is."""
    features, targets = problem()
    l2, centre = 0.7, targets.astype(np.float64).mean(0)
    f, v = features.toarray().astype(np.float64), targets.astype(np.float64) - centre
    cosines = []
    for item in range(len(f)):
        others = np.arange(len(f)) != item
        gram = f[others].T @ f[others] + l2 * np.eye(f.shape[1])
        guess = f[item] @ np.linalg.solve(gram, f[others].T @ v[others]) + centre
        truth = targets[item].astype(np.float64)
        cosines.append(guess @ truth / np.linalg.norm(guess) / np.linalg.norm(truth))
    found = ContentRegression(features, l2).fit(targets).reliability
    assert found == pytest.approx(np.mean(cosines), abs=1e-4)


def test_reliability_knows_good_content_from_noise():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(4), 10)
    vectors = rng.normal(size=(4, 6))[groups] + 0.05 * rng.normal(size=(40, 6))
    vectors = (vectors - vectors.mean(0)).astype(np.float32)
    telling = sparse.csr_matrix(np.eye(4, dtype=np.float32)[groups])
    silent = sparse.csr_matrix(rng.normal(size=(40, 4)).astype(np.float32))
    good = ContentRegression(telling, 0.1).fit(vectors).reliability
    bad = ContentRegression(silent, 0.1).fit(vectors).reliability
    assert good > 0.95
    assert bad < 0.4


def test_item_attributes_are_the_neighbors_that_are_no_users():
    data = three_blocks().data
    found = item_attributes(data.graph)
    assert found.shape == (22, 22 + 3)  # items first, in the order of the node types
    shelf = found[:, 22:].toarray()
    np.testing.assert_array_equal(shelf, np.eye(3)[three_blocks().block_of_item])
    assert found[:, :22].nnz == 0
    assert set(found.data) == {1.0}


def test_without_the_knowledge_graph_only_columns_of_the_item_table_are_attributes():
    graph = three_blocks().data.graph.clone()
    graph["entity_person"].num_nodes = 4
    graph["item", "actor", "entity_person"].edge_index = torch.tensor([[0, 1], [2, 3]])
    graph["item", "sequel", "item"].edge_index = torch.tensor([[0], [5]])
    graph["item_genre"].num_nodes = 2
    graph["item", "genre", "item_genre"].edge_index = torch.tensor([[0, 1, 7], [0, 1, 1]])
    found = item_attributes(graph, knowledge=False)
    shelf, expected = np.eye(3)[three_blocks().block_of_item], np.zeros((22, 2))
    expected[[0, 1, 7], [0, 1, 1]] = 1
    np.testing.assert_array_equal(found.toarray(), np.hstack([shelf, expected]))
    assert item_attributes(graph)[:, :22].nnz == 2  # a sequel and what it follows
    content = ItemContent.from_graph(graph, knowledge=False)
    assert content.attributes.shape == found.shape


def test_the_blocks_of_the_features():
    graph = three_blocks().data.graph
    graph["item"].numeric = torch.linspace(-1, 1, 22)[:, None]
    graph["item"].text[4] = 0  # an item without text
    content = ItemContent.from_graph(graph)
    text = graph["item"].text.numpy()
    known = np.arange(22) != 4
    np.testing.assert_allclose(content.means["text"], text[known].mean(0), atol=1e-6)
    centred = text - text[known].mean(0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(content.vectors["text"][known], expected[known], atol=1e-5)
    assert not content.vectors["text"][4].any()
    # One attribute each: whatever its idf, the row has length one.
    assert content.attributes.shape == (22, 25)
    np.testing.assert_allclose(content.attributes[:, 22:].toarray().sum(1), 1, atol=1e-6)
    width = 7 + 25 + content.numbers.shape[1]
    assert text.shape[1] == 7
    assert content.matrix(2.0).shape == (22, width)  # there are no words
    assert not content.words.shape[1]
    assert np.linalg.norm(content.numbers, axis=1).max() <= 1 + 1e-5
    np.testing.assert_allclose(content.block("text", text[known])[0], expected[known], atol=1e-5)


def test_words_are_the_last_block():
    graph = three_blocks().data.graph
    words = sparse.csr_matrix(np.tile(np.eye(2, dtype=np.float32), (11, 1)))
    content = ItemContent.from_graph(graph, words)
    without = content.matrix(0.0).toarray()
    np.testing.assert_array_equal(without, ItemContent.from_graph(graph).matrix(2.0).toarray())
    made = content.matrix(2.0).toarray()
    np.testing.assert_array_equal(made[:, : without.shape[1]], without)
    np.testing.assert_array_equal(made[:, without.shape[1] :], 2 * words.toarray())


def test_idf_weighs_rare_attributes_more():
    graph = three_blocks().data.graph
    # Item 0 also stands on the shelf of the smallest block.
    index = torch.cat(
        [graph["item", "shelf", "item_shelf"].edge_index, torch.tensor([[0], [2]])], dim=1
    )
    graph["item", "shelf", "item_shelf"].edge_index = index
    row = ItemContent.from_graph(graph).attributes[0, 22:].toarray().ravel()
    common, rare = np.log(22 / 9), np.log(22 / 7)
    np.testing.assert_allclose(row[0] / row[2], common / rare, rtol=1e-5)
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-6)


def test_informed_is_text_or_attributes():
    graph = three_blocks(attributes=False).data.graph
    graph["item"].text[[3, 20]] = 0
    expected = ~np.isin(np.arange(22), [3, 20])
    np.testing.assert_array_equal(ItemContent.from_graph(graph).informed(), expected)
    assert ItemContent.from_graph(three_blocks(text=False).data.graph).informed().all()
    bare = three_blocks(attributes=False, text=False).data.graph
    assert not ItemContent.from_graph(bare).informed().any()
    words = sparse.csr_matrix(([1.0], ([4], [0])), shape=(22, 1), dtype=np.float32)
    assert np.flatnonzero(ItemContent.from_graph(bare, words).informed()).tolist() == [4]


def test_bumps_make_a_gaussian_kernel():
    values = np.linspace(-2, 2, 9)
    rows = number_bumps(values, width=0.6)
    standard = (values - values.mean()) / values.std()
    gap = standard[:, None] - standard[None, :]
    np.testing.assert_allclose(rows @ rows.T, np.exp(-(gap**2) / (2 * 0.6**2)), atol=0.03)
    assert np.isfinite(number_bumps(np.full(5, 3.0))).all()  # a column that never varies


def test_a_map_finds_the_block_of_new_items():
    case = three_blocks()
    content = ItemContent.from_graph(case.data.graph)
    warm = np.arange(19)
    targets = np.eye(3, dtype=np.float32)[case.block_of_item[warm]]
    made = ContentRegression(content.matrix(0.0)[warm], 1.0).fit(targets)
    assert made(content.matrix(0.0)[list(COLD)]).argmax(1).tolist() == [0, 1, 2]
    raw = case.data.graph["item"].text.numpy()[list(COLD)]
    block, columns = content.block("text", raw * 3)  # their length says nothing
    np.testing.assert_allclose(np.linalg.norm(block, axis=1), 1, atol=1e-5)
    assert made.of_blocks([(block, columns)]).argmax(1).tolist() == [0, 1, 2]


def test_two_modalities_are_two_blocks_in_the_order_of_their_names():
    graph = three_blocks().data.graph
    rng = np.random.default_rng(3)
    image = rng.normal(size=(22, 5)).astype(np.float32)
    attach(graph, "item", "image", image, "a camera")
    content = ItemContent.from_graph(graph)
    assert list(content.vectors) == ["image", "text"]
    whole = content.matrix(0.0).toarray()
    for name in ("image", "text"):
        block, columns = content.block(name, graph["item"][name].numpy())
        np.testing.assert_allclose(whole[:, columns], block, atol=1e-6)
    with pytest.raises(DataError, match=r"'image': 5.*'sound' of shape \(22, 5\)"):
        content.block("sound", image)
    with pytest.raises(DataError, match="widths"):
        content.block("image", image[:, :4])
