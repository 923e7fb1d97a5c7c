"""Trends: buckets are whole, stay where they are, and lose no peak."""

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turgor_host.history import Buckets, History, bucket_width_s, slope_per_s
from turgor_host.live import Live


def test_two_buckets_by_hand() -> None:
    """Seconds 1 to 4 in buckets of 2 s: 0-1, 2-3, 4-5."""
    history = History()
    for t, value in ((1, 10.0), (2, 20.0), (3, math.nan), (4, math.nan)):
        history.append(t, {"a": value})
    seconds, columns = history.view()
    buckets = Buckets(seconds, 0, 4, 2)
    assert (buckets.width_s, buckets.t_s) == (2, [0, 2, 4])
    found = buckets.extremes_and_mean(columns["a"])
    assert found == {"min": [10.0, 20.0, None], "max": [10.0, 20.0, None], "mean": [10.0, 20.0, None]}
    assert buckets.last(columns["a"]) == [10.0, None, None]


@given(span=st.floats(1, 1e8), points=st.integers(1, 5000))
def test_a_width_gives_no_more_buckets_than_asked_for(span: float, points: int) -> None:
    width = bucket_width_s(span, points)
    assert width * points >= span
    # The page asks for the live end by a count and gets the width that it has.
    assert bucket_width_s(points * width, points) <= width


@pytest.mark.parametrize("points", [1, 7, 60, 600])
def test_a_peak_of_one_second_never_vanishes(live: Live, board: Any, points: int) -> None:
    board.run(500)
    board.readings[0] = 187.5
    board.run(1)
    board.readings[0] = 22.0
    board.run(700)
    found = live.history(0, 1200, points)
    part = found["channels"]["calf_l"]
    assert max(part["max"]) == 187.5
    assert min(part["min"]) == 22.0
    assert len(found["t"]) <= points + 1


def test_what_is_not_valid_is_a_hole(live: Live, board: Any) -> None:
    board.run(10)
    board.readings[0] = None
    board.run(10)
    board.readings[0] = 30.0
    board.run(10)
    found = live.history(1, 30, 30)
    assert found["t"] == list(range(1, 31))
    assert found["channels"]["calf_l"]["mean"] == [22.0] * 10 + [None] * 10 + [30.0] * 10
    assert found["dbp"] == [None] * 30


def test_buckets_are_the_same_however_they_are_asked_for(live: Live, board: Any) -> None:
    chance = random.Random(3)
    for _ in range(400):
        board.readings[0] = chance.uniform(0, 60)
        board.second()
    whole = live.history(0, 400, 40)
    assert whole["step_s"] == 10
    part = live.history(203, 297, 10)
    start = whole["t"].index(part["t"][0])
    assert part["t"] == list(range(200, 300, 10))
    for name in ("min", "max", "mean"):
        assert part["channels"]["calf_l"][name] == whole["channels"]["calf_l"][name][start : start + 10]


def test_change_is_from_the_baseline_also_before_it_was_taken(live: Live, board: Any) -> None:
    board.act("dbp", mmhg=70)
    board.run(60)
    board.readings[4] = 57.0
    board.run(60)
    found = live.history(0, 120, 120)
    change = found["change"]["calf_z"]["mean"]
    assert (change[0], change[-1]) == (0.0, -5.0)
    assert found["dbp"][0] == 70.0
    assert "calf_l" not in found["change"]


def test_days_fit_and_rows_do_not_go_back() -> None:
    history = History()
    for t in range(0, 200_000):
        history.append(t, {"a": t % 100})
    history.append(5, {"a": 1e6})
    seconds, columns = history.view()
    assert history.rows == len(seconds) == 200_000
    buckets = Buckets(seconds, 0, 200_000, 500)
    assert buckets.count <= 501
    assert set(buckets.extremes_and_mean(columns["a"])["max"]) == {99.0}


def test_nothing_is_an_empty_answer(live: Live) -> None:
    assert live.history(0, 100, 10)["t"] == []


def test_a_slope_against_a_straight_line() -> None:
    seconds = np.arange(4000)
    line = 3.0 + 0.01 * seconds
    assert slope_per_s(seconds, line, 1800, 300) == pytest.approx(0.01)
    line[2500:3900] = np.nan
    assert slope_per_s(seconds, line, 1800, 300) is None
    assert slope_per_s(seconds[:200], line[:200], 1800, 300) is None
