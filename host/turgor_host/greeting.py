"""Whether a Turgor board answers on a port, and what it says of itself."""

import time
import uuid
from dataclasses import dataclass, field

from turgor.link import lines
from turgor.link.records import ANSWER, WIRE_VERSION, unpack
from turgor_host.decoder import Decoder
from turgor_host.errors import PortGone
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

    `turgor`: a Turgor board it is, whatever it speaks; `boot` is the number of its present boot. `text` is what came
    last, frames and all.
    """

    turgor: bool = False
    identity: dict[str, str] = field(default_factory=dict)
    boot: int = -1
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
            header, body, tail = unpack(record)
            if body["command"] == lines.HELLO:
                greeting.turgor = True
                greeting.boot = header["boot"]
                if body["status"] == lines.OK:
                    text = tail.decode("ascii", "replace")
                    greeting.identity = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    return greeting


def to_prompt(source: Source, timeout_s: float) -> None:
    """Have a running Turgor start anew and stay at its prompt, where a Ctrl-C would not keep its watchdog from it.

    Returns when the prompt is there, when the board refuses (an older one, which has no watchdog), or in `timeout_s`.
    """
    source.write(lines.command_line(1, lines.MAINTAIN))
    decoder = Decoder()
    text = b""
    begun_s = time.monotonic()
    while time.monotonic() - begun_s < timeout_s and _PROMPT not in text:
        try:
            data = source.read(_READ_S)
        except PortGone:
            # A board whose USB is its own takes its port away.
            text = data = b""
            while not source.reopen() and time.monotonic() - begun_s < timeout_s:
                time.sleep(_AGAIN_S)
        text = (text + data)[-_TEXT_LIMIT:]
        for record in decoder.feed(data):
            if record[0] == ANSWER:
                _, body, _ = unpack(record)
                if body["command"] == lines.MAINTAIN and body["status"] != lines.OK:
                    return
