"""Both engines: order, errors, warnings, lost workers, bounded memory."""

import os
import warnings

import numpy as np
import pytest
import ray_work

from kgrec.engine import LocalEngine, RayEngineConfig, engine_in_use
from kgrec.errors import DataError, KgrecWarning, RunError


def test_without_a_body_the_engine_is_the_local_one():
    assert not engine_in_use().distributed


def test_the_innermost_body_decides():
    outer, inner = LocalEngine(), LocalEngine()
    with outer:
        with inner:
            assert engine_in_use() is inner
        assert engine_in_use() is outer
    assert engine_in_use() not in (outer, inner)


def test_an_engine_can_be_entered_within_itself():
    engine = LocalEngine()
    with engine:
        with engine:
            pass
        assert engine_in_use() is engine


@pytest.mark.parametrize("size", [0, 1, 2, 25])
def test_results_come_in_the_order_of_the_blocks(on_ray, size):
    local = list(LocalEngine().map(ray_work.times, 3, range(size)))
    assert local == [3 * block for block in range(size)]
    assert list(on_ray.map(ray_work.times, 3, range(size))) == local
    assert list(on_ray.map_warmed(ray_work.times, 3, range(size))) == local


def test_two_workers_other_than_this_process_do_the_work(on_ray):
    places = {pid for pid, _ in on_ray.map(ray_work.place, None, range(20))}
    assert len(places) == 2
    assert os.getpid() not in places


def test_the_first_block_of_warmed_work_is_done_here(on_ray):
    first, *rest = (pid for pid, _ in on_ray.map_warmed(ray_work.place, None, range(6)))
    assert first == os.getpid()
    assert os.getpid() not in rest


def test_a_single_block_of_warmed_work_needs_no_worker(on_ray):
    assert list(on_ray.map_warmed(ray_work.place, None, [7])) == [(os.getpid(), 7)]
    assert not on_ray.maps


def test_blocks_are_taken_as_they_are_needed(on_ray):
    taken = []

    def blocks():
        for number in range(1000):
            taken.append(number)
            yield number

    found = on_ray.map(ray_work.times, 1, blocks())
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    assert len(taken) < 20
    found.close()
    assert list(on_ray.map(ray_work.times, 2, range(3))) == [0, 2, 4]


def test_an_error_of_a_worker_is_the_error_here(on_ray):
    with (
        pytest.warns(KgrecWarning, match="row 1 is doubtful"),
        pytest.raises(DataError, match="row 3 holds no number") as raised,
    ):
        list(on_ray.map(ray_work.wrong_input, None, range(9)))
    assert "in wrong_input" in raised.value.__notes__[0]


def test_a_fault_in_the_code_keeps_its_class(on_ray):
    with pytest.raises(ZeroDivisionError):
        list(on_ray.map(ray_work.fault, None, range(9)))


def test_arrays_can_be_changed_in_a_worker_and_stay_as_they_are_here(on_ray):
    array = np.arange(200_000.0)[::-1].copy()  # Ray stores large ones in shared memory
    assert list(on_ray.map(ray_work.changed_in_place, array, [2, 3])) == [1.0, 3.0]
    assert array[0] == 199_999.0


def test_results_can_be_changed(on_ray):
    (found,) = on_ray.map(ray_work.times, 1.0, [np.zeros(200_000)])
    found += 1
    assert found.sum() == 200_000


def test_the_same_shared_object_is_sent_once(on_ray, ray_started):
    shared = np.arange(10)
    list(on_ray.map(ray_work.times, shared, [1]))
    before = ray_started._last[1]
    list(on_ray.map(ray_work.times, shared, [2]))
    assert ray_started._last[1] == before
    list(on_ray.map(ray_work.times, shared.copy(), [2]))
    assert ray_started._last[1] != before


def test_a_killed_worker_is_replaced_and_its_block_is_done_again(on_failing_ray):
    with pytest.warns(KgrecWarning, match="was lost"):
        assert list(on_failing_ray.map(ray_work.times, 3, range(9))) == [
            3 * one for one in range(9)
        ]


def test_a_block_that_kills_each_worker_ends_with_advice(on_ray):
    with (
        pytest.warns(KgrecWarning, match="was lost"),
        pytest.raises(RunError, match=r"lost 4 times on the same block: .* fewer workers"),
    ):
        list(on_ray.map(ray_work.always_killed, None, range(4)))
    with warnings.catch_warnings(action="ignore"):  # the worker may be found lost only now
        assert list(on_ray.map(ray_work.times, 2, range(5))) == [0, 2, 4, 6, 8]


def test_an_engine_that_was_not_entered_says_so(ray_address):
    with pytest.raises(RunError, match="enter it first"):
        next(RayEngineConfig(address=ray_address).build().map(ray_work.times, 1, [1]))


def test_joint_work_is_done_by_all_workers_at_once(on_ray):
    found = [(news, fetch()) for news, fetch in on_ray.together(ray_work.counted, 3, 3)]
    # The sum over two workers of the number and their rank.
    assert found == [((2, 1.0), 1), ((2, 3.0), 2), ((2, 5.0), 3)]
    assert [fetch() for _, fetch in on_ray.together(ray_work.counted, 3, 3, 2)] == [3]


def test_joint_work_of_one_worker_has_no_peers(ray_started):
    with ray_work.Lent(ray_started, training=1) as lent:
        assert [news for news, _ in lent.together(ray_work.counted, 2, 2)] == [(1, 0.0), (1, 1.0)]


@pytest.mark.parametrize("who", [0, 1])
def test_an_error_of_one_worker_ends_joint_work(on_ray, who):
    with pytest.raises(DataError, match="there is no such item"):
        list(on_ray.together(ray_work.wrong_in_one, who, who))
    assert len(list(on_ray.together(ray_work.counted, 3, 3))) == 3


def test_joint_work_that_the_caller_leaves_is_given_up(on_ray):
    found = on_ray.together(ray_work.counted, 10**9, 10**9)
    assert next(found)[0] == (2, 1.0)
    found.close()
    assert len(list(on_ray.together(ray_work.counted, 3, 3))) == 3
    assert list(on_ray.map(ray_work.times, 2, range(3))) == [0, 2, 4]


def test_joint_work_that_kills_a_worker_ends_with_advice(ray_started):
    ray_started.config = ray_started.config.model_copy(update={"retries": 1})
    try:
        with (
            pytest.warns(KgrecWarning, match="was lost"),
            pytest.raises(RunError, match=r"lost 2 times in one training: .* fewer workers"),
        ):
            list(ray_work.Lent(ray_started).together(ray_work.killing_together, None, None))
    finally:
        ray_started.config = ray_started.config.model_copy(update={"retries": 3})


def test_the_local_engine_trains_nothing_together():
    assert LocalEngine().num_together == 0
    with pytest.raises(NotImplementedError):
        LocalEngine().together(ray_work.counted, 1, 1)
