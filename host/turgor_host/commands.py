"""What users ask of a board: checked, made into command lines, said until the board has answered."""

import queue
from concurrent.futures import Future
from typing import Any

from turgor.core.channels import channel_id
from turgor.core.rules import RULE_NAMES
from turgor.link import lines
from turgor_host.calibrate.certificate import WORDS
from turgor_host.errors import TurgorError, UsageError

_ANSWER_S = 1.0
_TRIES = 3
_ALL = 255


class _Command:
    def __init__(self, id: int, command: int, arguments: tuple[int, ...]) -> None:
        self.id = id
        self.line: bytes = lines.command_line(id, command, *arguments)
        # Why the board refused it, "" when it took it.
        self.answer: Future[str] = Future()
        self.tries = 0
        self.sent_s = 0.0


class Commands:
    """One command at a time is on its way; `act` may be called from any thread."""

    def __init__(self, first_id: int) -> None:
        self._waiting: queue.Queue[_Command] = queue.Queue()
        self._current: _Command | None = None
        self._next_id = first_id

    def act(self, name: str, **arguments: object) -> str:
        """Do what a user asks: `dbp` mmhg, `ack` channel and rule (each may be missing), `calibrate` channel and words,
        `maintain`: the board stops and resets to a bare prompt,
        `sweeps` channel and number in each of the modes for calibration.

        Returns one line that says what was done; UsageError or TurgorError when it was refused.
        """
        if name == "dbp":
            mmhg = _number(arguments.get("mmhg"))
            if not 10 <= mmhg <= 200:
                raise UsageError(f"a diastolic pressure of {mmhg:g} mmHg is refused; it must lie between 10 and 200")
            self._do(lines.DBP, round(mmhg * 1000))
            return f"DBP {mmhg:g} mmHg taken"
        if name == "ack":
            channel, rule = arguments.get("channel"), arguments.get("rule")
            self._do(lines.ACKNOWLEDGE, _channel(channel), _rule(rule))
            return f"acknowledged: {rule or 'all rules'} on {channel or 'all channels'}"
        if name == "calibrate":
            words = [int(_number(arguments.get(key))) for key in WORDS]
            self._do(lines.CALIBRATE, _channel(arguments.get("channel")), *words)
            return f"calibration of {arguments.get('channel')} taken"
        if name == "maintain":
            self._do(lines.MAINTAIN)
            return "the board resets to its prompt"
        if name == "sweeps":
            sweeps = int(_number(arguments.get("sweeps")))
            self._do(lines.SWEEPS, _channel(arguments.get("channel")), sweeps)
            return f"3 x {sweeps} sweeps for calibration of {arguments.get('channel')} begin"
        raise UsageError(f"no action {name!r}; actions are dbp, ack, calibrate, maintain, sweeps")

    def calibrate(self, channel: str, words: dict[str, int]) -> None:
        """Hand a calibration over, without waiting for the answer."""
        self._queue(lines.CALIBRATE, _channel(channel), *(words[word] for word in WORDS))

    def _do(self, command: int, *arguments: int) -> None:
        asked = self._queue(command, *arguments)
        try:
            refusal = asked.answer.result(timeout=_ANSWER_S * (_TRIES + 2))
        except TimeoutError:
            raise TurgorError("the board did not answer; look whether it is connected, then try again") from None
        if refusal:
            raise TurgorError(refusal)

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
            current.answer.set_result(text or "the board refused it" if refused else "")
            self._current = None

    def line(self, now: float) -> bytes | None:
        """The line that has to be sent now, if any."""
        current = self._current
        if current is None:
            try:
                current = self._current = self._waiting.get_nowait()
            except queue.Empty:
                return None
        elif now - current.sent_s < _ANSWER_S:
            return None
        if current.tries == _TRIES:
            current.answer.set_exception(TimeoutError())
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
            self._current.answer.set_exception(error)
            self._current = None
        while not self._waiting.empty():
            self._waiting.get_nowait().answer.set_exception(error)


def _number(value: Any) -> float:
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


def _rule(name: object) -> int:
    if name is None:
        return _ALL
    if name not in RULE_NAMES:
        raise UsageError(f"no rule {name!r}; rules are {' '.join(RULE_NAMES)}")
    return RULE_NAMES.index(str(name))
