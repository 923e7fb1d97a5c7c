"""A run: one source followed, recorded, shown and commanded until it ends."""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Sequence
from struct import unpack_from
from typing import Protocol

from turgor.link import lines
from turgor.link.records import BOOT, EVENT, HEADER, IMPEDANCE, READINGS, SAMPLES, WIRE_VERSION, unpack
from turgor_host.board_clock import BoardClock
from turgor_host.calibrate.certificate import Certificate, board_name
from turgor_host.calibration_ages import CalibrationAges
from turgor_host.commands import Commands, to_number
from turgor_host.dbp import check_dbp
from turgor_host.errors import DiskFull, PortGone, TurgorError
from turgor_host.hand_over import HandOver
from turgor_host.host_rules import CAL_EXPIRED, HOST_RULES, LOCKSTEP
from turgor_host.live import Live
from turgor_host.lockstep import Lockstep
from turgor_host.recording.reader import open_recording
from turgor_host.recording.writer import Writer
from turgor_host.timebase import Exchange
from turgor_host.wire import NO_BOOT, SILENT_S, Replica
from turgor_host.zero import check_zero, keep_zeroed, zeroed

# A commit every second of wall time, sooner when this much of the board's 35 KB log waits for it.
_COMMIT_S = 1.0
_COMMIT_BYTES = 12288
# A board that says nothing whole for so long is none; one that serves another host for so long goes on doing so.
_STRANGER_S = 6.0
_READ_S = 0.05
# How often a port that is gone, or a disk that is full, is tried again.
_AGAIN_S = 0.5
_FULL_AGAIN_S = 2.0
# A run that is stopped waits so long for the record of what a user was told is recorded.
_OWED_S = 2.0


class Port(Protocol):
    """What a session needs of a source. `read` and `write` raise PortGone when it has vanished."""

    name: str
    simulated: bool
    speed: float

    @property
    def ended(self) -> bool: ...

    def read(self, timeout_s: float) -> bytes: ...
    def write(self, data: bytes) -> None: ...

    def reopen(self) -> bool:
        """Look for the board's port, under whatever name, and open it; False while there is none."""

    def reject(self) -> None:
        """What was opened is another board: leave it alone until it is gone."""


class Session:
    """Follows `source` into `writer` and `live`. `run` blocks; `act` and `stop` may be called from other threads.

    `say` is given one line for the user whenever the run has to wait for something.
    """

    def __init__(
        self,
        source: Port,
        writer: Writer,
        live: Live,
        *,
        seconds: float | None = None,
        progress: Callable[[int], None] | None = None,
        calibrations: Sequence[Certificate] = (),
        configuration: bytes = b"",
        lockstep: Lockstep | None = None,
        ages: CalibrationAges | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.board_s = 0
        self._source = source
        self._writer = writer
        self._live = live
        self._seconds = seconds
        self._progress = progress
        self._lockstep = lockstep
        self._ages = ages
        self._tell = say
        first_id = random.randrange(1, 1 << 30)
        self._commands = Commands(first_id)
        self._hand_over = HandOver(self._commands, configuration, calibrations)
        self._board: str | None = None
        self._replica = Replica(random.randrange(1, 1 << 30), *(writer.position or ()))
        self._stop = threading.Event()
        self._stopped_s: float | None = None
        # Boot and seq up to which the log has what the board has confirmed to a user.
        self._owed = (NO_BOOT, 0)
        # Those of its log when it was greeted.
        self._had = (NO_BOOT, 0)
        self._boot = NO_BOOT
        self._clock = BoardClock(writer, live, source.speed, self._found)
        # Board time of this run before the present boot, and the present boot's first second.
        self._before_s = 0
        self._first_s: int | None = None
        self._last_s: int | None = None
        self._uncommitted = 0
        self._committed_s = 0.0
        self._begun_s = 0.0
        self._known = False
        self._silent = False
        # Since when the board serves another host, and whether that was said.
        self._busy_s: float | None = None
        self._busy_said = False

    def stop(self) -> None:
        self._stop.set()

    def act(self, name: str, **arguments: object) -> str:
        """Do what a user asks: what `Commands.act` knows, with `dbp` also below_icp, `zero` channel and open_to_air,
        `ack` also one of `HOST_RULES`."""
        if name == "dbp" and not arguments.get("below_icp"):
            check_dbp(to_number(arguments.get("mmhg")), self._live.state())
        if name == "ack" and arguments.get("channel") is None and (seen := self._see(arguments.get("rule"))):
            return seen
        if name != "zero":
            return self._commands.act(name, **arguments)
        channel = str(arguments.get("channel"))
        median_mmhg = check_zero(channel, self._live.state(), bool(arguments.get("open_to_air")))
        with open_recording(self._writer.path) as recording:
            certificate, moved_mmhg = zeroed(recording, channel, median_mmhg)
            if trouble := keep_zeroed(recording, certificate):
                self._say(trouble)
            return self._commands.zero(certificate, moved_mmhg)

    def _say(self, text: str) -> None:
        # A terminal that is gone, or a log file on the disk that is full, ends no recording.
        with contextlib.suppress(OSError, ValueError):
            self._tell(text)

    def _follow(self, now: float) -> None:
        if self._lockstep is None:
            return
        if differs := self._lockstep.poll(now, self.board_s):
            self._found(LOCKSTEP, differs)
            self._say(f"the board's results differ from what its codes give: {differs}")
        if trouble := self._lockstep.trouble:
            self._lockstep.trouble = ""
            self._writer.note(LOCKSTEP, trouble)
            self._say(trouble)

    def _judge_calibrations(self) -> None:
        # First all has to be recorded that the board had when it was greeted, was given since, or a user was told.
        if self._ages is None or not self._known or self._hand_over.is_under_way:
            return
        if self._replica.position < max(self._had, self._owed):
            return
        if aged := self._ages.poll(board_name(int(self._board or "0", 16))):
            self._found(CAL_EXPIRED, aged)
            self._say(f"calibration {HOST_RULES[CAL_EXPIRED].text}: {aged}")

    def _see(self, rule: object) -> str:
        """Acknowledge here what this computer found; "" where that is not all that was asked."""
        if rule is not None and rule not in HOST_RULES:
            return ""
        seen = self._live.see(None if rule is None else str(rule))
        if rule is not None and not seen:
            raise TurgorError(f"no alarm of {rule} stands; nothing is to be acknowledged")
        if self._ages and CAL_EXPIRED in seen:
            self._ages.see()
        if rule is None and (not seen or self._live.state()["alarms"]):
            return ""
        return f"acknowledged: {' '.join(seen)}"

    def run(self) -> None:
        """Follow the source until `seconds` of board time are recorded, `stop` is called, or it fails."""
        self._committed_s = self._begun_s = time.monotonic()
        self._replica.hello(self._clock.now())
        try:
            while not self._is_over():
                try:
                    if self._step() or self._source.ended:
                        break
                except (PortGone, DiskFull) as trouble:
                    if self._stop.is_set():
                        break
                    if isinstance(trouble, PortGone):
                        self._wait_for_port(trouble)
                    else:
                        self._wait_for_room(trouble)
                    self._greet_again()
        finally:
            try:
                self._writer.commit()
            finally:
                self._commands.fail()

    def _is_over(self) -> bool:
        """Stopped, and what a user was told is recorded has come; it is not waited for in vain."""
        if not self._stop.is_set():
            return False
        now = time.monotonic()
        self._stopped_s = now if self._stopped_s is None else self._stopped_s
        return self._replica.position >= self._owed or now - self._stopped_s > _OWED_S

    def _greet_again(self) -> None:
        """Greet, and begin with what the writer has not got: more may have come, of another board even."""
        self._busy_s = None
        self._replica.begin_at(*(self._writer.position or (NO_BOOT, 0)))
        self._replica.hello(self._clock.now())

    def _step(self) -> bool:
        """Send what has to be said, take what has come; True when the run is complete."""
        self._send()
        data = self._source.read(_READ_S)
        now = time.monotonic()
        done = bool(data) and self._take(data)
        # Before a commit, whose own time is no silence of the board's.
        self._replica.poll(self._clock.now())
        if self._uncommitted >= _COMMIT_BYTES or now - self._committed_s >= _COMMIT_S or done:
            self._commit()
        # A board that still serves another host would count what comes as that one's.
        line = self._commands.line(now) if self._replica.greeted else None
        if line:
            self._replica.lines.append(line)
        self._look_after_hand_over()
        self._follow(now)
        self._judge_calibrations()
        self._watch(now)
        return done

    def _take(self, data: bytes) -> bool:
        replica = self._replica
        records = replica.feed(data, self._clock.now())
        # First whose they are.
        self._answers()
        self._exchanges()
        if not records:
            return False
        done = False
        for i, record in enumerate(records):
            kind, _, boot, _, t_s = unpack_from(HEADER, record)
            if boot != self._boot or kind == BOOT:
                self._enter(boot, t_s)
            if kind == READINGS:
                self.board_s = self._before_s + t_s - (self._first_s or 0)
                if self._seconds is not None and self.board_s >= self._seconds and not self._hand_over.is_under_way:
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
                fields = unpack(record)
                self._live.feed(*fields)
                if self._ages:
                    self._ages.take(*fields)
        self._uncommitted += len(data)
        if self._progress:
            self._progress(self.board_s)
        return done

    def _enter(self, boot: int, t_s: int) -> None:
        if boot == self._boot:
            self._first_s = min(self._first_s or 0, t_s)
            return
        self._before_s = self.board_s
        self._boot = boot
        self._first_s = t_s

    def _exchanges(self) -> None:
        replica = self._replica
        for times in replica.exchanges:
            replica.ping_every_s = self._clock.take(replica.boot, Exchange(*times))
        replica.exchanges.clear()
        self._clock.look()

    def _found(self, rule: str, text: str) -> None:
        self._live.found(rule, text)
        self._writer.note(rule, text)

    def _answers(self) -> None:
        if self._replica.wire_version != WIRE_VERSION:
            raise TurgorError(
                f"{self._source.name}: the board speaks wire version {self._replica.wire_version}, this program "
                f"{WIRE_VERSION}; run `turgor flash {self._source.name}`"
            )
        answers = list(self._replica.answers)
        # Before one of them ends the connection.
        self._replica.answers.clear()
        for record in answers:
            header, body, tail = unpack(record)
            text = tail.decode("ascii", "replace")
            if body["command"] == lines.HELLO:
                self._greeted(header["boot"], body, text)
            else:
                if body["status"] == lines.OK:
                    self._owed = header["boot"], body["next_seq"]
                self._commands.answered(body["id"], body["status"], text)
        if self._replica.begun_anew:
            raise TurgorError(
                f"{self._source.name}: the board counts boot {self._replica.boot} anew, as after its flash was erased; "
                "record it into another file"
            )

    def _greeted(self, boot: int, body: dict[str, int], text: str) -> None:
        if body["status"] == lines.BUSY:
            self._busy(text)
            return
        self._busy_s = None
        identity = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
        board = identity.pop("id", "")
        if self._board not in (None, board):
            self._source.reject()
            raise PortGone(f"{self._source.name}: this is board {board}, not {self._board}")
        self._board = self._commands.board = board
        self._writer.set_board(int(board, 16) if board else 0)
        self._writer.set_identity(identity)
        self._live.identity(identity)
        self._live.connection("live")
        self._hand_over.greeted(is_new_boot=boot != self._boot)
        self._had = boot, body["next_seq"]
        self._known = True

    def _busy(self, text: str) -> None:
        """The board serves another host. One that was recorded already is waited for: somebody only looked at it."""
        now = time.monotonic()
        if self._known:
            self._live.connection("lost")
        if self._busy_s is None:
            self._busy_s, self._busy_said = now, False
        if now - self._busy_s <= _STRANGER_S or self._busy_said:
            return
        if not self._known:
            raise TurgorError(f"{self._source.name}: {text}")
        self._busy_said = True
        self._say(f"{self._source.name}: {text}; waiting for it, Ctrl-C ends")
        self._writer.note("busy", text)

    def _look_after_hand_over(self) -> None:
        name = self._source.name
        try:
            for told in self._hand_over.look():
                self._say(f"{name}: {told}")
                self._writer.note("told", told)
        except TurgorError as error:
            raise TurgorError(f"{name}: {error}") from None

    def _commit(self) -> None:
        self._writer.commit()
        self._uncommitted = 0
        self._committed_s = time.monotonic()
        # What is stored, which may be less than what came.
        boot, next_seq = self._writer.position or (NO_BOOT, 0)
        if next_seq:
            self._replica.tell(boot, next_seq - 1, self._clock.now())

    def _send(self) -> None:
        waiting = self._replica.lines
        while waiting:
            self._source.write(waiting[0])
            waiting.pop(0)

    def _wait_for_port(self, gone: PortGone) -> None:
        """Until the board is there again, under whatever name; what has come so far is made durable meanwhile."""
        self._live.connection("lost")
        self._writer.note("gone", str(gone))
        if self._known:
            self._say(f"{gone}; waiting for the board, Ctrl-C ends")
        while not self._source.reopen():
            if not self._known:
                raise gone
            # The board keeps its log, whatever becomes of the disk.
            with contextlib.suppress(DiskFull):
                self._writer.commit()
            if self._stop.wait(_AGAIN_S):
                return
        self._say(f"{self._source.name}: the board is there again")
        self._writer.note("back", self._source.name)

    def _wait_for_room(self, full: DiskFull) -> None:
        """Nothing is read meanwhile: the board keeps its log."""
        self._live.connection("full")
        self._say(f"{full}; recording goes on when there is room, Ctrl-C ends")
        while not self._stop.wait(_FULL_AGAIN_S):
            try:
                self._commit()
            except DiskFull:
                continue
            self._say(f"{self._writer.path}: recording goes on")
            self._live.connection("live")
            return

    def _watch(self, now: float) -> None:
        """Say so when nothing comes, and when nobody was there from the start."""
        silent = self._clock.now() - self._replica.heard_s > SILENT_S
        if not self._known:
            if now - self._begun_s > _STRANGER_S and silent:
                raise TurgorError(self._stranger())
        elif silent != self._silent:
            self._silent = silent
            self._live.connection("lost" if silent else "live")
            if silent:
                self._writer.note("silent", f"nothing heard for {SILENT_S:g} s")
            else:
                self._writer.note("resumed", "the board is heard again")

    def _stranger(self) -> str:
        name = self._source.name
        text = self._replica.decoder.text + self._replica.decoder.pending
        if b">>>" in text:
            return f"{name}: this board shows a MicroPython prompt and no Turgor; run `turgor flash {name}`"
        if text:
            return f"{name}: what answers here is no Turgor board (it sent {text[:24]!r}); give the port of one"
        return f"{name}: nothing answers here; look at cable and power, and whether Turgor runs on the board"
