"""What digital pressure sensors share: read once a period, counts judged by the chip's status, range and temperature.

A sensor's counts are a part of its full scale. `code` is that part less a half, in 2^22nds, so that one calibration's
offset reaches either end; beyond the ends of its range the code is the 24-bit limit, which is judged as saturated.
"""

from turgor.drivers import ABSENT, FAULT, NO_FAULT, NOTHING, RESTARTED, SAMPLE, TEMPERATURE
from turgor.mp import const

RATES_SPS = (10, 20, 40, 80)
RETRY_US = const(1000)
TRIES = const(20)
_RESTART_US = const(500000)
_LOW_LIMIT = const(-0x800000)
_HIGH_LIMIT = const(0x7FFFFF)
# Beyond its range by more than this part of it, which exceeds a part's errors, a pressure is no measurement any more.
_OVERRANGE = const(20)
_MASK = const(0x3FFFFFFF)


class Digital:
    """One sensor at `rate_sps` (10, 20, 40 or 80), whose range lies between two `ends`, in counts of `bits`.

    A chip's driver gives `_act(now)`, one bus action. After SAMPLE: `code`, `tick` (when it was measured, to a few ms),
    `missed` (readings that were due before it and never made). RESTARTED says that the samples that follow are a new
    run. After FAULT: `fault`; the driver starts over 500 ms later.
    """

    def __init__(self, bus, rate_sps, address, size, bits, ends):
        if rate_sps not in RATES_SPS:
            raise ValueError("rate {}: 10, 20, 40 or 80".format(rate_sps))
        self.event = NOTHING
        self.fault = NO_FAULT
        self.code = 0
        self.tick = 0
        self.missed = 0
        self._bus = bus
        self._address = address
        self._answer = bytearray(size)
        self._zeros = bytes(size)
        self._ones = b"\xff" * size
        low, high = ends
        margin = (high - low) // _OVERRANGE
        # The last count at either end never is a measurement.
        self._least = max(low - margin, 1)
        self._most = min(high + margin, (1 << bits) - 2)
        self._bits = bits
        self._period_us = 1000000 // rate_sps
        self._running = False
        # When the newest reading was due.
        self._planned = 0
        self._passed = 0
        self._tries = 0

    def period_us(self):
        return self._period_us

    def blind(self, duration_us):
        """Interrupts were off; what was not read meanwhile is counted by the time that passed."""

    def step(self, now):
        """One bounded action; returns the microseconds until the next is wanted."""
        self.event = NOTHING
        try:
            return self._act(now)
        except OSError:
            return self._fail(ABSENT)

    def _act(self, now):
        """One bus action: each chip's own."""
        raise NotImplementedError  # MicroPython has no abstract methods

    def _early(self, now):
        """Microseconds until the next reading is due, 0 where that is now; it is planned then."""
        if not self._running:
            self._planned = now
            return 0
        late_us = ((now - self._planned) & _MASK) - self._period_us
        if late_us < 0:
            return -late_us
        self._passed += late_us // self._period_us
        self._planned = (now - late_us % self._period_us) & _MASK
        return 0

    def _is_dead(self):
        """Whether all bits of the answer are alike: a line that is held."""
        return self._answer == self._zeros or self._answer == self._ones

    def _take(self, now, tick, counts, is_warm):
        """A measurement; `is_warm`: within the temperatures that the part is made for."""
        self._tries = 0
        if not is_warm:
            return self._fail(TEMPERATURE)
        if counts < self._least:
            self.code = _LOW_LIMIT
        elif counts > self._most:
            self.code = _HIGH_LIMIT
        elif self._bits > 22:
            self.code = (counts >> (self._bits - 22)) - 0x200000
        else:
            self.code = (counts << (22 - self._bits)) - 0x200000
        if self._running:
            self.tick = tick
            self.missed = self._passed
            self.event = SAMPLE
        else:
            # The first one shows that it works and opens the run.
            self._running = True
            self.fault = NO_FAULT
            self.event = RESTARTED
        self._passed = 0
        wait_us = self._period_us - ((now - self._planned) & _MASK)
        return wait_us if wait_us > 0 else 0

    def _again(self, fault):
        """Nothing new yet: ask again, but not for ever."""
        self._tries += 1
        return self._fail(fault) if self._tries >= TRIES else RETRY_US

    def _fail(self, fault):
        self.fault = fault
        self.event = FAULT
        self._running = False
        self._passed = 0
        self._tries = 0
        return _RESTART_US
