"""A calibration handed to a board at a port, without a recording: its log stays on the board, whole, for the next."""

import contextlib
import random
import time
import uuid
from concurrent.futures import Future

from turgor.link import lines
from turgor.link.records import WIRE_VERSION, unpack
from turgor_host.calibrate.certificate import Certificate
from turgor_host.commands import Commands, explained
from turgor_host.errors import TurgorError, UsageError
from turgor_host.source import Source, open_source
from turgor_host.wire import Replica

_READ_S = 0.05
_TIMEOUT_S = 10.0


def upload(port: str, certificate: Certificate) -> str:
    """Hand it over; returns one line that says what was done, TurgorError or UsageError when it was refused."""
    with contextlib.closing(open_source(port)) as source:
        if not isinstance(source, Source) or source.simulated:
            raise UsageError(f"{port} is no port of a board; give one, such as /dev/ttyACM0")
        _upload(source, certificate)
    return f"{port}: calibration {certificate.number} of {certificate.channel} taken, in force from the next second on"


def _upload(source: Source, certificate: Certificate) -> None:
    commands = Commands(random.randrange(1, 1 << 30))
    # One computer is one host to the board, so that it answers again at once.
    replica = Replica(1 + uuid.getnode() % ((1 << 30) - 1))
    wanted: list[Future[str]] = []
    begun_s = now = time.monotonic()
    replica.hello(now)
    while now - begun_s < _TIMEOUT_S:
        for line in replica.lines:
            source.write(line)
        replica.lines.clear()
        # Records are read to keep the wire going, and never said to be stored.
        replica.feed(source.read(_READ_S), now)
        now = time.monotonic()
        if replica.wire_version != WIRE_VERSION:
            raise TurgorError(f"{source.name}: the board speaks another wire version; run `turgor flash {source.name}`")
        for record in replica.answers:
            _, body, tail = unpack(record)
            text = tail.decode("ascii", "replace")
            if body["command"] != lines.HELLO:
                commands.answered(body["id"], body["status"], text)
            elif body["status"] == lines.OK and not wanted:
                commands.board = dict(part.split("=", 1) for part in text.split(";") if "=" in part).get("id", "")
                wanted = commands.calibrate(certificate)
        replica.answers.clear()
        for answer in wanted:
            if answer.done() and (refusal := answer.result()):
                raise TurgorError(f"{source.name}: {explained(certificate, refusal)}")
        if wanted and all(answer.done() for answer in wanted):
            return
        if command := commands.line(now):
            replica.lines.append(command)
        replica.poll(now)
    raise TurgorError(
        f"{source.name}: no Turgor answers here, or it serves another program; look at the cable, and end the recording"
    )
