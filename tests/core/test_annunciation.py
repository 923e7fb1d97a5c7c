"""The tables of lights and sounds against the ranges of IEC 60601-1-8, and the pins that they give at every moment."""

from math import pi, sin
from typing import NamedTuple

import pytest
from checked import small
from hypothesis import given
from hypothesis import strategies as st

from turgor.core.annunciation import (
    BURSTS,
    LIGHTS,
    PIN_BITS,
    PINS,
    RED,
    SOUND,
    TONE_DUTY,
    TONE_HZ,
    YELLOW,
    annunciation,
)
from turgor.core.rules import HIGH, LOW, MEDIUM

DAY_MS = 86_400_000


class Wanted(NamedTuple):
    """Ranges of the standard's tables 3 and 4 (bursts and pulses) and 2 (lights), ms and mHz."""

    pulses: int
    pulse_ms: range
    # Between pulses: x of a high priority, y of the others.
    gap_ms: range
    between_bursts_ms: range
    lamp: int
    light_millihz: range


WANTED = {
    HIGH: Wanted(10, range(75, 201), range(50, 126), range(2500, 15001), RED, range(1400, 2801)),
    MEDIUM: Wanted(3, range(125, 251), range(125, 251), range(2500, 30001), YELLOW, range(400, 801)),
    LOW: Wanted(2, range(125, 251), range(125, 251), range(15001, 10**6), YELLOW, range(0)),
}
PRIORITIES = sorted(WANTED)


def pins(level: int, at_ms: int, silent: bool = False) -> int:
    return int(annunciation(level, silent, at_ms)) & PINS


def runs(level: int, bit: int, until_ms: int, silent: bool = False) -> list[tuple[bool, int]]:
    """On or off and for how long, from the pins of each millisecond."""
    found: list[tuple[bool, int]] = []
    for at_ms in range(until_ms):
        on = bool(pins(level, at_ms, silent) & bit)
        if found and found[-1][0] == on:
            found[-1] = (on, found[-1][1] + 1)
        else:
            found.append((on, 1))
    return found


def test_by_hand() -> None:
    """The first second of a high alarm: three pulses of 150 ms, 100 ms apart; red for the first quarter."""
    assert runs(HIGH, SOUND, 1000) == [
        (True, 150), (False, 100), (True, 150), (False, 100), (True, 150), (False, 350),
    ]  # fmt: skip
    assert runs(HIGH, RED, 1000) == [(True, 250), (False, 250)] * 2
    assert annunciation(HIGH, False, 0) == 150 << PIN_BITS | SOUND | RED
    assert annunciation(0, False, 12345) & PINS == 0


@pytest.mark.parametrize("level", PRIORITIES)
def test_bursts_are_the_standards(level: int) -> None:
    wanted = WANTED[level]
    *burst, between = BURSTS[level]
    pulses, gaps = burst[::2], burst[1::2]
    assert len(pulses) == wanted.pulses
    assert all(pulse in wanted.pulse_ms for pulse in pulses)
    assert len(set(pulses)) == 1
    assert between in wanted.between_bursts_ms
    short = gaps
    if level == HIGH:
        # x, x, 2x + a pulse, x, then 0.35 to 1.30 s, and all of it again.
        x = gaps[0]
        assert gaps == [x, x, 2 * x + pulses[0], x, gaps[4], x, x, 2 * x + pulses[0], x]
        assert 350 <= gaps[4] <= 1300
        short = [x]
    assert all(gap in wanted.gap_ms for gap in short)
    assert len(set(short)) == 1


@pytest.mark.parametrize("level", PRIORITIES)
def test_lights_are_the_standards(level: int) -> None:
    wanted = WANTED[level]
    lamp, half_ms = LIGHTS[level]
    assert lamp == wanted.lamp
    if wanted.light_millihz:
        assert round(1_000_000 / (2 * half_ms)) in wanted.light_millihz
        # On for 20 to 60 % of the time.
        found = runs(level, lamp, 20 * half_ms)
        assert sum(ms for on, ms in found if on) == 10 * half_ms
    else:
        assert runs(level, lamp, 50_000) == [(True, 50_000)]
    assert runs(level, RED + YELLOW - lamp, 20_000) == [(False, 20_000)], "and no other lamp"


def test_the_tone_has_four_harmonics() -> None:
    """Of a rectangle on for a quarter of its period, within 15 dB of the fundamental and from 300 to 4000 Hz."""
    assert 150 <= TONE_HZ <= 1000
    duty = TONE_DUTY / 65536

    def strength(n: int) -> float:
        return abs(sin(pi * n * duty)) / n

    near = [n * TONE_HZ for n in range(2, 9) if strength(n) > strength(1) * 10 ** (-15 / 20)]
    assert near == [1000, 1500, 2500, 3000]
    assert all(300 <= hz <= 4000 for hz in near)


@pytest.mark.parametrize("level", PRIORITIES)
def test_a_table_goes_round_without_a_seam(level: int) -> None:
    period_ms = sum(BURSTS[level])
    found = runs(level, SOUND, 3 * period_ms)
    assert [ms for _, ms in found] == 3 * list(BURSTS[level])
    assert [on for on, _ in found] == [True, False] * (len(found) // 2)
    assert not period_ms % (2 * LIGHTS[level][1] or 1), "light and sound begin anew together"
    assert not 40_000 % period_ms


@pytest.mark.parametrize("level", PRIORITIES)
def test_a_pause_silences_and_leaves_the_light(level: int) -> None:
    lamp, _ = LIGHTS[level]
    assert runs(level, SOUND, 20_000, silent=True) == [(False, 20_000)]
    assert runs(level, lamp, 20_000, silent=True) == runs(level, lamp, 20_000)


@given(st.sampled_from([0, *PRIORITIES]), st.booleans(), st.integers(0, DAY_MS))
def test_nothing_changes_before_it_is_said_to(level: int, silent: bool, at_ms: int) -> None:
    state = annunciation(small(level), silent, small(at_ms))
    left = state >> PIN_BITS
    assert 1 <= left <= 40_000
    now = state & PINS
    for later in {1, left // 2, left - 1} - {0, left}:
        assert pins(level, at_ms + later, silent) == now
    # But for a steady light alone, which is looked at now and then.
    half_ms = LIGHTS[level][1]
    if level and (half_ms or not silent):
        assert pins(level, at_ms + left, silent) != now
