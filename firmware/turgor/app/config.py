"""What a board watches: its channels, their sensors, filters and calibrations, and the limits of its rules.

All integers are made by the host's design code (`turgor_host.calibrate.lowpass`) and checked against it by a test.
"""

from array import array
from struct import pack_into, unpack_from

from turgor.core.bounds import LIMIT_BOUNDS, PRESSURE_BOUNDS, impedance_misfit, misfit, pressure_misfit
from turgor.core.channels import ARTERIAL, CHANNELS, IMPEDANCE, MOTION, PRESSURES, SLOW, SUPPLY, TEMPERATURE, channel_id
from turgor.core.filter_words import describe, filter_state
from turgor.core.impedance import STATE_WORDS
from turgor.core.rules import DEFAULT_LIMITS, HOW, STAGES
from turgor.mp import const

# Drivers: a chip, where parts of it differ the part, or how it is used. The letter is that of the transfer function.
NAU7802 = const(1)
MAX30009 = const(2)
ABP2_A = const(3)
ABP2_B = const(4)
HSC_A = const(5)
HSC_B = const(6)
HSC_C = const(7)
HSC_F = const(8)
ADS1220 = const(9)
MAX30009_BF = const(10)  # with the current limit of an applied part of type BF
TMP117 = const(11)
LIS3DH = const(12)
VSYS = const(13)

# What is measured, of all that measure no pressure.
_KINDS = {MAX30009: (IMPEDANCE,), MAX30009_BF: (IMPEDANCE,), TMP117: (TEMPERATURE,), LIS3DH: (MOTION,), VSYS: (SUPPLY,)}
_LAST_DRIVER = const(13)

# Address 0 is the SPI bus, whose chips have a select line of their own.
_PLACE_BOUNDS = (
    ("bus", 0, 1),
    ("address", 0, 0x77),
    ("mux_port", -1, 7),
    ("settle_samples", 0, 0xFFFF),
    ("rate_millihz", 1, 400000),
)

# Layout of an image, its parts and their sizes.
_LAYOUT = const(1)
_IMAGE_HEAD = const(3)
_CHANNEL = "<BBBBBBHI"
_CHANNEL_SIZE = const(12)
_LIMIT = "<BBHiiiii"
_LIMIT_SIZE = const(24)

# Second-order Butterworth low-pass: E, C, z and g of its one section.
LOWPASS_1_HZ_AT_80 = ((200704345, 225755626, 3, 4),)
LOWPASS_20_HZ_AT_320 = ((257307902, 228673768, 1, 2),)
# 5 uV/V/mmHg at gain 128: offset code, gain high, low, shift; milli-mmHg = (code - offset) * 1562500 / 2^24.
NOMINAL_PRESSURE = (0, 6103, 16896, 6)
# 6.62, 3.31 and 3.31 milliohm a count at 32, 64 and 64 uA, equal mixers, no offset: the words of `core.impedance`.
NOMINAL_IMPEDANCE = (222144164, 0, 0, 222144164, 0, 0) + 2 * (111072082, 0, 0, 111072082, 0, 0) + (4,)


def codes_may_repeat(driver):
    """Whether equal codes of such a sensor may be a quiet pressure: those of 14 bits."""
    return HSC_A <= driver <= HSC_F


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

    def is_slow(self):
        """Whether its readings are its sensor's codes; then it has no words."""
        return self.kind in SLOW

    def described(self):
        """Its words as the wire and an image have them."""
        return describe(self.words) if self.kind in PRESSURES else self.words


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


def _channel_misfit(channel):
    """Why a board cannot run `channel`, with the field and its limits; "" when it can."""
    place = (channel.bus, channel.address, channel.mux_port, channel.settle_samples, channel.rate_millihz)
    why = misfit(_PLACE_BOUNDS, place)
    if why:
        return why
    known = NAU7802 <= channel.driver <= _LAST_DRIVER
    if not known or channel.kind not in _KINDS.get(channel.driver, PRESSURES):
        return "driver = " + str(channel.driver) + " does not measure this"
    if channel.is_slow():
        return ""
    if channel.is_impedance():
        return impedance_misfit(channel.words)
    return pressure_misfit(channel.described())


def _pack_words(buffer, at, words):
    for word in words:
        pack_into("<i", buffer, at, word)
        at += 4
    return at


class Config:
    """Channels in order of their number, and the limits of the rules; ValueError names what a board cannot run."""

    def __init__(self, channels, limits=DEFAULT_LIMITS):
        numbers = []
        for channel in channels:
            why = _channel_misfit(channel)
            if channel.number in numbers:
                why = "is there twice"
            if why:
                raise ValueError(channel.name + ": " + why)
            numbers.append(channel.number)
        places = []
        # Rules want them in order.
        self.limits = sorted(limits)
        for limit in self.limits:
            why = misfit(LIMIT_BOUNDS, limit)
            stage = limit[1] & 3
            if limit[:2] in places:
                why = "rule = " + str(limit[0]) + ", stage = " + str(limit[1]) + " is there twice"
            if not why and (stage == STAGES or not HOW[(limit[0] * STAGES + stage) * 4]):
                why = "rule = " + str(limit[0]) + " has no stage " + str(stage)
            if not why and stage != limit[1] and (limit[0], stage) not in places:
                why = "rule = " + str(limit[0]) + ", stage = " + str(limit[1]) + " is of an age group alone"
            if why:
                raise ValueError("limits: " + why)
            places.append(limit[:2])
        self.channels = sorted(channels, key=_number)

    # The image of a configuration: layout u8, number of channels and of limits u8; then each channel (number, driver,
    # bus, address, multiplexer port + 1, words u8, settling samples u16, rate u32, words i32) and each limit.

    def pack_head(self, buffer):
        """Begin an image in `buffer`; returns where it goes on."""
        pack_into("<BBB", buffer, 0, _LAYOUT, len(self.channels), len(self.limits))
        return _IMAGE_HEAD

    def pack_channel(self, position, buffer, at):
        """Add a channel with its words as they are now; returns where it goes on."""
        channel = self.channels[position]
        words = channel.described()
        head = (channel.number, channel.driver, channel.bus, channel.address, channel.mux_port + 1, len(words))
        pack_into(_CHANNEL, buffer, at, *head, channel.settle_samples, channel.rate_millihz)
        return _pack_words(buffer, at + _CHANNEL_SIZE, words)

    def pack_limits(self, buffer, at):
        """End an image; returns its size."""
        for limit in self.limits:
            pack_into(_LIMIT, buffer, at, *limit)
            at += _LIMIT_SIZE
        return at


def unpack_config(image, size):
    """The Config of an image; ValueError says why there is none."""
    if size < _IMAGE_HEAD or image[0] != _LAYOUT:
        raise ValueError("no configuration of this layout")
    at = _IMAGE_HEAD
    channels = []
    for _ in range(image[1]):
        if at + _CHANNEL_SIZE > size:
            raise ValueError("the configuration ends early")
        number, driver, bus, address, mux_port, count, settle_samples, rate_millihz = unpack_from(_CHANNEL, image, at)
        at += _CHANNEL_SIZE
        if number >= len(CHANNELS) or at + 4 * count > size:
            raise ValueError("channel " + str(number) + " is none")
        words = [unpack_from("<i", image, at + 4 * i)[0] for i in range(count)]
        at += 4 * count
        name, kind, _ = CHANNELS[number]
        if count != (0 if kind in SLOW else STATE_WORDS if kind == IMPEDANCE else len(PRESSURE_BOUNDS)):
            raise ValueError(name + ": " + str(count) + " words")
        if kind in PRESSURES:
            why = pressure_misfit(words)
            if why:
                raise ValueError(name + ": " + why)
            median, rest = words[0], words[1:]
            sections = [rest[i : i + 4] for i in (0, 4) if rest[i]]
            words = filter_state(median, sections, rest[8:12], rest[12], rest[13], settle_samples)
        channels.append(Channel(name, driver, bus, address, mux_port - 1, rate_millihz, settle_samples, words))
    limits = []
    for _ in range(image[2]):
        if at + _LIMIT_SIZE > size:
            raise ValueError("the configuration ends early")
        limits.append(unpack_from(_LIMIT, image, at))
        at += _LIMIT_SIZE
    if at != size:
        raise ValueError("the configuration goes on behind its end")
    return Config(channels, limits)


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
