"""Splits: they lose nothing, leak nothing, and hold out what they say."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.data.interactions import PARTS, Interactions, Split
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError

KINDS = ["random", "uniform", "temporal", "cold_items"]


def random_log(seed=0, num_users=7, num_items=40, n=150):
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(num_users * num_items)[:n]
    return Interactions(
        Vocabulary([f"u{i}" for i in range(num_users)], "user"),
        Vocabulary([f"i{i:02}" for i in range(num_items)], "item"),
        pairs // num_items,
        pairs % num_items,
        timestamp=rng.permutation(n),
    )


def keys(log):
    return set((log.user * log.num_items + log.item).tolist())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_parts_are_a_partition(kind, seed):
    log = random_log(seed)
    split = log.split(kind, valid=0.2, test=0.3, seed=seed)
    parts = [keys(split.part(name)) for name in PARTS]
    assert set.union(*parts) == keys(log)
    assert sum(map(len, parts)) == len(log)
    assert all(split.part(name).items == log.items for name in PARTS)
    assert split.kind == kind
    # Each interaction keeps its own time.
    times = dict(zip((log.user * 40 + log.item).tolist(), log.timestamp.tolist(), strict=True))
    for name in PARTS:
        part = split.part(name)
        assert [times[key] for key in (part.user * 40 + part.item).tolist()] == list(part.timestamp)


@given(st.integers(1, 12), st.floats(0, 0.6), st.floats(0, 0.39), st.integers(0, 5))
def test_random_keeps_each_user_in_training(per_user, valid, test, seed):
    log = random_log(num_users=per_user, n=per_user * 4)
    split = log.split("random", valid=valid, test=test, seed=seed)
    for user in np.unique(log.user):
        count = int((log.user == user).sum())
        found = [int((split.part(name).user == user).sum()) for name in PARTS]
        assert found[0] >= 1
        wanted = int(np.floor(count * test + 0.5))
        assert found[2] == min(wanted, count - 1 - found[1])
        assert abs(found[2] - count * test) <= 1


def test_random_depends_on_the_seed_alone():
    log = random_log()
    one, same, other = (log.split(seed=seed) for seed in (3, 3, 4))
    assert keys(one.test) == keys(same.test)
    assert keys(one.test) != keys(other.test)


def test_temporal_cuts_at_two_times():
    log = random_log(n=100)
    split = log.split("temporal", valid=0.1, test=0.2)
    assert [len(split.part(name)) for name in PARTS] == [70, 10, 20]
    assert split.train.timestamp.max() < split.valid.timestamp.min()
    assert split.valid.timestamp.max() < split.test.timestamp.min()


def test_cold_items_holds_out_whole_items():
    log = random_log()
    split = log.split("cold_items", valid=0.1, test=0.25, seed=5)
    items = [set(split.part(name).item.tolist()) for name in PARTS]
    assert sum(map(len, items)) == len(set.union(*items))
    used = len(np.unique(log.item))
    assert len(items[1]) == round(0.1 * used)
    assert len(items[2]) == round(0.25 * used)


def test_bad_settings():
    log = random_log()
    for shares in ({"valid": 0.5, "test": 0.5}, {"valid": -0.1}, {"test": float("nan")}):
        with pytest.raises(ConfigError, match=r"leave a part for training"):
            log.split(**shares)
    with pytest.raises(ConfigError, match=r"no split 'randm'. Did you mean 'random'"):
        log.split("randm")
    with pytest.raises(ConfigError, match=r"needs timestamps"):
        Interactions(log.users, log.items, log.user, log.item).split("temporal")
    few = log.select(np.isin(log.item, np.unique(log.item)[:2]))
    with pytest.raises(ConfigError, match=r"leave nothing for training"):
        few.split("cold_items", valid=0.4, test=0.4)
    with pytest.raises(ConfigError, match=r"no part 'tset'. Did you mean 'test'"):
        log.split().part("tset")


def test_shared_interactions_are_refused():
    log = random_log()
    split = log.split()
    with pytest.raises(DataError, match=r"train and test share 1 interactions, such as user 'u\d'"):
        Split(split.train, split.valid, split.train.select(np.array([0])))
    with pytest.raises(DataError, match=r"must share their vocabularies"):
        Split(split.train, split.valid, split.test.with_items(["new"]))


def test_read_brings_parts_to_one_vocabulary(tmp_path):
    rows = {"train": [("u1", "a"), ("u2", "b")], "valid": [("u1", "c")], "test": [("u3", "a")]}
    for name, pairs in rows.items():
        frame = pd.DataFrame(pairs, columns=["user_id", "item_id"])
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    split = Split.read(tmp_path, "cold_items")
    assert split.train.users.ids == ["u1", "u2", "u3"]
    assert split.test.items.ids == ["a", "b", "c"]
    for name, pairs in rows.items():
        assert list(split.part(name).to_pandas().itertuples(index=False, name=None)) == pairs
    (tmp_path / "valid.csv").unlink()
    with pytest.raises(DataError, match=r"valid.csv does not exist"):
        Split.read(tmp_path)
    with pytest.raises(DataError, match=r"split folder .* does not exist"):
        Split.read(tmp_path / "no")
    (tmp_path / "valid.csv").write_text("user_id,item_id\nu1,a\n")
    with pytest.raises(DataError, match=r"train and valid share 1 interactions"):
        Split.read(tmp_path)


def test_over():
    split = random_log().split()
    wider = Vocabulary([*split.train.items.ids, "zz", "aa"], "item")
    moved = split.reindex(split.train.users, wider)
    for name in PARTS:
        assert moved.part(name).items == wider
        assert moved.part(name).to_pandas().equals(split.part(name).to_pandas())
