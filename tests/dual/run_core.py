"""Every routine of the core over pseudo-random and extreme input."""

from array import array

from digest import CALLS, Digest, Numbers

from turgor.app.config import LOWPASS_1_HZ_AT_80, LOWPASS_20_HZ_AT_320
from turgor.core.annunciation import annunciation
from turgor.core.bounds import (
    CALIBRATION_BOUNDS,
    OFFSET_LIMIT_CODE,
    PRESSURE_BOUNDS,
    impedance_bound,
    impedance_misfit,
    misfit,
    pressure_misfit,
)
from turgor.core.channel import FilteredChannel, ImpedanceChannel, PressureChannel, pressure_channel
from turgor.core.channels import ARTERIAL, CHANNEL_NAMES, PRESSURE, channel_id
from turgor.core.filter_words import describe, filter_state, milli_mmhg, set_calibration
from turgor.core.median import ABSENT, STATE_WORDS, is_filled, median, median_push
from turgor.core.noise import is_noise_state, noise_state
from turgor.core.ticks import TICKS_MASK, BoardTime, ticks_diff

FULL = 1 << 23
READING = 1 << 28


def run_calibration():
    numbers = Numbers(2)
    states = Digest("core.filter_words.set_calibration")
    told = Digest("core.filter_words.describe")
    raw = Digest("core.filter_words.milli_mmhg")
    words = filter_state(3, LOWPASS_20_HZ_AT_320, (0, 6103, 16896, 6), 30000, 28000, 160)
    for _ in range(CALLS):
        offset = numbers.between(-OFFSET_LIMIT_CODE, OFFSET_LIMIT_CODE)
        set_calibration(words, offset, numbers.between(-8192, 8191), numbers.below(32768), 1 + numbers.below(13))
        states.add(bytes(words))
        told.add(*describe(words))
        raw.add(milli_mmhg(words, numbers.between(-FULL, FULL - 1)))
    for digest in (states, told, raw):
        digest.show()


def run_bounds():
    numbers = Numbers(9)
    said = Digest("core.bounds.misfit")
    whole = Digest("core.bounds.pressure_misfit")
    bound = Digest("core.bounds.impedance_bound")
    impedance = Digest("core.bounds.impedance_misfit")
    values = [3] + [row[1] for row in PRESSURE_BOUNDS[1:]]
    for call in range(CALLS):
        _, least, most = PRESSURE_BOUNDS[call % len(PRESSURE_BOUNDS)]
        # Most fields within their bounds, so that the last ones are looked at too.
        values[call % len(PRESSURE_BOUNDS)] = numbers.between(least, most) + (not numbers.below(40))
        whole.add(pressure_misfit(values))
        said.add(misfit(CALIBRATION_BOUNDS, values[9:13]))
        at = numbers.below(19)
        name, least, most = impedance_bound(at)
        bound.add(name, least, most)
        impedance.add(impedance_misfit((numbers.between(least, most) + (not numbers.below(40)),), at))
    said.show()
    bound.show()
    impedance.show()
    whole.show()


def run_median():
    numbers = Numbers(3)
    pushes = Digest("core.median.median_push")
    medians = Digest("core.median.median")
    filled = Digest("core.median.is_filled")
    for absent_of_16 in (0, 2, 8, 14):
        words = array("i", bytes(4 * STATE_WORDS))
        for _ in range(CALLS // 4):
            value = ABSENT if numbers.below(16) < absent_of_16 else numbers.between(-READING, READING)
            pushes.add(median_push(words, value))
            medians.add(median(words))
            filled.add(is_filled(words))
        pushes.add(*words)
    pushes.show()
    medians.show()
    filled.show()


def run_ticks():
    numbers = Numbers(5)
    differences = Digest("core.ticks.ticks_diff")
    times = Digest("core.ticks.BoardTime")
    tick = TICKS_MASK + 1 - 5000000
    time = BoardTime(tick)
    for _ in range(CALLS):
        passed = numbers.one_of((1, 999, 1000000, numbers.below(8000000)))
        tick = (tick + passed) & TICKS_MASK
        time.advance(tick)
        other = numbers.between(0, TICKS_MASK)
        at = time.tick_at(numbers.between(-8000000, 8000000))
        times.add(time.s, time.us, at, time.offset_us(at))
        differences.add(ticks_diff(tick, other), ticks_diff(other, tick))
    differences.show()
    times.show()


def run_channels():
    ids = Digest("core.channels.channel_id")
    for name in CHANNEL_NAMES + ("", "thigh"):
        try:
            ids.add(channel_id(name))
        except ValueError as error:
            ids.add(str(error))
    ids.show()


def run_channel():
    numbers = Numbers(6)
    pressures = Digest("core.channel.PressureChannel")
    shared = Digest("core.channel.FilteredChannel")
    channel = PressureChannel(filter_state(3, LOWPASS_1_HZ_AT_80, (0, 4096, 0, 2), 30000, 28000, 160))
    for _ in range(CALLS):
        fate = numbers.below(400)
        if fate == 0:
            channel.restart()
        elif fate < 8:
            channel.hold(numbers.below(45))
        else:
            channel.sample(25000 + numbers.below(10000) if fate < 398 else FULL - 1)
        if not numbers.below(80):
            pressures.add(channel.capture())
        pressures.add(channel.index, channel.value, channel.flags, channel.latest)
        if isinstance(channel, FilteredChannel):
            shared.add(channel.captured, channel.code)
    pressures.show()
    shared.show()

    arterials = Digest("core.arterial.ArterialChannel")
    made = Digest("core.channel.pressure_channel")
    channel = pressure_channel(
        ARTERIAL, filter_state(3, LOWPASS_20_HZ_AT_320, (0, 4096, 0, 2), 200000, 190000, 160), 320
    )
    for call in range(CALLS):
        # A pulse of 75/min, restarts and held codes.
        level = 120000 - 160 * (call % 256) if call % 256 > 30 else 80000 + 1300 * (call % 256)
        fate = numbers.below(4000)
        if fate == 0:
            channel.restart()
        elif fate < 3:
            channel.hold(numbers.below(45))
        else:
            channel.sample(level + numbers.below(500))
        if call % 320 == 0:
            arterials.add(channel.capture(), channel.diastolic)
        arterials.add(channel.index, channel.value, channel.flags, channel.latest)
    arterials.show()
    for kind in (PRESSURE, ARTERIAL):
        made.add(type(pressure_channel(kind, channel.words, 320)).__name__)
    made.show()

    states = Digest("core.noise.is_noise_state")
    state = noise_state(2)
    for _ in range(2000):
        for word in range(7):
            state[word] = numbers.below(40)
        state[numbers.below(7)] = numbers.below(1 << 29) - (1 << 28)
        states.add(1 if is_noise_state(state) else 0)
    states.show()

    sweeps = Digest("core.channel.ImpedanceChannel")
    lowest = (222144131, -7654321, 7654321, 222144131, 123, -4567)
    sweep = ImpedanceChannel(array("i", lowest + 2 * (111072082, 0, 0, 111072082, 0, 0) + (4,)))
    limit = (1 << 19) - 1
    for _ in range(CALLS):
        if numbers.below(3):
            count = numbers.below(17)
            sums = [count * numbers.between(-limit, limit) for _ in range(2)]
            extremes = [numbers.between(-limit, limit) if not numbers.below(9) else 0 for _ in range(4)]
            sweep.result(numbers.below(3), count, not numbers.below(5), *sums, *extremes)
        sweeps.add(sweep.capture(), sweep.index, sweep.value, sweep.flags)
    sweeps.show()


def run_annunciation():
    numbers = Numbers(12)
    digest = Digest("core.annunciation.annunciation")
    for _ in range(CALLS):
        # As many milliseconds as two ticks may lie apart.
        digest.add(annunciation(numbers.below(4), numbers.below(3) == 0, numbers.below(536870)))
    digest.show()


run_annunciation()
run_calibration()
run_bounds()
run_median()
run_ticks()
run_channels()
run_channel()
