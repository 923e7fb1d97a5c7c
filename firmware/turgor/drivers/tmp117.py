"""TMP117, skin thermometer, I2C 0x48 to 0x4B. Source: TI datasheet SNOSD82D (September 2022).

It converts by itself once a second and keeps one result. Reading the configuration, where the data-ready flag is,
clears that flag: the driver remembers what it saw. Power-on defaults come from an EEPROM that anybody may have changed,
the offset added to every result among them, so everything that matters is written and read back.
"""

from turgor.drivers import ABSENT, FAULT, NEVER_READY, NO_FAULT, NOTHING, READBACK, RESTARTED, SAMPLE, WRONG_ID
from turgor.mp import const

ADDRESSES = (0x48, 0x49, 0x4A, 0x4B)
PERIOD_US = const(1000000)

_RESULT = const(0x00)
_CONFIGURATION = const(0x01)
_OFFSET = const(0x07)
_DEVICE_ID = const(0x0F)

_ID = const(0x0117)
_DATA_READY = const(0x2000)
_EEPROM_BUSY = const(0x1000)
_SOFT_RESET = const(0x02)
# Continuous, a cycle of 1 s with 8 conversions averaged as at power-on; but the ALERT pin shows data-ready, which it
# does not at power-on: a chip that lost its supply is told by that bit.
_SETTINGS = const(0x0224)
_SETTINGS_MASK = const(0x0FFC)
_NO_RESULT = const(0x8000)  # until the first conversion has ended

_RESET_US = const(3000)  # the reset takes 2 ms
_BUSY_US = const(2000)
_BUSY_TRIES = const(20)  # programming the EEPROM takes 7 ms
_QUIET_US = const(800000)  # conversion time is 13 to 17.5 ms for 15.5: a cycle is 0.84 to 1.13 s
_POLL_US = const(20000)
_PATIENCE_US = const(1500000)
_FLUSHED = const(1)  # it may have begun before the offset was written
_RESTART_US = const(500000)

_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)

# States: each is one bus action.
_IDENTIFY = const(0)
_RESET = const(1)
_WAIT_EEPROM = const(2)
_ADJUST = const(3)
_CONFIGURE = const(4)
_CHECK = const(5)
_POLL = const(6)
_READ = const(7)
_CONFIRM = const(8)


def milli_degc(code):
    """The temperature of `code` (16 bit, signed; 7.8125 milli-degC each), rounded to nearest, halves upwards."""
    return (code * 125 + 8) >> 4


class Tmp117:
    """One thermometer, a sample a second.

    After SAMPLE: `code` (see `milli_degc`), `tick` (its conversion seen ended, late by up to 20 ms), `missed`
    (conversions that passed unread before it; by the time between ticks, so it can be one off). RESTARTED says that the
    samples that follow are a new run. After FAULT: `fault`; the driver starts over 500 ms later.
    """

    def __init__(self, bus, address=0x48):
        if address not in ADDRESSES:
            raise ValueError("TMP117 address 0x{:02X}: 0x48 to 0x4B".format(address))
        self.event = NOTHING
        self.fault = NO_FAULT
        self.code = 0
        self.tick = 0
        self.missed = 0
        self._bus = bus
        self._address = address
        self._word = bytearray(2)
        self._state = _IDENTIFY
        self._tries = 0
        self._flush = 0
        self._seen = 0
        self._read_code = 0
        self._reset_write = bytes((_CONFIGURATION, 0, _SOFT_RESET))
        self._offset_write = bytes((_OFFSET, 0, 0))
        self._settings_write = bytes((_CONFIGURATION, _SETTINGS >> 8, _SETTINGS & 0xFF))

    def step(self, now):
        """One bounded action; returns the microseconds until the next is wanted."""
        self.event = NOTHING
        try:
            return self._start_up(now) if self._state < _POLL else self._run(now)
        except OSError:
            return self._fail(ABSENT)

    def _start_up(self, now):
        state = self._state
        if state == _IDENTIFY:
            if self._register(_DEVICE_ID) != _ID:
                return self._fail(WRONG_ID)
        elif state == _RESET:
            self._bus.writeto(self._address, self._reset_write)
            self._tries = 0
            self._state = _WAIT_EEPROM
            return _RESET_US
        elif state == _WAIT_EEPROM:
            if self._register(_CONFIGURATION) & _EEPROM_BUSY:
                self._tries += 1
                return self._fail(NEVER_READY) if self._tries >= _BUSY_TRIES else _BUSY_US
        elif state == _ADJUST:
            self._bus.writeto(self._address, self._offset_write)
        elif state == _CONFIGURE:
            self._bus.writeto(self._address, self._settings_write)
            self.tick = now
            self._flush = _FLUSHED
        elif self._register(_OFFSET):
            return self._fail(READBACK)
        self._state = state + 1
        return 0

    def _run(self, now):
        state = self._state
        if state == _READ:
            self._read_code = self._register(_RESULT)
            # A data line that is held low reads as 0 degC: believed only when the settings still read as written.
            self._state = _CONFIRM
            return 0
        settings = self._register(_CONFIGURATION)
        if settings & _SETTINGS_MASK != _SETTINGS:
            return self._fail(READBACK)
        if settings & _DATA_READY:
            # Seen in _CONFIRM, it is of a conversion that ended meanwhile; or it is stuck.
            if state == _CONFIRM and self._is_late(now):
                return self._fail(NEVER_READY)
            self._seen = now
            self._state = _READ
            return 0 if state == _POLL else _POLL_US
        if state == _CONFIRM:
            return self._take()
        return self._fail(NEVER_READY) if self._is_late(now) else _POLL_US

    def _take(self):
        if self._read_code == _NO_RESULT:
            return self._fail(NEVER_READY)
        elapsed = (self._seen - self.tick) & _MASK
        self.tick = self._seen
        self._state = _POLL
        if self._flush:
            self._flush -= 1
            self.fault = NO_FAULT
            self.event = RESTARTED
        else:
            self.code = (self._read_code ^ 0x8000) - 0x8000
            periods = (elapsed + PERIOD_US // 2) // PERIOD_US
            self.missed = periods - 1 if periods > 1 else 0
            self.event = SAMPLE
        return _QUIET_US

    def _is_late(self, now):
        return (((now - self.tick) & _MASK) ^ _HALF) - _HALF > _PATIENCE_US

    def _register(self, register):
        word = self._word
        self._bus.readfrom_mem_into(self._address, register, word)
        return word[0] << 8 | word[1]

    def _fail(self, fault):
        self.fault = fault
        self.event = FAULT
        self._state = _IDENTIFY
        return _RESTART_US
