"""The app: a schedule of jobs, each taking one bounded step when it is due."""

from struct import pack_into

from turgor.app.log import Log
from turgor.app.tick import Tick
from turgor.app.wire import Wire
from turgor.core.channels import NO_CHANNEL
from turgor.core.ticks import TICKS_MASK, BoardTime
from turgor.link.records import (
    BOOT,
    HEADER_SIZE,
    IMPEDANCE_CHANNEL,
    LIMIT,
    PRESSURE_CHANNEL,
    WIRE_VERSION,
)
from turgor.mp import const, micropython

LOG_BYTES = const(40960)
_HALF = const(0x1FFFFFFF)


class App:
    """Samplers, the one-second tick and the wire of a board.

    `ports` gives the board: `boot`, `reset_cause`, `board_id` (int), `identity` (bytes), `serial`, `alarm(level)`.
    `make_samplers(log, time, now)` gives the samplers of `config`'s channels in order.
    """

    def __init__(self, ports, config, make_samplers, now):
        self.time = BoardTime(now)
        self.log = Log(LOG_BYTES, ports.boot)
        self._log_start(ports, config)
        samplers = make_samplers(self.log, self.time, now)
        self.tick = Tick(config, samplers, self.log, self.time, ports.alarm, now)
        self.wire = Wire(self.log, self.time, ports.serial, ports.identity, self.tick, now)
        # Sorted by due; the wire comes last among equals.
        self._samplers = samplers
        self.jobs = samplers + [self.wire, self.tick]
        self._last = len(self.jobs) - 1

    @micropython.native
    def poll(self, now):
        """Take ONE bounded step if one is due; returns the tick at which the next one is."""
        jobs = self.jobs
        job = jobs[0]
        due = job.due
        ahead = (due - now) & TICKS_MASK
        if 0 < ahead <= _HALF:
            return due
        self.time.advance(now)
        due = (now + job.step(now)) & TICKS_MASK
        job.due = due
        i = 0
        last = self._last
        while i < last:
            after = jobs[i + 1]
            # Written out, not called: ticks_diff(due, after.due) < 0.
            if (due - after.due) & TICKS_MASK > _HALF:
                break
            jobs[i] = after
            i += 1
        jobs[i] = job
        return jobs[0].due

    def wake(self, now):
        """Bytes have come while nothing was due: the wire is next."""
        self.jobs.remove(self.wire)
        self.wire.due = now
        self.jobs.insert(0, self.wire)

    def stop(self):
        """Leave the sensors in their safe state."""
        for sampler in self._samplers:
            sampler.stop()

    def _log_start(self, ports, config):
        """The first records of a boot: who this is, its channels and its limits."""
        record = self.log.record
        pack_into(
            "<BBBBQ", record, HEADER_SIZE, WIRE_VERSION, ports.reset_cause, len(config.channels), 0, ports.board_id
        )
        self._append_text(HEADER_SIZE + 12, ports.identity, BOOT, NO_CHANNEL)
        for channel in config.channels:
            name = channel.name.encode()
            words = channel.words
            head = (channel.kind, channel.driver, channel.settle_samples, channel.rate_millihz)
            if channel.is_impedance():
                pack_into("<BBHI7i", record, HEADER_SIZE, *head, *words[:7])
                self._append_text(HEADER_SIZE + 36, name, IMPEDANCE_CHANNEL, channel.number)
            else:
                pack_into("<BBHI12i", record, HEADER_SIZE, *head, *words[:12])
                self._append_text(HEADER_SIZE + 56, name, PRESSURE_CHANNEL, channel.number)
        for limit in config.limits:
            pack_into("<BBHiiiii", record, HEADER_SIZE, *limit)
            self.log.append(HEADER_SIZE + 24, LIMIT, NO_CHANNEL, 0, 0)

    def _append_text(self, at, text, kind, channel):
        self.log.record[at : at + len(text)] = text
        self.log.append(at + len(text), kind, channel, 0, 0)
