"""A made-up board: its readings are given, its medians, baselines and alarms are the core's own."""

import struct
import threading
from array import array
from collections.abc import Callable, Sequence

import pytest

from turgor.core.alarms import EVENT_WORDS
from turgor.core.channels import CHANNELS, IMPEDANCE, NO_CHANNEL, channel_id
from turgor.core.entries import AGE_AT, LOCAL
from turgor.core.judge import Judge
from turgor.core.judge_state import pack_judge
from turgor.core.median import ABSENT
from turgor.core.packed import WORD_SIZE, put_words
from turgor.core.rules import DEFAULT_LIMITS, RULE_NAMES
from turgor.link import lines, records
from turgor_host.entered import joined
from turgor_host.entries import BY_NAME, STATES, commands_of
from turgor_host.errors import TurgorError, UsageError
from turgor_host.live import Live

Readings = list[float | None]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: drives the page in real Chromium")


class MadeUpBoard:
    """Feeds `live` with the records that a board with the six default channels, or with `channels`, would log.

    `readings` are mmHg and ohm in order of the channels, None for one that is not valid.
    """

    def __init__(self, live: Live, boot: int = 1, channels: Sequence[int] = range(6)) -> None:
        self.live = live
        self.boot = boot
        self.t_s = 0
        self.readings: Readings = [22.0, 14.0, 9.0, 9.5, 60.0, 50.0]
        self.invalid_flags = 0
        self._seq = 0
        self._channels = list(channels)
        self._judge = Judge(self._channels, DEFAULT_LIMITS)
        self._pending: list[tuple[int, ...]] = []
        self._acting: list[tuple[int, ...]] = []
        self._lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """What the log begins with."""
        self.live.clock(self.boot, 1_800_000_000.0, 0.001)
        self.put("boot", 255, (records.WIRE_VERSION, 0, 6, 0, 7), b"runtime=MicroPython 1.29.0")
        for number in self._channels:
            name, kind, _ = CHANNELS[number]
            if kind == IMPEDANCE:
                self.put("impedance_channel", number, (kind, 2, 0, 500, *[0] * 19), name.encode())
            else:
                self.put("pressure_channel", number, (kind, 1, 160, 80000, *[0] * 15), name.encode())

    def put(self, kind: str, channel: int, values: tuple[int, ...], tail: bytes = b"") -> None:
        number = records.row(kind)[0]
        record = records.pack(number, channel, self.boot, self._seq, self.t_s, values, tail)
        self._seq = values[0] + 1 if kind == "gap" else self._seq + 1
        self.live.feed(*records.unpack(record))

    def lose(self, count: int) -> None:
        self.put("gap", 255, (self._seq + count - 1,))

    def act(self, name: str, **arguments: object) -> str:
        """What a session does with a user's wish, without a wire; it acts at the next second."""
        if name == "dbp":
            mmhg = arguments["mmhg"]
            if not isinstance(mmhg, (int, float)) or not 10 <= mmhg <= 200:
                raise UsageError(f"a diastolic pressure of {mmhg} mmHg is refused;\nit must lie between 10 and 200")
            return self._later("DBP taken", lines.DBP, round(mmhg * 1000), 0)
        if name == "admit":
            return self._later("admitted", lines.ADMIT, 17, 0, LOCAL if arguments["local"] else 0)
        if name == "discharge":
            return self._later("discharged", lines.DISCHARGE)
        if name == "pause":
            return self._later("sound paused", lines.PAUSE, int(str(arguments["seconds"])), 0)
        channel, rule = arguments.get("channel"), arguments.get("rule")
        if name == "note":
            return self._enter(**arguments)
        if name == "state":
            return self._later("told", lines.STATE, channel_id(channel), STATES.index(str(arguments["state"])))
        numbers = (
            255 if channel is None else channel_id(channel),
            255 if rule is None else RULE_NAMES.index(str(rule)),
        )
        if not self._judge.alarms.standing(*numbers):
            raise TurgorError("no such alarm stands unacknowledged")
        return self._later("acknowledged", lines.ACKNOWLEDGE, *numbers)

    def _later(self, done: str, *command: int) -> str:
        with self._lock:
            self._pending.append(command)
        return done

    def _enter(self, kind: str, value: float | None, text: str, channel: str | None) -> str:
        commands = commands_of(BY_NAME[kind], value, text, NO_CHANNEL if channel is None else channel_id(channel))
        with self._lock:
            self._pending += commands
        return f"noted: {joined([words for _, *words in commands]).line()}"

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.second()

    def ramp(self, number: int, reading: float, seconds: int) -> None:
        """A reading goes to `reading` in so many seconds: a fall that is neither an electrode's nor a catheter's."""
        start = self.readings[number] or 0.0
        for second in range(1, seconds + 1):
            self.readings[number] = start + (reading - start) * second / seconds
            self.second()

    def send(self) -> None:
        """Log what was asked since; it acts at the next tick."""
        with self._lock:
            pending, self._pending = self._pending, []
        for command, *words in pending:
            self.put("command", 255, (1, command, 0, 0, *words, *[0] * (5 - len(words))))
        self._acting += pending

    def second(self) -> None:
        """One tick, in the order of the board's."""
        self.send()
        pending, self._acting = self._acting, []
        self.t_s += 1
        judge = self._judge
        judge.begin()
        for command, *words in pending:
            if command == lines.DBP:
                judge.type_dbp(words[0])
            elif command == lines.ADMIT:
                judge.admit(words[2] | words[1] << AGE_AT)
            elif command == lines.ACKNOWLEDGE:
                judge.alarms.acknowledge(*words)
            elif command == lines.STATE:
                judge.set_state(*words)
        tail = b""
        for position, (number, reading) in enumerate(zip(self._channels, self.readings, strict=True)):
            milli = 123456 if reading is None else round(reading * 1000)
            flags = self.invalid_flags if reading is None else records.VALID
            if judge.reading(position, ABSENT if reading is None else milli, flags):
                self.put("baseline", number, judge.baseline(position))
            if judge.medians[position] != ABSENT:
                flags |= records.MEDIAN_VALID
            tail += struct.pack(records.READING, number, flags, self.t_s * 80, milli, judge.medians[position])
        self.put("readings", 255, (judge.dbp_milli_mmhg, judge.dbp_age_s, judge.dbp_source), tail)
        for position in range(len(self._channels) + 1):
            judge.weigh(position)
            judge.decide(position)
            self._events()

    def snapshot(self) -> None:
        """What the board writes every minute of its rules."""
        packed = bytearray(3000)
        put_words(array("i", [self._judge.alarms.limits_sum]), 0, 1, packed, 0)
        size = pack_judge(self._judge, packed, WORD_SIZE)
        parts = [bytes(packed[at : min(at + 200, size)]) for at in range(0, size, 200)]
        for part, words in enumerate(parts):
            self.put("rule_state", 255, (part, len(parts)), words)

    def _events(self) -> None:
        alarms = self._judge.alarms
        for i in range(alarms.event_count):
            at = i * EVENT_WORDS
            channel, rule, state, priority, stage, value, limit = alarms.events[at : at + EVENT_WORDS]
            self.put("event", channel, (rule, priority, state, stage, value, limit))
        alarms.event_count = 0


def _make_live() -> Live:
    live = Live("sim:", True, 60, "/somewhere/run.turgor")
    live.identity({"runtime": "MicroPython 1.29.0", "machine": "virtual board", "version": "0.1.0"})
    live.connection("live")
    return live


@pytest.fixture
def live() -> Live:
    """The state of a simulated run at 60 times the speed of time."""
    return _make_live()


@pytest.fixture
def new_live() -> Callable[[], Live]:
    return _make_live


@pytest.fixture
def board(live: Live) -> MadeUpBoard:
    return MadeUpBoard(live)


@pytest.fixture
def new_board() -> Callable[..., MadeUpBoard]:
    return MadeUpBoard
