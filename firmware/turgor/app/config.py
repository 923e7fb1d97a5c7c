"""What a board watches: its channels, their sensors, filters and calibrations, and the limits of its rules.

All integers are made by the host's design code (`turgor_host.calibrate.lowpass`) and checked against it by a test.
"""

from array import array

from turgor.core.bounds import IMPEDANCE_BOUNDS, misfit, pressure_misfit
from turgor.core.channels import ARTERIAL, CHANNELS, IMPEDANCE, channel_id
from turgor.core.filter_words import describe, filter_state
from turgor.core.rules import DEFAULT_LIMITS
from turgor.mp import const

NAU7802 = const(1)
MAX30009 = const(2)

# Second-order Butterworth low-pass: E, C, z and g of its one section.
LOWPASS_1_HZ_AT_80 = ((200704345, 225755626, 3, 4),)
LOWPASS_20_HZ_AT_320 = ((257307902, 228673768, 1, 2),)
# 5 uV/V/mmHg at gain 128: offset code, gain high, low, shift; milli-mmHg = (code - offset) * 1562500 / 2^24.
NOMINAL_PRESSURE = (0, 6103, 16896, 6)
# 6.62, 3.31 and 3.31 milliohm a count at 32, 64 and 64 uA, equal mixers, no offset: the words of `core.impedance`.
NOMINAL_IMPEDANCE = (222144164, 0, 0, 222144164, 0, 0) + 2 * (111072082, 0, 0, 111072082, 0, 0) + (4,)


class Channel:
    """One channel: where its sensor is and how its codes become readings."""

    def __init__(self, name, driver, bus, address, mux_port, rate_millihz, settle_samples, words):
        self.number = channel_id(name)
        self.name = name
        self.kind = CHANNELS[self.number][1]
        self.driver = driver
        self.bus = bus
        self.address = address
        self.mux_port = mux_port
        self.rate_millihz = rate_millihz
        self.settle_samples = settle_samples
        self.words = array("i", words)

    def is_impedance(self):
        return self.kind == IMPEDANCE


# Samples from a restart until readings are valid: 2 s, of an arterial line half a second. Less than a thousandth
# of a step is left then.
_SETTLE_SAMPLES = const(160)


def pressure_channel(name, bus, mux_port):
    """A bridge transducer on a NAU7802: 80 samples/s behind the multiplexer, the arterial line 320."""
    if CHANNELS[channel_id(name)][1] == ARTERIAL:
        words = filter_state(3, LOWPASS_20_HZ_AT_320, NOMINAL_PRESSURE, 200000, 190000, _SETTLE_SAMPLES)
        return Channel(name, NAU7802, bus, 0x2A, mux_port, 320000, _SETTLE_SAMPLES, words)
    words = filter_state(3, LOWPASS_1_HZ_AT_80, NOMINAL_PRESSURE, 30000, 28000, _SETTLE_SAMPLES)
    return Channel(name, NAU7802, bus, 0x2A, mux_port, 80000, _SETTLE_SAMPLES, words)


def impedance_channel(name, bus, address):
    """Four electrodes on a MAX30009, a sweep every other second."""
    return Channel(name, MAX30009, bus, address, -1, 500, 0, NOMINAL_IMPEDANCE)


def _number(channel):
    return channel.number


class Config:
    """Channels in order of their number, and the limits of the rules; ValueError names what a board cannot run."""

    def __init__(self, channels, limits=DEFAULT_LIMITS):
        for channel in channels:
            if channel.is_impedance():
                why = misfit(IMPEDANCE_BOUNDS, channel.words)
            else:
                why = pressure_misfit(describe(channel.words))
            if why:
                raise ValueError(channel.name + ": " + why)
        self.channels = sorted(channels, key=_number)
        self.limits = limits


def default_channels():
    """Four pressures behind the multiplexer, calf and thorax impedance."""
    return [
        pressure_channel("calf_l", 0, 0),
        pressure_channel("calf_r", 0, 1),
        pressure_channel("forearm_l", 0, 2),
        pressure_channel("forearm_r", 0, 3),
        impedance_channel("calf_z", 0, 0x68),
        impedance_channel("thorax_z", 0, 0x69),
    ]


def arterial_channel():
    """The arterial line, on the second bus by itself."""
    return pressure_channel("art", 1, -1)
