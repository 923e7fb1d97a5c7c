"""The course in words: both sides of each criterion, and when it cannot be told."""

import numpy as np
import pytest

from turgor_host.course import (
    AFTER_DIURETIC_S,
    CANNOT_TELL,
    DIFFER,
    ENTERING,
    LEAVING,
    NO_CHANGE,
    SPAN_S,
    Limb,
    course,
)

NOW = 4 * 3600


def limb(label: str, before: float, now: float, resistance: bool = True, since: int = 0, known: bool = True) -> Limb:
    """Steady at `before` until an hour ago, then at `now`."""
    seconds = np.arange(since, NOW + 1)
    values = np.where(seconds < NOW - 3600, before, now).astype(float)
    return Limb(label, resistance, seconds, values, known)


def test_by_hand() -> None:
    """60 to 58.8 ohm are -2 %."""
    found = course([limb("Left calf", 60, 58.8)], NOW, None)
    assert found.text == ENTERING
    assert found.evidence == ("Left calf: R -2.0 % in 2 h",)


@pytest.mark.parametrize(
    ("limbs", "text"),
    [
        ([limb("a", 60, 58.81)], NO_CHANGE),
        ([limb("a", 60, 61.19)], NO_CHANGE),
        ([limb("a", 60, 61.2)], LEAVING),
        ([limb("a", 10, 15, False)], ENTERING),
        ([limb("a", 10, 14.9, False)], NO_CHANGE),
        ([limb("a", 15, 10, False)], LEAVING),
        ([limb("a", 60, 58), limb("b", 10, 10, False)], ENTERING),
        ([limb("a", 60, 58), limb("b", 15, 9, False)], DIFFER),
    ],
)
def test_each_side(limbs: list[Limb], text: str) -> None:
    assert course(limbs, NOW, None).text == text


def test_cannot_tell() -> None:
    assert course([], NOW, None).text == CANNOT_TELL
    assert course([limb("a", 60, 50, known=False)], NOW, None).evidence == ("a: baseline unknown",)
    assert course([limb("a", 60, 50)], NOW, NOW - AFTER_DIURETIC_S + 1).text == CANNOT_TELL
    assert course([limb("a", 60, 50)], NOW, NOW - AFTER_DIURETIC_S).text == ENTERING
    held = course([limb("a", 60, 50)], NOW, None, NOW - 1199)
    assert held.evidence == ("held: turned 19 min ago",)
    assert course([limb("a", 60, 50)], NOW, None, NOW - 1200).text == ENTERING
    # The first of the ten minutes must be there by half.
    assert course([limb("a", 60, 50, since=NOW - SPAN_S + 301)], NOW, None).text == ENTERING
    young = limb("a", 60, 50, since=NOW - SPAN_S + 302)
    assert course([young], NOW, None).evidence == ("less than 2 h of data",)
    assert course([young, limb("b", 60, 60)], NOW, None).evidence == ("a: less than 2 h of data",)
