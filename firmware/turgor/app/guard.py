"""The watchdog's keeper: feeds it when every channel has ended an attempt; after three bites no sensor runs.

A sensor that is dead ends its attempts as well, by a fault: it never resets the board. A step that hangs does, and so
does a driver that ends nothing for 8.4 s.

Three watchdog resets within 10 minutes are three whose last two runs lasted no more together. The board's clock begins
anew with each run, so once a second two ages are kept in a word that outlives a reset but no loss of power (10 bits
each): the seconds since the watchdog reset before this run, and since the one before that; _LONG where there was none.
What passed from the last feed to the next start is counted as _BITE_S. A run that main ended (Ctrl-C, maintenance,
`machine.reset()`) or that began with power clears both: it is a person who starts over.
"""

from struct import pack_into

from turgor.core.channels import NO_CHANNEL
from turgor.core.rules import HIGH
from turgor.drivers import FAULT, SWITCHED_OFF
from turgor.link.records import HEADER_SIZE, NOTICE, SENSORS_OFF, WATCHDOG_RESET
from turgor.mp import const

_EVERY_US = const(1000000)
_WITHIN_S = const(600)
_BITE_S = const(10)
_LONG = const(1000)
_AGE_BITS = const(10)
_AGE = const(1023)
_NOTICE_BODY = const(9)


class _Off:
    """The driver of a sensor that is switched off."""

    event = FAULT
    fault = SWITCHED_OFF
    idle = False

    def step(self, now):
        return _EVERY_US

    def blind(self, duration_us):
        """Misses nothing."""

    def stop(self):
        """Is off."""


class Guard:
    """Arms the watchdog of `ports`; a job of the app's schedule once attached.

    `off_s`: 0, or the seconds within which the third watchdog reset came; then no driver runs and the alarm is on.
    """

    def __init__(self, ports):
        ages = ports.recalled
        self._since = self._before = _LONG
        self.off_s = 0
        if ports.reset_cause == WATCHDOG_RESET:
            self._since = 0
            if ages >= 0:
                self._before = (ages & _AGE) + _BITE_S
                first = (ages >> _AGE_BITS) + _BITE_S
                self.off_s = first if first <= _WITHIN_S else 0
        self._ports = ports
        ports.arm()
        self._keep(0)

    def attach(self, samplers, annunciator, log, time, due):
        self.due = due
        self._samplers = samplers
        self._time = time
        self._fed = [-1] * len(samplers)
        if self.off_s:
            off = _Off()
            for sampler in samplers:
                sampler.stop()
                sampler.drive_by(off)
            annunciator.level = annunciator.least = HIGH
            pack_into("<IBi", log.record, HEADER_SIZE, time.us, SENSORS_OFF, self.off_s)
            log.append(HEADER_SIZE + _NOTICE_BODY, NOTICE, NO_CHANNEL, time.s)

    def step(self, now):
        """Feed if no channel is still where it was at the last time; returns the microseconds until the next look."""
        for i in range(len(self._fed)):
            if self._ended(i) == self._fed[i]:
                return _EVERY_US
        for i in range(len(self._fed)):
            self._fed[i] = self._ended(i)
        self._ports.feed()
        self._keep(self._time.s)
        return _EVERY_US

    def _ended(self, i):
        """A number that grows with each attempt that a channel ended, by a result or by a fault."""
        sampler = self._samplers[i]
        return sampler.channel.index + sampler.failures

    def _keep(self, s):
        first = min(s + self._since, _LONG)
        self._ports.remember(min(s + self._before, _LONG) << _AGE_BITS | first)
