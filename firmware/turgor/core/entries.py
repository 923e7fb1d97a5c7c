"""What is told about a patient beside the sensors, as numbers: the kinds of entries that rules look at, the states of a
channel, and the bits of an admission. All kinds of entries, with their units, are the host's (`turgor_host.entries`).
"""

from turgor.mp import const

# Of a pressure: set to the present code, its transducer moved, flushed, blood drawn through it, catheter handled.
ZERO = const(0)
LEVEL = const(1)
FLUSH = const(2)
BLOOD_DRAW = const(3)
CATHETER = const(4)
# Of an impedance: electrodes moved or replaced.
ELECTRODES = const(5)
# Of a limb, or of the whole patient.
POSITION = const(6)
LIMB_CHECK = const(7)
DRESSING = const(8)
# Of the patient.
DIURETIC = const(9)
# A board takes what a later host calls a kind, up to here.
LAST_ENTRY = const(63)

ACTIVE = const(0)
# Returns by itself.
STANDBY = const(1)
FASCIOTOMY = const(2)
REMOVED = const(3)

# Of an admission: a local cause, not a systemic one; attached late, the leak has begun; and the age group, two bits.
LOCAL = const(1)
LATE = const(2)
AGE_AT = const(2)
ADULT = const(0)
# 10 to 15 years old, and younger.
UNDER_16 = const(1)
UNDER_10 = const(2)
