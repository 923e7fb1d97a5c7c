"""Figures with their intervals, by hand."""

import numpy as np
import pytest

from turgor_host.study.figures import Share, middle, rate


def test_shares_by_hand() -> None:
    """50 of 100: 0.404 to 0.596; none of 10: 0 to 0.278; of nobody nothing is said."""
    assert Share(50, 100).as_dict() == {"count": 50, "of": 100, "share": 0.5, "low": 0.4038, "high": 0.5962}
    assert Share(0, 10).as_dict() == {"count": 0, "of": 10, "share": 0.0, "low": 0.0, "high": 0.2775}
    assert Share(0, 0).as_dict()["share"] is None


def test_a_median_by_hand() -> None:
    found = middle([1.0, 2.0, 3.0, 4.0, 100.0], 1)
    assert (found["of"], found["median"]) == (5, 3.0)
    assert (found["tenth"], found["ninetieth"]) == (1.4, pytest.approx(61.6))
    assert 1.0 <= found["low"] < 3.0 < found["high"] <= 100.0
    assert middle([], 1)["median"] is None
    assert middle([2.5], 1) == {"of": 1, "median": 2.5, "low": 2.5, "high": 2.5, "tenth": 2.5, "ninetieth": 2.5}


def test_its_interval_is_that_of_the_median() -> None:
    """Of 400 normal numbers the median has the standard error 1.2533 / 20."""
    values = np.random.default_rng(1).standard_normal(400).tolist()
    found = middle(values, 1)
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * 1.2533 / 20, rel=0.25)


def test_a_rate_by_hand() -> None:
    """Six alarms in three patients and four days are 1.5 a day, whoever had them."""
    found = rate([6, 0, 0], [2.0, 1.0, 1.0], 1)
    assert (found["events"], found["days"], found["per_day"]) == (6, 4.0, 1.5)
    assert found["low"] == 0.0
    assert found["high"] == pytest.approx(3.0)
    assert rate([], [], 1)["per_day"] is None
    assert rate([2, 2], [1.0, 1.0], 1)["low"] == rate([2, 2], [1.0, 1.0], 1)["high"] == 2.0
