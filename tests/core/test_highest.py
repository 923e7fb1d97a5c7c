"""The highest of the last bins against the plain maximum of what was pushed."""

from random import Random

import pytest
from checked import Small, small, smalls

from turgor.core.highest import BINS, highest, highest_push, highest_restart
from turgor.core.median import ABSENT

AT = 3


def fresh():
    s = [7] * (AT + BINS + 1)
    highest_restart(s, AT)
    return s


def test_by_hand():
    """Bins of 10 s: 5 at second 12 is remembered until second 249 and forgotten at 250, when its bin begins anew."""
    s = fresh()
    assert highest(s, AT) == ABSENT
    for second in range(260):
        highest_push(s, AT, second, 10, 5 if second == 12 else 4 if second < 100 else ABSENT)
        wanted = 4 if second < 12 else 5 if second < 250 else 4
        assert highest(s, AT) == wanted
    assert (s[:AT], s[-1]) == ([7] * AT, 7)


@pytest.mark.parametrize("bin_s", [1, 7, 300, 900])
def test_like_the_plain_maximum(bin_s):
    random = Random(bin_s)
    s = smalls(fresh())
    bins = {}
    start = random.randrange(2**28 - 10**6) // bin_s * bin_s
    for second in range(start, start + 60 * min(bin_s, 20) * 4):
        value = ABSENT if random.random() < 0.3 else random.choice((-(2**28), 2**28, random.randint(-50, 50)))
        highest_push(s, small(AT), small(second), small(bin_s), small(value))
        number = second // bin_s
        bins[number] = max(bins.get(number, ABSENT), value)
        if random.random() < 0.02:
            highest_restart(s, AT)
            bins = {}
        assert highest(s, small(AT)) == max((v for n, v in bins.items() if n > number - BINS), default=ABSENT)
    assert {type(word) for word in s} <= {Small, int}


def test_an_hour_of_absence_is_no_value():
    s = fresh()
    for second in range(100):
        highest_push(s, AT, second, 1, 9)
    for second in range(100, 123):
        highest_push(s, AT, second, 1, ABSENT)
    assert highest(s, AT) == 9
    highest_push(s, AT, 123, 1, ABSENT)
    assert highest(s, AT) == ABSENT
