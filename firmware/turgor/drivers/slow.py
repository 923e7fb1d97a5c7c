"""What register chips share that convert by themselves and keep one result: looked at until a new one is there.

A result is read between two looks at the settings, and believed only when both find them as written: a chip that lost
them, or a data line that is held, gives no number.
"""

from turgor.drivers import ABSENT, FAULT, NEVER_READY, NO_FAULT, NOTHING, READBACK, SAMPLE, WRONG_ID
from turgor.mp import const

# After each write; the longest wait of any chip is for 5 ms.
_WRITTEN_US = const(10000)
_RESTART_US = const(500000)
_MASK = const(0x3FFFFFFF)

# States behind the start-up.
_POLL = const(99)
_READ = const(100)
_CONFIRM = const(101)


class Slow:
    """One sensor; a chip gives the constants and `_decode(result)`, which sets `code` and returns a fault or NO_FAULT.

    After SAMPLE: `code`. After FAULT: `fault`; the driver starts over 500 ms later.
    """

    # The start-up, identity first: writes as bytes, registers and what they must read as pairs.
    _start = ()
    # Register from which settings are read, which bits of them count and what these are; byte and bit of data-ready.
    _settings_at = 0
    _mask = b""
    _settings = b""
    _ready = (0, 0)
    # Register and size of the result; results to drop after a start.
    _result_at = 0
    _result_size = 0
    _flushed = 0
    # From a result until the next is looked for, between two looks, and until it is missed.
    _quiet_us = 0
    _poll_us = 0
    _patience_us = 0

    def __init__(self, bus, address):
        self.event = NOTHING
        self.fault = NO_FAULT
        self.code = 0
        self._bus = bus
        self._address = address
        self._block = bytearray(len(self._mask))
        self._result = bytearray(self._result_size)
        self._state = 0
        self._flush = 0
        # When the last result was taken.
        self._since = 0

    def step(self, now):
        """One bounded action; returns the microseconds until the next is wanted."""
        self.event = NOTHING
        try:
            return self._start_up(now) if self._state < _POLL else self._run(now)
        except OSError:
            return self._fail(ABSENT)

    def _start_up(self, now):
        part = self._start[self._state]
        self._state += 1
        if isinstance(part, bytes):
            self._bus.writeto(self._address, part)
        else:
            found = bytearray(len(part[1]))
            self._bus.readfrom_mem_into(self._address, part[0], found)
            if found != part[1]:
                return self._fail(WRONG_ID if self._state == 1 else READBACK)
        if self._state == len(self._start):
            self._state = _POLL
            self._since = now
            self._flush = self._flushed
        return _WRITTEN_US

    def _run(self, now):
        state = self._state
        if state == _READ:
            self._bus.readfrom_mem_into(self._address, self._result_at, self._result)
            self._state = _CONFIRM
            return 0
        block = self._block
        self._bus.readfrom_mem_into(self._address, self._settings_at, block)
        for i in range(len(block)):
            if block[i] & self._mask[i] != self._settings[i]:
                return self._fail(READBACK)
        at, bit = self._ready
        is_ready = block[at] & bit
        if state == _CONFIRM and not is_ready:
            return self._take(now)
        if (now - self._since) & _MASK > self._patience_us and not (is_ready and state == _POLL):
            return self._fail(NEVER_READY)
        if is_ready:
            # Behind a read it is of a result that came meanwhile, or stuck.
            self._state = _READ
            return 0 if state == _POLL else self._poll_us
        return self._poll_us

    def _take(self, now):
        self._since = now
        self._state = _POLL
        if self._flush:
            self._flush -= 1
            return self._quiet_us
        fault = self._decode(self._result)
        if fault:
            return self._fail(fault)
        self.fault = NO_FAULT
        self.event = SAMPLE
        return self._quiet_us

    def _decode(self, result):
        """Each chip's own."""
        raise NotImplementedError  # MicroPython has no abstract methods

    def _fail(self, fault):
        self.fault = fault
        self.event = FAULT
        self._state = 0
        return _RESTART_US
