"""Channels whose readings are their sensors' codes, over their whole ranges."""

from array import array

from digest import CALLS, Digest, Numbers

from turgor.core.channels import MOTION, TEMPERATURE
from turgor.core.median import ABSENT, STATE_WORDS
from turgor.core.slow import MotionChannel, SlowChannel, axis_16_milli_g, motion_median, slow_flags


def run_readings():
    numbers = Numbers(21)
    temperatures = Digest("core.slow.SlowChannel")
    motions = Digest("core.slow.MotionChannel")
    axes = Digest("core.slow.axis_16_milli_g")
    flags = Digest("core.slow.slow_flags")
    medians = Digest("core.slow.motion_median")
    skin = SlowChannel(TEMPERATURE)
    motion = MotionChannel()
    felt = array("h", (0, 0, 0))
    windows = [array("i", bytes(4 * STATE_WORDS)) for _ in range(3)]
    for _ in range(CALLS):
        if numbers.below(9):
            skin.sample(numbers.between(-256000, 255992))
        temperatures.add(skin.capture(), skin.index, skin.value, skin.flags, skin.captured)
        spread = numbers.one_of((1, 30, 900, 2048))
        for _ in range(numbers.below(4)):
            for axis in range(3):
                felt[axis] = max(-2048, min(2047, (0, 0, 1000)[axis] + numbers.between(-spread, spread)))
            motion.sample(felt)
        reading = motion.capture()
        motions.add(reading, motion.index, motion.value, motion.flags, motion.captured)
        axes.add(axis_16_milli_g(motion.value, numbers.below(3)))
        value = numbers.below(1 << 28)
        flags.add(slow_flags(MOTION, value), slow_flags(TEMPERATURE, value >> 8))
        medians.add(motion_median(windows, reading if numbers.below(5) else ABSENT))
    for digest in (temperatures, motions, axes, flags, medians):
        digest.show()


run_readings()
