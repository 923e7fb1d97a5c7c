"""The patient current: its limit, and the current that a MAX30009 may drive at a frequency.

The limit is that of IEC 60601-1 for a part in normal condition, type CF unless type BF is chosen explicitly, less 20 %:
0.8 x min(base x max(1, f / 1 kHz), 10 mA) with 10 uA (CF) or 100 uA (BF) for the base. The chip's own lock-out allows
several times that. It holds for all chips on a body together; so they take turns (`Body`), each within it.
"""

from turgor.mp import const

_BASE_CF_UA = const(10)
_BASE_BF_UA = const(100)
_CEILING_NA = const(10000000)
_FLAT_HZ = const(1000)

# Drive current in nA rms by step 4 x BIOZ_IDRV_RGE + BIOZ_VDRV_MAG, datasheet table 5. The chip's four higher steps are
# not used.
CURRENTS_NA = (16, 32, 80, 160, 320, 640, 1600, 3200, 6400, 12800, 32000, 64000)


def limit_na(frequency_hz, type_bf=False):
    """Highest drive current allowed at `frequency_hz`, nA rms."""
    base_ua = _BASE_BF_UA if type_bf else _BASE_CF_UA
    # One uA a kHz is one nA a Hz.
    return min(base_ua * max(frequency_hz, _FLAT_HZ), _CEILING_NA) * 8 // 10


def current_step(frequency_hz, type_bf=False):
    """The step of CURRENTS_NA to drive at `frequency_hz`: the highest at or below the limit."""
    limit = limit_na(frequency_hz, type_bf)
    step = len(CURRENTS_NA) - 1
    while CURRENTS_NA[step] > limit:
        step -= 1
    return step


class Body:
    """What the chips on one body share: `driver`, the one that may drive, None when no one does, and `frequencies`, the
    writes prepared last by what they are for."""

    def __init__(self, driver=None):
        self.driver = driver
        self.frequencies = {}
