"""What a clock may show, against a linear programme over all its courses and against courses drawn at random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from turgor_host import clockrange
from turgor_host.clockrange import DRIFT, POINTS_LIMIT, RATE_LIMIT, SWING, ClockRange


def test_by_hand() -> None:
    """Offset 0 to 2 s at 0 s. 1000 s later it is -0.2 to 2.2 s, at 200 ppm, and 10 ms more either way by drift.

    At least 1.2 s then, it was at least 1 s less 10 ms before.
    """
    known = ClockRange.between(0.0, 0.0, 2.0)
    assert known.at(0.0) == pytest.approx((1.0, 1.0, 0.0))
    assert known.reach(1000.0) == pytest.approx((-0.2 - 0.01, 2.2 + 0.01))
    later = known.bounded(1000.0, 1.2, 9.0)
    assert later is not None
    assert later.reach(1000.0) == pytest.approx((1.2, 2.2), abs=0.011)
    assert later.reach(0.0)[0] == pytest.approx(1.0 - 0.01)
    common = known.common(later)
    assert common is not None
    assert common.reach(0.0) == pytest.approx((0.99, 2.0))
    assert known.bounded(1000.0, -1.0, 3.0) is known
    assert known.bounded(1000.0, 2.3, 3.0) is None


def furthest(bounds: list[tuple[float, float, float]], at_s: float, steps: int, step_s: float) -> tuple[float, float]:
    """Least and greatest offset of any course whose rate changes by steps of at most DRIFT, within all bounds."""
    # Unknown: offset and rate at 0, then the rate's change in each step.
    n = 2 + steps

    def row(t: float) -> np.ndarray:
        weights = np.zeros(n)
        weights[:2] = 1, t
        # The rate rises evenly within a step.
        since = np.clip(t - step_s * np.arange(steps), 0, None)
        inside = np.minimum(since, step_s)
        weights[2:] = inside**2 / (2 * step_s) + (since - inside)
        return weights

    # In ms and ppm, for the solver's tolerances.
    scale = np.array([1e-3, *[1e-6] * (steps + 1)])
    rows = [row(t) * scale * 1e3 for t, _, _ in bounds]
    low, high = ([bound[side] * 1e3 for bound in bounds] for side in (1, 2))
    limits = [
        (None, None),
        (-RATE_LIMIT * 1e6, RATE_LIMIT * 1e6),
        *[(-DRIFT * step_s * 1e6, DRIFT * step_s * 1e6)] * steps,
    ]
    reached = []
    for sign in (1, -1):
        found = linprog(
            sign * row(at_s) * scale * 1e3,
            A_ub=np.vstack([rows, np.negative(rows)]),
            b_ub=np.concatenate([high, np.negative(low)]),
            bounds=limits,
        )
        assert found.status == 0, found.message
        reached.append(sign * found.fun / 1e3)
    return reached[0], reached[1]


@pytest.mark.parametrize("seed", range(12))
def test_reach_is_that_of_all_courses(seed: int) -> None:
    """Never less, and at most by a twentieth of a millisecond and 4 % more: the kicks cut the corners of drift."""
    rng = np.random.default_rng(seed)
    rate = rng.uniform(-50e-6, 50e-6)
    times = np.sort(rng.uniform(0, 600, 25))
    bounds = [(t, rate * t - rng.exponential(3e-3), rate * t + rng.exponential(3e-3)) for t in times.tolist()]
    known: ClockRange | None = ClockRange.between(0.0, -1.0, 1.0)
    for bound in bounds:
        assert known is not None
        known = known.bounded(*bound)
    assert known is not None
    at_s = times[-1] + rng.uniform(0, 100)
    low, high = furthest(bounds, at_s, 70, 10.0)
    least, greatest = known.reach(at_s)
    slack = 5e-5 + 0.04 * (high - low)
    assert low - slack <= least <= low + 2e-6
    assert high - 2e-6 <= greatest <= high + slack


courses = st.lists(
    st.tuples(st.floats(0.001, 2000), st.floats(-1, 1), st.floats(0, 0.2), st.floats(0, 0.2)), max_size=40
)


@settings(deadline=None, max_examples=150)
@given(courses, st.floats(-1, 1), st.booleans())
def test_the_truth_is_never_cut_off(course: list[tuple[float, float, float, float]], start: float, back: bool) -> None:
    """A clock that drifts as fast as it may, followed forth or back, with bounds as tight as nothing at all."""
    direction = -1 if back else 1
    now, offset, rate = 0.0, 0.0, start * RATE_LIMIT / 2
    known = ClockRange.between(now, -1e-3, 1e-3)
    for step, drift, below, above in course:
        ahead = direction * step
        # Over long stretches the swing is the limit.
        change = drift * min(DRIFT, SWING / step) * ahead
        if abs(rate + change) > RATE_LIMIT:
            change = 0.0
        now, offset, rate = now + ahead, offset + (rate + change / 2) * ahead, rate + change
        left = known.bounded(now, offset - below - 1e-6, offset + above + 1e-6)
        assert left is not None
        known = left
        assert len(known.points) <= POINTS_LIMIT + 2
        least, greatest = known.reach(now)
        assert least - 1e-9 <= offset <= greatest + 1e-9
        estimate = known.at(now)
        assert abs(estimate.offset_s - offset) <= estimate.uncertainty_s + 1e-9
        assert abs(estimate.rate) <= RATE_LIMIT * (1 + 1e-9)


def test_a_polygon_of_many_corners_is_put_into_one_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    many = ClockRange(0.0, list(zip((1e-3 * np.cos(turns)).tolist(), (1e-5 * np.sin(turns)).tolist(), strict=True)))
    few = many.moved(1.0)
    assert len(few.points) <= 4 + 2 * 9
    monkeypatch.setattr(clockrange, "POINTS_LIMIT", 1000)
    whole = many.moved(1.0)
    for at_s in (1.0, 31.0, -99.0, 301.0):
        assert few.reach(at_s) == pytest.approx(whole.reach(at_s), abs=1e-12)
    for at_s in (11.0, -49.0, 5000.0):
        (low, high), (least, greatest) = few.reach(at_s), whole.reach(at_s)
        assert low <= least
        assert greatest <= high
