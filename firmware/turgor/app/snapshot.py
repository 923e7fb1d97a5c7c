"""Snapshots in the log: states from which a host that lacks what came before can follow the board bit for bit.

They are the last slices of a tick, one record each, when 60 s have passed or somebody asked: first the state of the
rules, then that of each channel's filter in order of the configuration, each in as many parts as it needs. Their header
says the tick's second. Before the state of the rules stands the check sum of their limits (4 bytes), by which a host
knows whether it has them all. No command is taken and nothing is judged between the tick's readings record and its last
snapshot. So the state of the rules is that after the tick: commands logged before its records have acted, those behind
them act at later ticks. Samples do come in between: a filter's state is that after the sample of its `index` and after
the tick's capture, the same in all of its parts. Of the samples up to `index` some may stand in blocks behind the
snapshot; all later ones do.

A boot's log holds the state of the rules from which it starts (restored, or empty) before its first tick, at second 0;
filters start at rest.

In the default configuration they add 1977 bytes a minute without an alarm and 3387 with all of them: 33 to 57 B/s.
"""

from array import array
from struct import pack_into

from turgor.app.log import copy
from turgor.core.channels import NO_CHANNEL
from turgor.core.judge_state import FIRST_SIZE, last_part, pack_part, part_size
from turgor.core.packed import WORD_SIZE, put_words
from turgor.link.records import FILTER_STATE, HEADER_SIZE, RECORD_LIMIT, RULE_STATE
from turgor.mp import const

_EVERY_S = const(60)
_FILTER_BODY = const(6)
_FILTER_MOST = RECORD_LIMIT - HEADER_SIZE - _FILTER_BODY
_RULE_BODY = const(2)
_RULE_MOST = RECORD_LIMIT - HEADER_SIZE - _RULE_BODY
# Less than a record of the rules' state and its largest part behind it; or the largest filter's state.
BUFFER = const(576)


class Snapshots:
    """The states of `judge` and of the `samplers`' channels, to `log`."""

    def __init__(self, judge, samplers, log):
        self._judge = judge
        self._samplers = samplers
        self._log = log
        self._limits_sum = array("i", [judge.alarms.limits_sum])
        # What is packed and not logged yet.
        self._buffer = bytearray(BUFFER)
        self._size = 0
        self._wanted = self._is_due = False
        self._keep = None
        self._second = 0
        # What is under way: the rules (-1), else a position; the part of the rules' state that is packed next, below 0
        # that which is measured.
        self._position = 0
        self._packing = 0
        self._whole = 0
        # Records of this state, and how many of them are logged.
        self._parts = 0
        self._part = 0
        self._index = 0

    def request(self):
        """Have all states logged at the end of the next tick, or of this one."""
        self._wanted = True

    def log_start(self):
        """Log from which state the rules start, at boot."""
        self._wanted = True
        self.begin(0, None)
        while self._position < 0:
            self.step()

    def begin(self, second, keep):
        """At the end of the tick of `second`: whether the rules' state has to be packed, for snapshots that are due or
        for `keep` (None: not now); then `step` does it all."""
        self._is_due = self._wanted or second % _EVERY_S == 0
        if not self._is_due and not keep:
            return False
        self._wanted = False
        self._second = second
        self._keep = keep
        self._position = -1
        self._packing = -1 - len(self._judge.channels)
        self._whole = WORD_SIZE + FIRST_SIZE
        return True

    def step(self):
        """Measure or pack a part of the rules' state, or let one record of a state go; False when it was the last."""
        if self._position >= 0:
            return self._log_filter()
        if self._packing < 0:
            self._whole += part_size(self._judge, self._packing + 1 + len(self._judge.channels))
            self._packing += 1
            return True
        if self._packing <= last_part(self._judge) and self._size < _RULE_MOST:
            self._pack_part()
            return True
        n = min(_RULE_MOST, self._size)
        if self._keep:
            # Not the limits' check sum.
            at = 0 if self._part else WORD_SIZE
            self._keep.take_state(self._buffer, at, n - at)
        if self._is_due:
            pack_into("<BB", self._log.record, HEADER_SIZE, self._part, self._parts)
            self._log_record(n, _RULE_BODY, RULE_STATE, NO_CHANNEL)
        self._let_go(n)
        if self._part < self._parts:
            return True
        if self._keep:
            self._keep.save_state()
        self._position = 0
        return self._is_due and len(self._samplers) > 0

    def _pack_part(self):
        part = self._packing
        self._packing = part + 1
        if part == 0:
            self._start(self._whole, _RULE_MOST)
            self._size = put_words(self._limits_sum, 0, 1, self._buffer, 0)
        self._size = pack_part(self._judge, part, self._buffer, self._size)

    def _log_filter(self):
        sampler = self._samplers[self._position]
        if not self._size:
            self._index = sampler.channel.index
            self._size = sampler.channel.pack_state(self._buffer, 0)
            self._start(self._size, _FILTER_MOST)
        n = min(_FILTER_MOST, self._size)
        pack_into("<IBB", self._log.record, HEADER_SIZE, self._index, self._part, self._parts)
        self._log_record(n, _FILTER_BODY, FILTER_STATE, sampler.number)
        self._let_go(n)
        if self._part == self._parts:
            self._position += 1
        return self._position < len(self._samplers)

    def _start(self, size, most):
        self._part = 0
        self._parts = (size + most - 1) // most

    def _log_record(self, n, body, kind, number):
        copy(self._buffer, 0, n, self._log.record, HEADER_SIZE + body)
        self._log.append(HEADER_SIZE + body + n, kind, number, self._second)

    def _let_go(self, n):
        self._part += 1
        self._size -= n
        copy(self._buffer, n, self._size, self._buffer, 0)
