"""Arterial beats: a hand case, the real recording, 300 synthetic lines with faults, damping seen and unseen, blocks."""

from array import array
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from arterial_signal import CODES_PER_MMHG, SECONDS, Variant, signal, variant
from beat_driver import beat_errors, chain, diastolic_errors, find, score
from scipy.signal import find_peaks

from turgor.core import beats
from turgor.core.beats import (
    DAMPED,
    FEW,
    FLUSHED,
    NO_BEATS,
    beat_block,
    beat_quality,
    beat_restart,
    beat_state,
    diastolic_milli_mmhg,
    is_pulse_above,
    mean_milli_mmhg,
    pulse_tenths_per_min,
    systolic_milli_mmhg,
)
from turgor.core.median import ABSENT
from turgor_host import compiled

# Interpreted, a line takes a tenth of a second.
LINES = 300 if compiled.numba else 60
SETTLE_S = 2.5


def triangle(beats_wanted: int, low=80, high=120, rise=10) -> list[int]:
    """Milli-mmHg at 100/s: each beat `rise` samples up, 40 down and flat to the end of its second."""
    up = [low + (high - low) * k / rise for k in range(1, rise + 1)]
    down = [high - (high - low) * k / 40 for k in range(1, 41)]
    return [round(1000 * value) for value in (up + down + [low] * (60 - rise)) * beats_wanted]


def feed(s: array, values: list[int]) -> int:
    return beat_block(0, len(values), s, array("i", values))


def test_by_hand() -> None:
    """Up from 80 to 120 mmHg, down again, rest: 60 a minute, mean (1020 + 3980 + 4000) / 100 = 90.

    Upstroke 1 is at 0.02 s of learning and not seen; those from 2 s on are found, eight beats are complete with the
    tenth of them (the first one's foot has no upstroke before it).
    """
    s = beat_state(100)
    assert feed(s, triangle(11)) == 8
    assert (beat_quality(s), diastolic_milli_mmhg(s)) == (FEW, ABSENT)
    assert feed(s, triangle(1)) == 1
    assert beat_quality(s) == 0
    assert (diastolic_milli_mmhg(s), systolic_milli_mmhg(s), mean_milli_mmhg(s)) == (80000, 120000, 90000)
    assert pulse_tenths_per_min(s) == 600


@pytest.fixture(scope="module")
def recording(shared_data: Path) -> np.ndarray:
    return np.loadtxt(shared_data / "arterial_041s.csv", delimiter=",", skiprows=1)


@pytest.mark.parametrize("way", ["direct", "chain"])
def test_real_recording(recording: np.ndarray, way: str) -> None:
    """The diastolic of each beat within 1 mmHg of the trough that `find_peaks` sees, and so their median.

    Directly at 125/s, and at 320/s through the board's filter. Measured: 0.00 and 0.20 mmHg at most.
    """
    t, mmhg = recording.T
    troughs, _ = find_peaks(-mmhg, prominence=15)
    peaks, _ = find_peaks(mmhg, prominence=15)
    if way == "direct":
        found = find(np.round(mmhg * 1000), 125, 25)
    else:
        fine = np.arange(0, t[-1], 1 / 320)
        found = find(chain(np.round(np.interp(fine, t, mmhg) * CODES_PER_MMHG)))
    # In the chain, the 2 s of learning end within an upstroke: neither that nor the foot after it is good.
    reported = found.beats[found.beats[:, 1] == 1]
    assert np.sum(found.upstrokes_s > 2.1) == np.sum(t[troughs] > 2.1) == 22
    assert len(reported) >= 20
    for end, _, diastolic, systolic in reported:
        # The upstroke that completes the beat came at its end; its own foot is one trough earlier.
        k = int(np.searchsorted(t[troughs], end)) - 2
        assert diastolic == pytest.approx(mmhg[troughs[k]], abs=1)
        assert systolic == pytest.approx(mmhg[peaks[peaks > troughs[k]][0]], abs=1)
    assert np.isfinite(found.diastolic[-1])
    last = reported[-1, 0]
    k = int(np.searchsorted(t[troughs], last)) - 2
    assert found.diastolic[-1] == pytest.approx(np.median(mmhg[troughs[k - 7 : k + 1]]), abs=1)
    assert found.mean[-1] == pytest.approx(mmhg[troughs[k - 7] : troughs[k + 1]].mean(), abs=1)
    assert found.pulse[-1] == pytest.approx(8 * 60 / (t[troughs[k + 1]] - t[troughs[k - 7]]), abs=1)


def test_synthetic_lines() -> None:
    """Sensitivity and predictive value of beats at least 99.5 %; no wrong diastolic, faults or not; it is there else.

    Measured over 300: 26 146 beats in good stretches, none missed and none too many. Diastolics of single beats are
    within 1.3 mmHg in 99.9 %, at the edge of a fault 4.0. What is given out is within 1.5 in 98 % of the lines and 4.4
    in all: where one beat in some is left out for its slow or small upstroke and diastolics differ from beat to beat,
    eight good beats are not the last eight.
    """
    there = missed = extra = 0
    worst = {}
    given = []
    single = []
    for seed in range(LINES):
        v = variant(seed)
        line = signal(v)
        found = find(chain(line.codes))
        s = score(line, found, SETTLE_S)
        there += s.beats
        missed += s.missed
        extra += s.extra
        # Of the last beats before the end it is not known what they would have been.
        judged = found.times_s < SECONDS - 2
        errors = np.abs(diastolic_errors(line, found)[judged])
        worst[seed] = float(np.nanmax(errors, initial=0))
        given.append(present_where_good(v, line, found))
        single.append(np.abs(beat_errors(line, found)))
    assert there > 80 * LINES
    assert 1 - missed / there >= 0.995
    assert 1 - extra / (there - missed + extra) >= 0.995
    assert max(worst.values()) <= 5, max(worst.items(), key=lambda item: item[1])
    assert np.percentile(list(worst.values()), 98) <= 2
    assert np.percentile(np.concatenate(single), 99.9) <= 1.5
    assert np.concatenate(single).max() <= 5
    assert np.mean(given) >= 0.99
    assert min(given) >= 0.9


def present_where_good(v: Variant, line, found) -> float:
    """The part of the time with a diastolic, where the line was good for 5 s and ten beats."""
    lead_s = 5 + 600 / v.rate_per_min
    bad = np.concatenate([[0], np.cumsum(~line.good)])
    ends = np.minimum((found.times_s * 320).astype(int), len(line.good))
    begins = np.maximum(ends - int(lead_s * 320), 0)
    good = (bad[begins] == bad[ends]) & (found.times_s > lead_s)
    return float(np.isfinite(found.diastolic[good]).mean()) if good.any() else 1.0


def damped(seed: int, begin_s: float, natural_hz: tuple[float, float], ratio: tuple[float, float]) -> Variant:
    random = np.random.default_rng([seed, 9])
    damping = random.uniform(*natural_hz), random.uniform(*ratio)
    return replace(variant(seed), fault="damped", fault_from_s=begin_s, fault_to_s=SECONDS + 9, damping=damping)


@pytest.mark.parametrize("begin_s", [0, 20])
def test_a_damped_line_gives_no_diastolic(begin_s: float) -> None:
    """2 to 5 Hz, ratio 1 to 1.6, from the first sample on or from 20 s on: none, once the old beats have gone."""
    for seed in range(1000, 1000 + LINES // 4):
        line = signal(damped(seed, begin_s, (2, 5), (1, 1.6)))
        found = find(chain(line.codes))
        after = found.times_s > begin_s + (6 if begin_s else 0)
        assert not np.isfinite(found.diastolic[after]).any(), seed
        assert (found.quality[found.times_s > begin_s + 15] & (DAMPED | NO_BEATS)).all(), seed


@pytest.mark.parametrize(("begin_s", "limit_mmhg"), [(0, 7.0), (20, 4.5)])
def test_damping_that_may_go_unseen_does_little(begin_s: float, limit_mmhg: float) -> None:
    """1.5 to 9 Hz, ratio 0.7 to 2.7. Measured over 400 lines: 6.5 mmHg at most when damped from the first sample on,
    4.1 when the line was good before (there its own width tells)."""
    unseen = 0
    for seed in range(4000, 4000 + LINES // 3):
        line = signal(damped(seed, begin_s, (1.5, 9), (0.7, 2.7)))
        found = find(chain(line.codes))
        judged = (found.times_s > begin_s + (6 if begin_s else 0)) & (found.times_s < SECONDS - 2)
        errors = np.abs(diastolic_errors(line, found)[judged])
        unseen += bool(np.isfinite(errors).any())
        assert np.nanmax(errors, initial=0) <= limit_mmhg, seed
    assert 0 < unseen < LINES // 3 // 4


def test_mean_and_rate_stay_when_the_line_is_damped() -> None:
    v = replace(variant(4), rhythm="regular", respiration=0, noise=0.1, pulse=50, rate_per_min=80)
    v = replace(v, fault="damped", fault_from_s=20, fault_to_s=99, damping=(3, 1))
    line = signal(v)
    found = find(chain(line.codes))
    late = (found.times_s > 30) & (found.times_s < SECONDS - 2)
    assert (found.quality[late] == DAMPED | FEW).all()
    assert np.isnan(found.systolic[late]).all()
    assert found.mean[late] == pytest.approx(np.median(line.mean), abs=1)
    assert found.pulse[late] == pytest.approx(80, abs=1)


@pytest.mark.parametrize(("fault", "level"), [("flush", 300), ("flush", 190), ("draw", 0)])
def test_a_flush_or_draw_withdraws_all_and_the_line_comes_back(fault: str, level: float) -> None:
    v = replace(variant(8), rhythm="regular", pulse=40, dbp=70, rate_per_min=75, catheter=(14, 0.25))
    line = signal(replace(v, fault=fault, level=level, fault_from_s=20, fault_to_s=28))
    found = find(chain(line.codes))
    expected = FLUSHED if level == 300 else NO_BEATS
    # 2.5 intervals after the last upstroke at the latest.
    inside = (found.times_s > 20 + 2.9) & (found.times_s < 28)
    for values in (found.diastolic, found.systolic, found.mean, found.pulse):
        assert np.isnan(values[inside]).all()
    assert (found.quality[inside] & expected).all()
    assert np.isfinite(found.diastolic[(found.times_s > 28 + 3 + 10 * 0.8) & (found.times_s < SECONDS)]).all()


@pytest.mark.parametrize("rate_hz", [100, 125, 200, 250, 400])
def test_other_rates(rate_hz: int) -> None:
    for seed in range(0, 4 * (LINES // 15), 4):
        line = signal(variant(seed))
        filtered = chain(line.codes)
        at = np.arange(0, SECONDS - 0.01, 1 / rate_hz)
        found = find(np.interp(at, np.arange(len(filtered)) / 320, filtered), rate_hz, rate_hz // 5)
        s = score(line, found, SETTLE_S)
        assert (s.missed, s.extra) == (0, 0), seed
        assert np.abs(beat_errors(line, found)).max() < 2, seed
        assert present_where_good(variant(seed), line, found) > 0.9, seed


def test_a_block_is_its_samples() -> None:
    random = Random(8)
    values = array("i", triangle(12) + [300000] * 900 + triangle(9, 60, 70) + [-5000] * 700)
    for _ in range(800):
        values.append(random.choice([1 << 28, -(1 << 28), random.randint(-(1 << 28), 1 << 28), 80000]))
    whole = beat_state(100)
    total = beat_block(0, len(values), whole, values)
    assert total > 15
    for longest in (1, 2, 50, 700):
        s = beat_state(100)
        i = found = 0
        while i < len(values):
            n = min(random.randint(0, longest), len(values) - i)
            # Some of the blocks lie at the begin of a buffer, as on the board.
            found += beat_block(0, n, s, values[i : i + n]) if n & 1 else beat_block(i, i + n, s, values)
            i += n
        assert (found, s) == (total, whole)


def test_the_lines_own_width_and_pulse_count_until_a_flush() -> None:
    """70 ms and 40 mmHg become 100 ms (the limit is 105) and 30 mmHg: damped, here; to a line just flushed, its own."""
    s = beat_state(100)
    feed(s, triangle(25, 80, 120, 7))
    assert beat_quality(s) == 0
    slow = triangle(40, 84, 114)
    feed(s, slow)
    assert beat_quality(s) == DAMPED | FEW
    # As slow, but not smaller; as small, but not slower.
    for high, rise in ((120, 10), (110, 7)):
        feed(s, triangle(12, 80, high, rise))
        assert beat_quality(s) == 0
    feed(s, slow)
    assert beat_quality(s) == DAMPED | FEW
    feed(s, [300000] * 60)
    assert beat_quality(s) & FLUSHED
    assert mean_milli_mmhg(s) == ABSENT
    feed(s, slow)
    assert beat_quality(s) == 0
    assert diastolic_milli_mmhg(s) == 84000


def test_short_holds_do_no_harm_and_long_ones_end_it() -> None:
    s = beat_state(100)
    values = triangle(13)
    for i in range(1250, len(values), 37):
        values[i] = values[i - 1]
    feed(s, values)
    assert beat_quality(s) == 0
    assert diastolic_milli_mmhg(s) == 80000
    feed(s, values[-1:] * 250)
    assert beat_quality(s) & NO_BEATS
    assert diastolic_milli_mmhg(s) == mean_milli_mmhg(s) == pulse_tenths_per_min(s) == ABSENT
    feed(s, values[-1:] * 250)
    assert beat_quality(s) == NO_BEATS | FEW


def test_a_restart_forgets_the_past() -> None:
    fresh, used = beat_state(100), beat_state(100)
    feed(used, triangle(15) + [300000] * 50)
    assert used[beats.AGE] < beats.MOST_AGE
    beat_restart(used)
    assert used[beats.RISE :] == fresh[beats.RISE :]
    feed(used, triangle(12, 40, 90))
    feed(fresh, triangle(12, 40, 90))
    assert used == fresh
    assert diastolic_milli_mmhg(used) == 40000


def test_age_counts_from_the_last_good_beat() -> None:
    s = beat_state(100)
    feed(s, triangle(13)[:-60])
    age = s[beats.AGE]
    # The last upstroke begins 40 samples before the end and is found within 10.
    assert 30 <= age <= 40
    feed(s, [80000] * 500)
    assert s[beats.AGE] == age + 500


def test_a_small_pulse_after_a_large_one_is_found_again() -> None:
    """From a pulse of 80 to one of 10 mmHg at once: the usual rise follows within some beats."""
    s = beat_state(100)
    feed(s, triangle(12, 60, 140))
    assert diastolic_milli_mmhg(s) == 60000
    feed(s, triangle(20, 60, 70))
    assert beat_quality(s) == 0
    assert systolic_milli_mmhg(s) == 70000


def paced(rate_hz: int, interval: int, high: float) -> array:
    """A line of beats `interval` samples apart, from 60 mmHg to `high`."""
    s = beat_state(rate_hz)
    up = [60 + (high - 60) * k / 10 for k in range(1, 11)]
    down = [high - (high - 60) * k / 40 for k in range(1, 41)]
    feed(s, [round(1000 * value) for value in (up + down + [60] * (interval - 50)) * 16])
    assert beat_quality(s) == 0
    assert systolic_milli_mmhg(s) == round(1000 * high)
    return s


def test_a_pulse_of_100_is_above_a_systolic_pressure_of_less() -> None:
    """100 a minute are 120 samples of 200/s, 101 are 120 of 202/s."""
    assert not is_pulse_above(paced(200, 120, 100))
    assert is_pulse_above(paced(202, 120, 100))
    assert not is_pulse_above(paced(202, 120, 101))
    # A milli-mmHg decides.
    assert is_pulse_above(paced(200, 120, 99.999))
    assert not is_pulse_above(paced(200, 120, 100.001))


def test_most_of_eight_beats_say_whether_the_pulse_is_above() -> None:
    """As the median of the systolic pressures does, but for four below and four not."""
    s = paced(200, 120, 120)
    random = Random(8)
    seen = set()
    for _ in range(2000):
        for i in range(8):
            s[beats.SYSTOLICS + i] = beats.LEVEL_0 + random.randrange(90000, 110000)
        found = is_pulse_above(s)
        below = sum(level < beats.LEVEL_0 + 100000 for level in s[beats.SYSTOLICS : beats.SYSTOLICS + 8])
        if below != 4:
            assert found == (systolic_milli_mmhg(s) < 10 * 10 * pulse_tenths_per_min(s))
        assert found == (below > 4)
        seen.add(below)
    assert {3, 4, 5} < seen


def test_without_good_beats_no_pulse_is_above() -> None:
    s = paced(202, 120, 100)
    feed(s, [80000] * 900)
    assert beat_quality(s) & NO_BEATS
    assert not is_pulse_above(s)
    assert not is_pulse_above(beat_state(320))
    s = paced(202, 120, 100)
    s[beats.TROUBLE] = DAMPED
    assert not is_pulse_above(s)


def test_the_words_lie_where_their_names_say() -> None:
    """The viper code has the numbers, the summary and its callers the names."""
    s = beat_state(320)
    assert list(s[beats.RISE : beats.RATE_HZ + 1]) == [41, 5, 58, 640, 1280, 184, 537, 320]
    assert s[beats.PHASE] == beats.FRESH
    feed(s, [81000])
    assert (s[0], s[127], s[beats.PHASE], s[beats.PLACE]) == (281000, 281000, beats.LEARNING, 1)
    s = beat_state(100)
    feed(s, triangle(13)[:-95])
    # Five samples up in the thirteenth beat: found, not judged.
    assert (s[beats.PHASE], s[beats.FOOT], s[beats.HIGH]) == (beats.RISING, 280000, 300000)
    assert (s[beats.GOOD], s[beats.KEPT], s[beats.STRIKES], s[beats.TROUBLE], s[beats.BEATS]) == (8, 8, 0, 0, 10)
    for at, value in ((beats.DIASTOLICS, 280000), (beats.SYSTOLICS, 320000), (beats.MEANS, 290000)):
        assert list(s[at : at + 8]) == [value] * 8
    assert list(s[beats.INTERVALS : beats.INTERVALS + 8]) == [100] * 8
    # The whole ramp is as steep as its steepest.
    assert s[beats.WIDTH] == 160
    assert s[beats.USUAL_RISE] == 40000
    assert s[beats.USUAL_INTERVAL] in range(792, 801)
    assert s[beats.OWN_WIDTH] == s[beats.WIDTH] << 5
    assert s[beats.OWN_PULSE] == 40000 << 5
    assert beats.STATE_WORDS == beats.SORTED + 8 == len(s)


def test_a_step_out_of_a_flat_line_is_no_beat() -> None:
    """Learning ends with sample 200 at 100/s; steps right then leave a beat of no length."""
    for step in range(190, 215):
        s = beats.beat_state(100)
        x = array("i", [80000] * step + [90000] * 40 + [100000] * 40 + [80000] * 300)
        beats.beat_block(0, len(x), s, x)
        assert beats.diastolic_milli_mmhg(s) == ABSENT


def test_feet_of_two_kinds_give_the_lower_one() -> None:
    s = beats.beat_state(320)
    s[beats.TROUBLE] = 0
    s[beats.GOOD] = 8
    for apart, expected in ((7000, 53500), (9000, 50000), (20000, 50000)):
        for first in (0, 1):
            for i in range(8):
                s[beats.DIASTOLICS + i] = beats.LEVEL_0 + 50000 + (apart if i % 2 == first else 0)
            assert beats.diastolic_milli_mmhg(s) == expected
