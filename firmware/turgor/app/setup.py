"""What a board says of itself at the start of the log, and again to a host that comes when the start is gone."""

from struct import pack_into

from turgor.core.channels import NO_CHANNEL
from turgor.link.records import (
    BOOT,
    HEADER_SIZE,
    IMPEDANCE_CHANNEL,
    LIMIT,
    PRESSURE_CHANNEL,
    SLOW_CHANNEL,
    WIRE_VERSION,
)


class Setup:
    """The records of boot, channels and limits, logged one a call of `log_next` until `pending` is 0."""

    def __init__(self, ports, config, log, time):
        self._ports = ports
        self._channels = config.channels
        self._limits = config.limits
        self._log = log
        self._time = time
        self._count = 1 + len(config.channels) + len(config.limits)
        self.pending = self._count

    def repeat(self):
        """Begin anew, with the calibrations in force now."""
        self.pending = self._count

    def log_next(self):
        number = self._count - self.pending
        self.pending -= 1
        channels = len(self._channels)
        if number == 0:
            self._log_boot()
        elif number <= channels:
            self._log_channel(self._channels[number - 1])
        else:
            pack_into("<BBHiiiii", self._log.record, HEADER_SIZE, *self._limits[number - channels - 1])
            self._append(24, b"", LIMIT, NO_CHANNEL)

    def _log_boot(self):
        ports = self._ports
        head = (WIRE_VERSION, ports.reset_cause, len(self._channels), 0, ports.board_id)
        pack_into("<BBBBQ", self._log.record, HEADER_SIZE, *head)
        self._append(12, ports.identity, BOOT, NO_CHANNEL)

    def _log_channel(self, channel):
        record = self._log.record
        words = channel.described()
        head = (channel.kind, channel.driver, channel.settle_samples, channel.rate_millihz)
        kind = IMPEDANCE_CHANNEL if channel.is_impedance() else PRESSURE_CHANNEL if len(words) else SLOW_CHANNEL
        pack_into("<BBHI" + str(len(words)) + "i", record, HEADER_SIZE, *head, *words)
        self._append(8 + 4 * len(words), channel.name.encode(), kind, channel.number)

    def _append(self, size, text, kind, channel):
        at = HEADER_SIZE + size
        self._log.record[at : at + len(text)] = text
        self._log.append(at + len(text), kind, channel, self._time.s)
