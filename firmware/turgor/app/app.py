"""The app: a schedule of jobs, each taking one bounded step when it is due."""

from array import array

from turgor.app.annunciator import Annunciator
from turgor.app.blocks import Blocks
from turgor.app.buttons import Buttons
from turgor.app.log import Log
from turgor.app.setup import Setup
from turgor.app.tick import Tick
from turgor.app.wire import Wire
from turgor.core.rules import DBP_FRESH_S
from turgor.core.ticks import BoardTime
from turgor.link.records import WATCHDOG_RESET
from turgor.mp import const, micropython, ptr8, ptr32

# 43 s of the default configuration: what is taken from here is free for everything else.
LOG_BYTES = const(34816)
# TICKS_MASK, which as another module's name would be looked up anew at every step.
_MASK = const(0x3FFFFFFF)
_HALF = const(0x1FFFFFFF)


class App:
    """Samplers, the one-second tick and the wire of a board.

    `ports` gives the board: `boot`, `reset_cause`, `board_id` (int), `identity` (bytes), `serial`, `alarm(pins)`
    with the bits of `turgor.core.annunciation`, `buttons()` or None.
    `make_samplers(log, blocks, time, now)` gives the samplers of `config`'s channels in order. `keep` is what was kept
    on flash (`turgor.app.keep`), None where there is no place for it; then only the number of boots outlives a restart.
    `guard` keeps the watchdog (`turgor.app.guard`), None where there is none.
    """

    def __init__(self, ports, config, make_samplers, keep, now, guard=None):
        self.time = BoardTime(now)
        self.log = Log(LOG_BYTES, keep.boot if keep else ports.boot)
        setup = Setup(ports, config, self.log, self.time)
        while setup.pending:
            setup.log_next()
        blocks = Blocks(self.log, self.time)
        samplers = make_samplers(self.log, blocks, self.time, now)
        blocks.samplers = [sampler for sampler in samplers if sampler.is_sampled]
        self.annunciator = Annunciator(ports.alarm, self.wake, now)
        self.tick = Tick(config, samplers, self.log, self.time, self.annunciator, keep, blocks, now)
        if guard:
            # What it has to say is no alarm of before the restart: no pause holds it back.
            guard.attach(samplers, self.annunciator, self.log, self.time, now)
        if keep:
            keep.attach(self.log, self.time, self.tick, samplers, config, now)
            # After any other cause nobody knows how long the board was off.
            least_age_s = 0 if ports.reset_cause == WATCHDOG_RESET else DBP_FRESH_S
            keep.restore(least_age_s)
        if ports.reset_cause == WATCHDOG_RESET:
            self.tick.judge.watchdog_reset()
        self.tick.snapshots.log_start()
        identity = ports.identity + (";id=%016x" % ports.board_id).encode()
        self.wire = Wire(self.log, self.time, ports.serial, identity, self.tick, setup, keep, now)
        # Sorted by due: the tick is the one that is not due at once.
        self._samplers = samplers
        self.jobs = samplers + [self.annunciator, self.wire]
        for job in (keep, guard, Buttons(ports.buttons, self.tick, self.time, now) if ports.buttons else None):
            if job:
                self.jobs.append(job)
        self.jobs += [blocks, self.tick]
        # Places in `jobs`, that which is due next first, and behind them that which took the last step; when each is
        # due, behind how many there are beside the first.
        self.order = bytearray(range(len(self.jobs) + 1))
        self._dues = array("i", [len(self.jobs) - 1] + [job.due for job in self.jobs])
        # Of those that are due together that goes first which has the least time: by its conversions in a second, 0 for
        # what can wait. Behind them 1 while the one that took the last step takes the next, whatever is due.
        self._haste = bytearray(len(self.jobs) + 1)
        for i in range(len(samplers)):
            if samplers[i].is_sampled:
                self._haste[i] = min(255, config.channels[i].rate_millihz // 1000)
        # Bound once: a lookup saved at every step.
        self._advance = self.time.advance

    @micropython.viper
    def poll(self, now: int) -> int:
        """Take ONE bounded step if one is due; returns the tick at which the next one is.

        A job whose step returned less than 0 takes the next one, whatever else is due.
        """
        dues = ptr32(self._dues)
        due = dues[1]
        ahead = (due - now) & _MASK
        if ahead > 0 and ahead <= _HALF:
            return due
        self._advance(now)
        order = ptr8(self.order)
        haste = ptr8(self._haste)
        first = order[0]
        last = dues[0]
        most = haste[first]
        hurried = 0
        i = 1
        if haste[last + 1]:
            haste[last + 1] = 0
            i = last + 1
        while i <= last and (now - dues[i + 1]) & _MASK <= _HALF:
            if haste[order[i]] > most:
                most = haste[order[i]]
                hurried = i
            i += 1
        if hurried:
            first = order[hurried]
            while hurried:
                order[hurried] = order[hurried - 1]
                dues[hurried + 1] = dues[hurried]
                hurried -= 1
            order[0] = first
        order[last + 1] = first
        job = self.jobs[first]
        wait = int(job.step(now))
        if wait < 0:
            haste[last + 1] = 1
        due = (now + wait) & _MASK
        job.due = due
        i = 0
        while i < last:
            after = dues[i + 2]
            # Written out, not called: ticks_diff(due, after) < 0.
            if (due - after) & _MASK > _HALF:
                break
            order[i] = order[i + 1]
            i += 1
            dues[i] = after
        order[i] = first
        dues[i + 1] = due
        return dues[1]

    def wake(self, job, now, behind=0):
        """`job` is due now, and next; `behind` is 1 when another one's step, which is under way, asks for it."""
        order = self.order
        dues = self._dues
        number = self.jobs.index(job)
        i = behind
        while order[i] != number:
            i += 1
        while i > behind:
            order[i] = order[i - 1]
            dues[i + 1] = dues[i]
            i -= 1
        order[i] = number
        dues[i + 1] = job.due = now

    def stop(self):
        """Leave the sensors in their safe state, each whatever becomes of the others."""
        for sampler in self._samplers:
            try:
                sampler.stop()
            except Exception:
                pass
