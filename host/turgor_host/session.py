"""A run: one source followed, recorded, shown and commanded until it ends."""

import queue
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from struct import unpack_from
from typing import Protocol

from turgor.core.channels import channel_id
from turgor.core.rules import RULE_NAMES
from turgor.link import lines
from turgor.link.records import BOOT, EVENT, HEADER, IMPEDANCE, READINGS, SAMPLES, WIRE_VERSION, unpack
from turgor_host.calibrate.certificate import WORDS
from turgor_host.errors import TurgorError, UsageError
from turgor_host.live import Live
from turgor_host.recording.writer import Writer
from turgor_host.wire import Replica

# A commit every second of wall time, sooner when this much of the board's 40 KB log waits for it.
_COMMIT_S = 1.0
_COMMIT_BYTES = 12288
_GREET_S = 2.0
_SILENT_S = 6.0
_ANSWER_S = 1.0
_ANSWER_TRIES = 3
_READ_S = 0.05
_ALL = 255


class Port(Protocol):
    """What a session needs of a source."""

    name: str
    simulated: bool
    speed: float

    @property
    def ended(self) -> bool: ...

    def read(self, timeout_s: float) -> bytes: ...
    def write(self, data: bytes) -> None: ...


class _Command:
    def __init__(self, id: int, command: int, arguments: tuple[int, ...]) -> None:
        self.id = id
        self.command = command
        self.line = lines.command_line(id, command, *arguments)
        # Why the board refused it, "" when it took it.
        self.answer: Future[str] = Future()
        self.tries = 0
        self.sent_s = 0.0


class Session:
    """Follows `source` into `writer` and `live`. `run` blocks; `act` and `stop` may be called from other threads."""

    def __init__(
        self,
        source: Port,
        writer: Writer,
        live: Live,
        *,
        seconds: float | None = None,
        progress: Callable[[int], None] | None = None,
        calibrations: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        self.board_s = 0
        self._source = source
        self._writer = writer
        self._live = live
        self._seconds = seconds
        self._progress = progress
        self._calibrations = calibrations or {}
        self._calibrated_boot = -1
        self._replica = Replica()
        latest = writer.latest()
        if latest:
            _, self._replica.boot, self._replica.next_seq = latest
        self._stop = threading.Event()
        self._commands: queue.Queue[_Command] = queue.Queue()
        self._current: _Command | None = None
        self._next_id = random.randrange(1, 1 << 30)
        self._first_s: int | None = None
        self._last_s: int | None = None
        self._uncommitted = 0
        self._committed_s = 0.0
        self._hello_id = 0
        self._hello_utc = 0.0
        self._hello_s = 0.0
        self._heard_s = 0.0
        self._known = False
        self._silent = False

    def stop(self) -> None:
        self._stop.set()

    def act(self, name: str, **arguments: object) -> str:
        """Do what a user asks: `dbp` mmhg, `ack` channel and rule (each may be missing), `calibrate` channel and words.

        Returns one line that says what was done; UsageError or TurgorError when it was refused.
        """
        if name == "dbp":
            mmhg = _number(arguments.get("mmhg"))
            if not 10 <= mmhg <= 200:
                raise UsageError(f"a diastolic pressure of {mmhg:g} mmHg is refused; it must lie between 10 and 200")
            self._command(lines.DBP, round(mmhg * 1000))
            return f"DBP {mmhg:g} mmHg taken"
        if name == "ack":
            channel, rule = arguments.get("channel"), arguments.get("rule")
            self._command(lines.ACKNOWLEDGE, _channel(channel), _rule(rule))
            return f"acknowledged: {rule or 'all rules'} on {channel or 'all channels'}"
        if name == "calibrate":
            words = [int(_number(arguments.get(key))) for key in WORDS]
            self._command(lines.CALIBRATE, _channel(arguments.get("channel")), *words)
            return f"calibration of {arguments.get('channel')} taken"
        raise UsageError(f"no action {name!r}; actions are dbp, ack, calibrate")

    def _command(self, command: int, *arguments: int) -> None:
        asked = self._queue(command, *arguments)
        try:
            refusal = asked.answer.result(timeout=_ANSWER_S * (_ANSWER_TRIES + 2))
        except TimeoutError:
            raise TurgorError("the board did not answer; look whether it is connected, then try again") from None
        if refusal:
            raise TurgorError(refusal)

    def _queue(self, command: int, *arguments: int) -> _Command:
        self._next_id += 1
        asked = _Command(self._next_id, command, arguments)
        self._commands.put(asked)
        return asked

    def run(self) -> None:
        """Follow the source until `seconds` of board time are recorded, `stop` is called, or it fails."""
        now = time.monotonic()
        self._committed_s = self._heard_s = now
        self._greet(now)
        try:
            while not self._stop.is_set():
                data = self._source.read(_READ_S)
                now = time.monotonic()
                done = bool(data) and self._take(data, now)
                if self._uncommitted >= _COMMIT_BYTES or now - self._committed_s >= _COMMIT_S or done:
                    self._commit(now)
                self._command_step(now)
                self._send()
                if done or self._source.ended:
                    break
                self._watch(now)
        finally:
            self._writer.commit()
            self._fail_commands()

    def _greet(self, now: float) -> None:
        self._hello_id = self._replica.hello()
        self._hello_utc = time.time()
        self._hello_s = now
        self._send()

    def _take(self, data: bytes, now: float) -> bool:
        replica = self._replica
        records = replica.feed(data)
        self._answers(now)
        if not records:
            return False
        self._heard_s = now
        done = False
        for i, record in enumerate(records):
            kind, _, _, _, t_s = unpack_from(HEADER, record)
            if self._first_s is None:
                self._first_s = t_s
            if kind == BOOT:
                self._first_s = min(self._first_s, t_s)
            if kind == READINGS:
                self.board_s = t_s - self._first_s
                if self._seconds is not None and self.board_s >= self._seconds:
                    self._last_s = t_s
            elif self._last_s is not None and not (kind == EVENT and t_s == self._last_s):
                # The tick's own events stand behind its readings; this is the first record after them.
                records = records[:i]
                done = True
                break
        self._writer.add(records)
        for record in records:
            # What is shown are readings and events: raw data go to the file alone.
            if record[0] not in (SAMPLES, IMPEDANCE):
                self._live.feed(*unpack(record))
        self._uncommitted += len(data)
        if self._progress:
            self._progress(self.board_s)
        return done

    def _answers(self, now: float) -> None:
        for record in self._replica.answers:
            header, body, tail = unpack(record)
            if body["id"] == self._hello_id and body["command"] == lines.HELLO:
                self._known_board(header, body, tail, now)
            current = self._current
            if current and body["id"] == current.id:
                refused = body["status"] != lines.OK
                current.answer.set_result(tail.decode("ascii", "replace") or "the board refused it" if refused else "")
                self._current = None
        self._replica.answers.clear()

    def _known_board(self, header: dict[str, int], body: dict[str, int], tail: bytes, now: float) -> None:
        if body["wire_version"] != WIRE_VERSION:
            raise TurgorError(
                f"{self._source.name}: the board speaks wire version {body['wire_version']}, this program "
                f"{WIRE_VERSION}; run `turgor flash {self._source.name}`"
            )
        identity = dict(part.split("=", 1) for part in tail.decode("ascii", "replace").split(";") if "=" in part)
        round_trip_s = now - self._hello_s
        self._heard_s = now
        self._writer.anchor(
            header["boot"], header["t_s"], body["t_us"], self._hello_utc + round_trip_s / 2, round_trip_s / 2
        )
        self._writer.set_identity(identity)
        self._live.identity(identity)
        self._live.connection("live")
        self._known = True
        if self._calibrated_boot != header["boot"]:
            # The board keeps a calibration until it restarts.
            self._calibrated_boot = header["boot"]
            for channel, words in self._calibrations.items():
                self._queue(lines.CALIBRATE, _channel(channel), *(words[word] for word in WORDS))

    def _commit(self, now: float) -> None:
        seq = self._writer.commit()
        self._uncommitted = 0
        self._committed_s = now
        if seq is not None:
            self._replica.tell(self._replica.boot, seq)

    def _send(self) -> None:
        waiting = self._replica.lines
        while waiting:
            self._source.write(waiting.pop(0))

    def _command_step(self, now: float) -> None:
        current = self._current
        if current is None:
            try:
                current = self._current = self._commands.get_nowait()
            except queue.Empty:
                return
        elif now - current.sent_s < _ANSWER_S:
            return
        if current.tries == _ANSWER_TRIES:
            current.answer.set_exception(TimeoutError())
            self._current = None
            return
        # The same id again: the board executes a command once, however often it comes.
        current.tries += 1
        current.sent_s = now
        self._replica.lines.append(current.line)

    def _fail_commands(self) -> None:
        error = TurgorError("the run ended before the board answered; start it again and repeat the command")
        if self._current:
            self._current.answer.set_exception(error)
        while not self._commands.empty():
            self._commands.get_nowait().answer.set_exception(error)

    def _watch(self, now: float) -> None:
        """Greet again when nothing comes; say so when nobody was there from the start."""
        silent_s = now - self._heard_s
        if silent_s <= _GREET_S:
            if self._silent:
                self._silent = False
                self._live.connection("live")
                self._writer.note("resumed", "the board is heard again")
            return
        if not self._known:
            if silent_s > _SILENT_S:
                raise TurgorError(self._stranger())
        elif not self._silent:
            self._silent = True
            self._live.connection("lost")
            self._writer.note("silent", f"nothing heard for {_GREET_S:g} s")
        if now - self._hello_s > _GREET_S:
            self._greet(now)

    def _stranger(self) -> str:
        name = self._source.name
        text = self._replica.text + self._replica.pending
        if b">>>" in text:
            return (
                f"{name}: this board shows a MicroPython prompt and no Turgor; "
                "copy firmware/turgor to its /lib and start turgor.main"
            )
        if text:
            return f"{name}: what answers here is no Turgor board (it sent {text[:24]!r}); give the port of one"
        return f"{name}: nothing answers here; look at cable and power, and whether Turgor runs on the board"


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # anything that is no number is refused below
    except (TypeError, ValueError):
        raise UsageError(f"{value!r} is no number; give one") from None


def _channel(name: object) -> int:
    if name is None:
        return _ALL
    try:
        return int(channel_id(name))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _rule(name: object) -> int:
    if name is None:
        return _ALL
    if name not in RULE_NAMES:
        raise UsageError(f"no rule {name!r}; rules are {' '.join(RULE_NAMES)}")
    return RULE_NAMES.index(str(name))
