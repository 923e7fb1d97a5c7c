"""A pressure channel's codes, fed to the core just as the board fed them: restarts, missed conversions and all."""

from array import array
from typing import Any

import numpy as np

from turgor.core.arterial import ArterialChannel
from turgor.core.channel import HOLD_LIMIT
from turgor.core.filter_words import FLAGS, SATURATED, SETTLED
from turgor.link.records import RESTARTED
from turgor_host.recording.decode import Bools, Ints
from turgor_host.recording.samples import Blocks

_NEVER = 1 << 62


class Feed:
    """The core's `channel`, which has come to conversion `index`, fed up to sample number `position` of `blocks`."""

    def __init__(self, channel: Any, blocks: Blocks, index: int = 0) -> None:
        self.channel = channel
        self.position = 0
        self._codes = array("i", blocks.codes.tolist())
        self._values = array("i", bytes(4 * len(self._codes)))
        self.index = blocks.index
        self._restarts, self._missed = _irregular(blocks, index)
        self._irregular = np.flatnonzero(self._restarts | (self._missed > 0)).tolist()
        self._next = 0
        self._restarted_early = False

    def until(self, position: int) -> None:
        """Feed the samples before `position`."""
        # With numba it takes half a second, and most commands feed nothing.
        from turgor_host.compiled import beat_block, filter_block, noise_block

        channel = self.channel
        while self.position < position:
            at = self.position
            if at == self._irregular_at():
                self._enter(at)
            stop = min(position, self._irregular_at())
            if stop - at == 1:
                channel.sample(self._codes[at])
            else:
                filter_block(at, stop, channel.words, self._codes, self._values)
                channel.code, channel.latest = self._codes[stop - 1], self._values[stop - 1]
                channel.index += stop - at
                channel.flush()
                if isinstance(channel, ArterialChannel):
                    beat_block(at, stop, channel.beats, self._values)
                else:
                    noise_block(at, stop, channel.noise, self._codes)
            self.position = stop

    def each(self, position: int) -> tuple[Ints, Bools]:
        """Feed the samples before `position` too; the filtered value (milli-mmHg) at each, and whether it is valid."""
        words = self.channel.words
        start = self.position
        values = np.zeros(max(position - start, 0), dtype=np.int64)
        valid = np.zeros(len(values), dtype=np.bool_)
        for i in range(len(values)):
            self.until(start + i + 1)
            flags = words[FLAGS]
            values[i] = self.channel.latest
            valid[i] = flags & SETTLED and not flags & SATURATED
            words[FLAGS] = flags & ~SATURATED
        return values, valid

    def may_have_restarted(self) -> bool:
        """Whether the next sample is the first after a restart, whose own moment is in no record."""
        at = self.position
        if at != self._irregular_at() or self._restarted_early:
            return False
        return bool(self._restarts[at]) and self._missed[at] <= HOLD_LIMIT

    def restart_now(self) -> None:
        self.channel.restart()
        self._restarted_early = True

    def _irregular_at(self) -> int:
        return self._irregular[self._next] if self._next < len(self._irregular) else _NEVER

    def _enter(self, at: int) -> None:
        """What happened between the sample before `at` and it."""
        self._next += 1
        self._restarted_early = False
        if self._restarts[at]:
            self.channel.restart()
        if self._missed[at]:
            self.channel.hold(int(self._missed[at]))


def _irregular(blocks: Blocks, index: int) -> tuple[Bools, Ints]:
    """For each sample: whether the channel was restarted before it, and how many conversions passed unread."""
    restarts = np.zeros(len(blocks.codes), dtype=np.bool_)
    restarts[blocks.starts[:-1]] = blocks.flags & RESTARTED != 0
    return restarts, np.diff(blocks.index, prepend=index) - 1
