"""Whether a Turgor board answers on a port, and what it says of itself."""

import time
import uuid
from dataclasses import dataclass, field

from turgor.link import lines
from turgor.link.records import WIRE_VERSION, unpack
from turgor_host.source import Source
from turgor_host.wire import Replica

_READ_S = 0.05
# A board that is starting loses what comes meanwhile.
_AGAIN_S = 0.15
_TEXT_LIMIT = 4096
_PROMPT = b">>> "


@dataclass
class Greeting:
    """`identity` has `version`, `platform` and so on as the board tells them; empty: no Turgor of this wire version.

    `turgor`: a Turgor board it is, whatever it speaks. `text` is what came last, frames and all.
    """

    turgor: bool = False
    identity: dict[str, str] = field(default_factory=dict)
    text: bytes = b""

    @property
    def prompt(self) -> bool:
        """Whether MicroPython's prompt is what answers."""
        return _PROMPT in self.text


def greet(source: Source, timeout_s: float) -> Greeting:
    """Greet what is on `source` until it answers, shows a prompt, or `timeout_s` is over; PortGone when it is gone."""
    # One computer is one host to the board, so that it answers again at once.
    replica = Replica(1 + uuid.getnode() % ((1 << 30) - 1))
    begun_s = now = time.monotonic()
    greeted_s = -_AGAIN_S
    greeting = Greeting()
    while now - begun_s < timeout_s and not greeting.turgor and not greeting.prompt:
        if now - greeted_s >= _AGAIN_S:
            greeted_s = now
            replica.hello(now)
        for line in replica.lines:
            source.write(line)
        replica.lines.clear()
        data = source.read(_READ_S)
        now = time.monotonic()
        replica.feed(data, now)
        greeting.text = (greeting.text + data)[-_TEXT_LIMIT:]
        greeting.turgor = replica.wire_version != WIRE_VERSION
        for record in replica.answers:
            _, body, tail = unpack(record)
            if body["command"] == lines.HELLO:
                greeting.turgor = True
                if body["status"] == lines.OK:
                    text = tail.decode("ascii", "replace")
                    greeting.identity = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    return greeting
