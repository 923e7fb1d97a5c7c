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
from turgor.core.judge_state import last_part, pack_part
from turgor.core.packed import WORD_SIZE, put_words
from turgor.link.records import FILTER_STATE, HEADER_SIZE, RECORD_LIMIT, RULE_STATE
from turgor.mp import const

_EVERY_S = const(60)
_FILTER_BODY = const(6)
_RULE_BODY = const(2)
# The largest state there is: that of the rules of ten channels, all of whose alarms stand.
STATE_BYTES = const(2900)


class Snapshots:
    """The states of `judge` and of the `samplers`' channels, to `log`."""

    def __init__(self, judge, samplers, log):
        self._judge = judge
        self._samplers = samplers
        self._log = log
        self._state = bytearray(STATE_BYTES)
        put_words(array("i", [judge.alarms.limits_sum]), 0, 1, self._state, 0)
        self._limits_sum = self._state[:WORD_SIZE]
        self._wanted = self._is_due = False
        self._keep = None
        # The next part of the rules' state, -1 when there is none to pack.
        self._packing = -1
        self._second = 0
        # What comes next: -1 the rules, else a position; where in the packed state the next part begins.
        self._position = 0
        self._at = 0
        self._size = 0
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
        self._packing = 0
        self._position = -1
        return True

    def step(self):
        """Pack a part of the rules' state, or log one record; False when it was the last."""
        if self._packing >= 0:
            return self._pack_rules()
        if self._at == self._size:
            self._pack()
        rules = self._position < 0
        body = _RULE_BODY if rules else _FILTER_BODY
        most = RECORD_LIMIT - HEADER_SIZE - body
        parts = (self._size + most - 1) // most
        n = min(most, self._size - self._at)
        record = self._log.record
        to = HEADER_SIZE + body
        if rules:
            pack_into("<BB", record, HEADER_SIZE, self._part, parts)
        else:
            pack_into("<IBB", record, HEADER_SIZE, self._index, self._part, parts)
        copy(self._state, self._at, n, record, to)
        if rules:
            self._log.append(to + n, RULE_STATE, NO_CHANNEL, self._second)
        else:
            self._log.append(to + n, FILTER_STATE, self._samplers[self._position].number, self._second)
        self._at += n
        self._part += 1
        if self._at == self._size:
            self._position += 1
        return self._at < self._size or self._position < len(self._samplers)

    def _pack_rules(self):
        part = self._packing
        self._packing = part + 1
        if part == 0:
            copy(self._limits_sum, 0, WORD_SIZE, self._state, 0)
            self._size = WORD_SIZE
            self._at = self._part = 0
        self._size = pack_part(self._judge, part, self._state, self._size)
        if part < last_part(self._judge):
            return True
        self._packing = -1
        if self._keep:
            self._keep.take_state(self._state, WORD_SIZE, self._size)
        if not self._is_due:
            self._at = self._size
        return self._is_due

    def _pack(self):
        self._at = 0
        self._part = 0
        channel = self._samplers[self._position].channel
        self._index = channel.index
        self._size = channel.pack_state(self._state, 0)
