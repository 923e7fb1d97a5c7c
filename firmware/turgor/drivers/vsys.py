"""The supply of a Raspberry Pi Pico or Pico 2, VSYS, by the RP2040's own converter.

Source: Raspberry Pi Pico datasheet (2.1: GPIO 29 measures VSYS / 3; 4.4: the converter's reference is the 3.3 V supply
behind a filter). The reference and the divider are good to some 2 % together.
"""

from turgor.drivers import ABSENT, FAULT, NO_FAULT, NOTHING, SAMPLE
from turgor.mp import const

RATES_SPS = (4,)

_PERIOD_US = const(250000)
# Full scale of the reference, behind the divider by 3.
_FULL_SCALE_MV = const(9900)
# One reading has a noise of some 10 mV behind the divider.
_READINGS = const(8)


def millivolts(total):
    """The supply, rounded down, from the sum of 8 readings of 16 bits each."""
    return (total >> 3) * _FULL_SCALE_MV >> 16


class Vsys:
    """`adc` gives 16 bits a call of `read_u16`; None where the board has none there. `code` is in mV."""

    def __init__(self, adc):
        self.event = NOTHING
        self.fault = NO_FAULT
        self.code = 0
        self._read = adc and adc.read_u16

    def step(self, now):
        """One bounded action; returns the microseconds until the next is wanted."""
        read = self._read
        if not read:
            self.fault = ABSENT
            self.event = FAULT
            return 2 * _PERIOD_US
        total = 0
        for _ in range(_READINGS):
            total += read()
        self.code = millivolts(total)
        self.event = SAMPLE
        return _PERIOD_US
