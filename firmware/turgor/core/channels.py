"""The channels: one row each, the same numbers on the board, on the wire and in the recording.

PRESSURE readings are milli-mmHg, IMPEDANCE readings milliohm at the lowest frequency. `limb` groups channels of one
limb segment (NO_LIMB for the thorax and the arterial line); a limb's pressure belongs to its impedance.
"""

from turgor.mp import const

PRESSURE = const(1)
IMPEDANCE = const(2)
ARTERIAL = const(3)

NO_CHANNEL = const(255)
NO_LIMB = const(255)

# name, kind, limb
CHANNELS = (
    ("calf_l", PRESSURE, 0),
    ("calf_r", PRESSURE, 1),
    ("forearm_l", PRESSURE, 2),
    ("forearm_r", PRESSURE, 3),
    ("calf_z", IMPEDANCE, 0),
    ("thorax_z", IMPEDANCE, NO_LIMB),
    ("art", ARTERIAL, NO_LIMB),
)

CHANNEL_NAMES = tuple(row[0] for row in CHANNELS)


def channel_id(name):
    """Index of the channel called `name`; ValueError names the channels there are."""
    for number, row in enumerate(CHANNELS):
        if row[0] == name:
            return number
    raise ValueError("no channel " + repr(name) + "; channels: " + " ".join(CHANNEL_NAMES))


def unit_of(kind):
    return "milliohm" if kind == IMPEDANCE else "milli_mmhg"
