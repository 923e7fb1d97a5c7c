"""What users ask of a board: checked, made into command lines, said until the board has answered."""

import contextlib
import queue
import threading
from concurrent.futures import Future, InvalidStateError
from struct import unpack
from typing import Any
from zlib import crc32

from turgor.core.annunciation import PAUSE_S
from turgor.core.channels import CHANNEL_NAMES, CHANNELS, IMPEDANCE, PRESSURE, channel_id
from turgor.core.entries import LATE, LOCAL
from turgor.core.rules import RULE_NAMES
from turgor.link import lines
from turgor_host.calibrate.certificate import Certificate, check_words
from turgor_host.configuration.sensors import DRIVERS
from turgor_host.entered import joined
from turgor_host.entries import AGE_GROUPS, BY_NAME, STATES, commands_of, kind_called
from turgor_host.errors import TurgorError, UsageError

_ANSWER_S = 1.0
_TRIES = 3
_ALL = 255
_PART_WORDS = 4
# Rules whose doubt a person may end, and of which kind of channel that is.
CONFIRMABLE = {"pressure_doubt": PRESSURE, "baseline_unknown": IMPEDANCE}
MOST_ID = (1 << 30) - 1
_NOT_VALIDATED = "; no limit here is validated under 16 years"


Arguments = dict[str, Any]


class _Command:
    def __init__(self, id: int, command: int, arguments: tuple[int, ...]) -> None:
        self.id = id
        self.line: bytes = lines.command_line(id, command, *arguments)
        # Why the board refused it, "" when it took it.
        self.answer: Future[str] = Future()
        self.tries = 0
        self.sent_s = 0.0


class Commands:
    """One command at a time is on its way; `act` may be called from any thread. `board` is who answers, "" unknown."""

    def __init__(self, first_id: int) -> None:
        self.board = ""
        self._waiting: queue.Queue[_Command] = queue.Queue()
        # What belongs together is queued together.
        self._queueing = threading.Lock()
        self._current: _Command | None = None
        self._next_id = first_id

    def act(self, name: str, **arguments: object) -> str:
        """Do what a user asks: `dbp` mmhg, `ack` channel and rule (each may be missing),
        `pause` seconds of the sound (0 ends a pause), `calibrate` board, channel,
        sensor and words of a certificate,
        `maintain`: the board stops and resets to a bare prompt,
        `sweeps` channel and number in each of the modes for calibration,
        `note` kind, value, text and channel of an entry (`turgor_host.entries`), `level` channel and cm,
        `state` channel and state, `confirm` channel and rule, `admit` id, age_group, local and late, `discharge`.

        Returns one line that says what was done; UsageError or TurgorError when it was refused.
        """
        if name == "dbp":
            mmhg = to_number(arguments.get("mmhg"))
            if not 10 <= mmhg <= 200:
                raise UsageError(f"a diastolic pressure of {mmhg:g} mmHg is refused; it must lie between 10 and 200")
            self._do(lines.DBP, round(mmhg * 1000))
            return f"DBP {mmhg:g} mmHg taken"
        if name == "ack":
            channel, rule = arguments.get("channel"), arguments.get("rule")
            self._do(lines.ACKNOWLEDGE, _channel(channel), _rule(rule))
            return f"acknowledged: {rule or 'all rules'} on {channel or 'all channels'}"
        if name == "pause":
            asked = to_number(arguments.get("seconds"))
            if asked not in range(PAUSE_S + 1):
                raise UsageError(
                    f"a pause of {asked:g} s is refused; give whole seconds, 1 to {PAUSE_S}, or 0 to end one"
                )
            self._do(lines.PAUSE, int(asked))
            return f"sound paused for {asked:g} s" if asked else "the pause is over"
        if name == "calibrate":
            certificate = _certificate(arguments)
            for command in self._calibration(certificate):
                if refusal := self._answer([self._queue(*command)]):
                    raise TurgorError(explained(certificate, refusal))
            return f"calibration {certificate.number} of {certificate.channel} taken, in force from the next second on"
        if name == "maintain":
            self._do(lines.MAINTAIN)
            return "the board resets to its prompt"
        if name == "sweeps":
            sweeps = int(to_number(arguments.get("sweeps")))
            self._do(lines.SWEEPS, _channel(arguments.get("channel")), sweeps)
            return f"3 x {sweeps} sweeps for calibration of {arguments.get('channel')} begin"
        if name in _TOLD:
            return _TOLD[name](self, arguments)
        raise UsageError(
            f"no action {name!r}; actions are dbp, ack, pause, calibrate, maintain, sweeps, {', '.join(_TOLD)}"
        )

    def zero(self, certificate: Certificate, moved_mmhg: float) -> str:
        """Have a pressure channel's new zero taken and entered: its calibration and by how much its readings move."""
        self.act("calibrate", **{name: getattr(certificate, name) for name in ("board", "channel", "sensor", "words")})
        self._enter("zero", moved_mmhg, "", _channel(certificate.channel))
        return f"{certificate.channel} is zeroed: its readings move by {moved_mmhg:+.2f} mmHg from the next second on"

    def _note(self, arguments: Arguments) -> str:
        kind = kind_called(str(arguments.get("kind"))).name
        value = arguments.get("value")
        number = None if value is None else to_number(value)
        return self._enter(kind, number, str(arguments.get("text") or ""), _channel(arguments.get("channel")))

    def _level(self, arguments: Arguments) -> str:
        return self._enter("level", to_number(arguments.get("cm")), "", _channel(arguments.get("channel")))

    def _enter(self, kind: str, value: float | None, text: str, channel: int) -> str:
        commands = commands_of(BY_NAME[kind], value, text, channel)
        with self._queueing:
            asked = [self._queue(*command) for command in commands]
        if refusal := self._answer(asked):
            raise TurgorError(_named(refusal, channel))
        return f"noted: {joined([words for _, *words in commands]).line()}"

    def _state(self, arguments: Arguments) -> str:
        channel, state = _one_channel(arguments.get("channel")), arguments.get("state")
        if state not in STATES:
            raise UsageError(f"no state {state!r}; a channel is {', '.join(STATES[:-1])} or {STATES[-1]}")
        self._tell(channel, lines.STATE, channel, STATES.index(str(state)))
        return f"{arguments.get('channel')} is {state}"

    def _confirm(self, arguments: Arguments) -> str:
        channel, rule = _one_channel(arguments.get("channel")), arguments.get("rule")
        if not isinstance(rule, str) or rule not in CONFIRMABLE:
            raise UsageError(f"{rule!r} cannot be confirmed; what can is {' and '.join(CONFIRMABLE)}")
        if CHANNELS[channel][1] != CONFIRMABLE[rule]:
            here = [name for name, kind, _ in CHANNELS if kind == CONFIRMABLE[rule]]
            raise UsageError(f"{arguments.get('channel')} has no {rule}; channels that may: {' '.join(here)}")
        self._tell(channel, lines.CONFIRM, channel, _rule(rule))
        return f"confirmed: {rule} on {arguments.get('channel')}"

    def _admit(self, arguments: Arguments) -> str:
        number, age_group = to_number(arguments.get("id")), arguments.get("age_group")
        if not 1 <= number <= MOST_ID or number != int(number):
            raise UsageError(f"an id of {number:g} is refused; give a pseudonymous whole number from 1 to {MOST_ID}")
        if age_group not in AGE_GROUPS:
            raise UsageError(f"no age group {age_group!r}; it is {', '.join(AGE_GROUPS[:-1])} or {AGE_GROUPS[-1]}")
        bits = (LOCAL if arguments.get("local") else 0) | (LATE if arguments.get("late") else 0)
        age = AGE_GROUPS.index(str(age_group))
        self._do(lines.ADMIT, int(number), age, bits)
        return f"episode of {int(number)} begins{_NOT_VALIDATED if age else ''}"

    def _discharge(self, arguments: Arguments) -> str:
        self._do(lines.DISCHARGE)
        return "the episode ends"

    def _tell(self, channel: int, command: int, *words: int) -> None:
        if refusal := self._answer([self._queue(command, *words)]):
            raise TurgorError(_named(refusal, channel))

    def calibrate(self, certificate: Certificate) -> list["Future[str]"]:
        """Hand a calibration over, without waiting; the answers that will come, the last one's last."""
        return [self._queue(*command).answer for command in self._calibration(certificate)]

    def _calibration(self, certificate: Certificate) -> list[tuple[int, ...]]:
        """The commands that carry a calibration; UsageError when it is not for this board."""
        channel, words = certificate.channel, certificate.words
        check_words(channel, words)
        if self.board and certificate.board != self.board:
            raise UsageError(
                f"the certificate of {channel} is of board {certificate.board} and this is {self.board}; "
                "calibrate this board, a calibration belongs to one converter"
            )
        start = _channel(channel) + (DRIVERS[certificate.sensor] << 8)
        padded = (*words, *[0] * (-len(words) % _PART_WORDS))
        return [
            (lines.CALIBRATE, start + (at << 16), *padded[at : at + _PART_WORDS])
            for at in range(0, len(padded), _PART_WORDS)
        ]

    def configure(self, image: bytes) -> list["Future[str]"]:
        """Hand the image of a configuration over, without waiting; the answers that will come, the last one's last."""
        asked = []
        for at in range(0, len(image), lines.CONFIG_PART_SIZE):
            part = image[at : at + lines.CONFIG_PART_SIZE].ljust(lines.CONFIG_PART_SIZE, b"\0")
            asked.append(self._queue(lines.CONFIG_PART, at, *unpack("<iiii", part)))
        asked.append(self._queue(lines.CONFIGURE, len(image), *unpack("<i", crc32(image).to_bytes(4, "little"))))
        return [command.answer for command in asked]

    def _do(self, command: int, *arguments: int) -> None:
        if refusal := self._answer([self._queue(command, *arguments)]):
            raise TurgorError(refusal)

    def _answer(self, asked: list[_Command]) -> str:
        """Wait for them: why the board refused the first that it did, "" when it took all.

        Whoever is told that there was no answer may do something else: what still waits is never sent then.
        """
        try:
            refusals = [each.answer.result(timeout=_ANSWER_S * (_TRIES + 2)) for each in asked]
        except TimeoutError:
            for each in asked:
                each.answer.cancel()
            if any(each.tries for each in asked):
                raise TurgorError(
                    "the board did not answer; when it is connected again, look whether it has taken it, "
                    "before you repeat it"
                ) from None
            raise TurgorError(
                "the board is not connected and was not told; look at cable and power, then repeat it"
            ) from None
        return next(filter(None, refusals), "")

    def _queue(self, command: int, *arguments: int) -> _Command:
        self._next_id += 1
        asked = _Command(self._next_id, command, arguments)
        self._waiting.put(asked)
        return asked

    def answered(self, id: int, status: int, text: str) -> None:
        """The board has answered the command `id`."""
        current = self._current
        if current and current.id == id:
            refused = status != lines.OK
            with contextlib.suppress(InvalidStateError):
                current.answer.set_result(text or "the board refused it" if refused else "")
            self._current = None

    def line(self, now: float) -> bytes | None:
        """The line that has to be sent now, if any."""
        current = self._current
        # Nobody waits any more for one that was cancelled.
        while current is None or current.answer.cancelled():
            try:
                current = self._waiting.get_nowait()
            except queue.Empty:
                self._current = None
                return None
        self._current = current
        if current.tries and now - current.sent_s < _ANSWER_S:
            return None
        if current.tries == _TRIES:
            _fail(current, TimeoutError())
            self._current = None
            return None
        # The same id again: the board executes a command once, however often it comes.
        current.tries += 1
        current.sent_s = now
        return current.line

    def fail(self) -> None:
        """The run is over: nothing will be answered any more."""
        error = TurgorError("the run ended before the board answered; start it again and repeat the command")
        if self._current:
            _fail(self._current, error)
            self._current = None
        while not self._waiting.empty():
            _fail(self._waiting.get_nowait(), error)


def _fail(asked: _Command, error: Exception) -> None:
    with contextlib.suppress(InvalidStateError):
        asked.answer.set_exception(error)


_TOLD = {
    "note": Commands._note,
    "level": Commands._level,
    "state": Commands._state,
    "confirm": Commands._confirm,
    "admit": Commands._admit,
    "discharge": Commands._discharge,
}


def _named(refusal: str, channel: int) -> str:
    """A board's refusal, which knows a channel by its number alone."""
    if refusal != f"channel {channel} is not here":
        return refusal
    return f"this board has no {CHANNEL_NAMES[channel]}; its configuration says what it has"


def explained(certificate: Certificate, refusal: str) -> str:
    """Why a board has not taken a calibration, with the remedy where the board cannot know it."""
    text = f"the board has not taken the calibration of {certificate.channel}: {refusal}"
    if refusal.startswith("driver = "):
        text += f"; another sensor than the certificate's {certificate.sensor} is there, calibrate that one"
    elif refusal.endswith("no sensor here"):
        text += "; give the board a configuration with --config"
    return text


def _certificate(fields: dict[str, Any]) -> Certificate:
    """From a request's fields; UsageError when they are none."""
    board, channel, sensor, words = (fields.get(name) for name in ("board", "channel", "sensor", "words"))
    _channel(channel)
    if channel is None or sensor not in DRIVERS or not isinstance(words, list | tuple):
        raise UsageError("a calibration needs board, channel, sensor and words; use `turgor calibrate upload`")
    return Certificate(str(board), str(channel), str(sensor), tuple(int(to_number(word)) for word in words), 0.0)


def to_number(value: Any) -> float:
    """What a user gave as a number; UsageError when it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UsageError(f"{value!r} is no number; give one") from None


def _channel(name: object) -> int:
    if name is None:
        return _ALL
    try:
        return int(channel_id(name))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _one_channel(name: object) -> int:
    if name is None:
        raise UsageError("say which channel, such as calf_l")
    return _channel(name)


def _rule(name: object) -> int:
    if name is None:
        return _ALL
    if name not in RULE_NAMES:
        raise UsageError(f"no rule {name!r}; rules are {' '.join(RULE_NAMES)}")
    return RULE_NAMES.index(str(name))
