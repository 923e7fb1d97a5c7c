"""The channels: one row each, the same numbers on the board, on the wire and in the recording.

PRESSURE, ARTERIAL and CUFF readings are milli-mmHg, IMPEDANCE readings milliohm at the lowest frequency, TEMPERATURE
readings milli-degC, SUPPLY readings mV, those of MOTION as `core.slow` packs them. `limb` groups channels of one limb
segment (NO_LIMB for all others); a limb's pressure belongs to its impedance. A cuff's pressure is judged by no rule of
a compartment.
"""

from turgor.mp import const

PRESSURE = const(1)
IMPEDANCE = const(2)
ARTERIAL = const(3)
CUFF = const(4)
TEMPERATURE = const(5)
MOTION = const(6)
SUPPLY = const(7)
# Those that are sampled and filtered.
PRESSURES = (PRESSURE, ARTERIAL, CUFF)
# Those of `core.slow`: their readings are their sensors' own codes.
SLOW = (TEMPERATURE, MOTION, SUPPLY)

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
    ("cuff", CUFF, NO_LIMB),
    ("skin", TEMPERATURE, NO_LIMB),
    ("motion", MOTION, NO_LIMB),
    ("calf_r_z", IMPEDANCE, 1),
    ("forearm_z", IMPEDANCE, 2),
    ("supply", SUPPLY, NO_LIMB),
)

CHANNEL_NAMES = tuple(row[0] for row in CHANNELS)


def channel_id(name):
    """Index of the channel called `name`; ValueError names the channels there are."""
    for number, row in enumerate(CHANNELS):
        if row[0] == name:
            return number
    raise ValueError("no channel " + repr(name) + "; channels: " + " ".join(CHANNEL_NAMES))
