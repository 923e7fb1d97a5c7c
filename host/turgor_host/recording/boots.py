"""The boots of a recording: each one's place in time, its channels, limits and calibrations."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from struct import calcsize, unpack_from

from turgor.app.config import codes_may_repeat
from turgor.core.channel import PressureChannel, pressure_channel
from turgor.core.channels import CHANNEL_NAMES, IMPEDANCE, NO_CHANNEL, SLOW
from turgor.core.filter_words import filter_state, set_calibration
from turgor.link import lines
from turgor.link.records import (
    COMMAND,
    GAP,
    IMPEDANCE_CHANNEL,
    LIMIT,
    PRESSURE_CHANNEL,
    READING,
    READING_SIZE,
    READINGS,
    SLOW_CHANNEL,
    row,
)
from turgor_host.calibrate.parts import CalibrationParts
from turgor_host.configuration.sensors import CALIBRATION_WORDS
from turgor_host.recording.schema import RARE, Row
from turgor_host.recording.store import Store
from turgor_host.timebase import Exchange, Mapping

# A block is stamped with its first sample and logged with its last, so times run back by at most this much.
_DISORDER_S = 60
_NO_SEQ = 0xFFFFFFFF
_READINGS_BODY = calcsize(row(READINGS)[2])


def channel_name(number: int) -> str:
    """Of what belongs to no channel `patient`."""
    if number == NO_CHANNEL:
        return "patient"
    return CHANNEL_NAMES[number] if number < len(CHANNEL_NAMES) else f"channel {number}"


@dataclass(frozen=True)
class Command:
    """A command that the board took: what it asked for and the record that says so, of board second `t_s`."""

    seq: int
    t_s: int
    command: int
    words: tuple[int, ...]


@dataclass(frozen=True)
class Recalibrated:
    """A calibration that the board took: of the channel's number, whole with the record `seq`."""

    seq: int
    channel: int
    words: tuple[int, ...]


@dataclass
class Setup:
    """How the board was set up for one channel, by the first record (`seq`) that says so; `words` are in the core's
    order."""

    number: int
    name: str
    kind: int
    driver: int
    settle_samples: int
    rate_millihz: int
    words: tuple[int, ...]
    seq: int = 0
    # (last index under the old one, words in order of `core.bounds`), in order
    calibrations: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)

    @classmethod
    def described(cls, number: int, values: Sequence[int], name: bytes, seq: int = 0) -> "Setup":
        """From the body's values and the tail of a channel's record."""
        text = name.decode("utf-8", "replace") or channel_name(number)
        return cls(number, text, values[0], values[1], values[2], values[3], tuple(values[4:]), seq)

    def is_impedance(self) -> bool:
        return bool(self.kind == IMPEDANCE)

    def is_slow(self) -> bool:
        """Whether its readings are its sensor's codes."""
        return self.kind in SLOW

    def state(self) -> "array[int]":
        """A fresh state array for the core."""
        if self.is_impedance():
            return array("i", self.words)
        median, *rest, threshold, release = self.words
        sections = [rest[at : at + 4] for at in (0, 4) if rest[at]]
        words: array[int] = filter_state(median, sections, rest[8:], threshold, release, self.settle_samples)
        return words

    def channel(self, words: "array[int]") -> PressureChannel:
        """The core's channel of a pressure sensor on a state array."""
        channel: PressureChannel = pressure_channel(
            self.kind, words, self.rate_millihz // 1000, codes_may_repeat(self.driver)
        )
        return channel

    def calibrated_from(self) -> Iterator[tuple[int, "array[int]"]]:
        """State arrays with each calibration that was in force, and the first index under it."""
        words = self.state()
        yield 0, words
        for last_index, calibration in self.calibrations:
            if self.is_impedance():
                words = array("i", calibration)
            else:
                words = words[:]
                set_calibration(words, *calibration)
            yield last_index + 1, words

    def calibration(self) -> tuple[int, ...]:
        """The words of the last calibration that was in force, in order of `core.bounds`."""
        if self.calibrations:
            return self.calibrations[-1][1]
        return self.words if self.is_impedance() else self.words[CALIBRATION_WORDS]


@dataclass
class Boot:
    """One run of the board. Recording time is board time + `shift_s`."""

    board: int
    number: int
    first_seq: int
    last_seq: int
    first_s: float
    last_s: float
    shift_s: float = 0.0
    exchanges: list[tuple[int, Exchange]] = field(default_factory=list)
    setups: dict[int, Setup] = field(default_factory=dict)
    limits: tuple[tuple[int, ...], ...] = ()
    commands: list[Command] = field(default_factory=list)
    calibrations: list[Recalibrated] = field(default_factory=list)
    # (seq, last seq) of the records that `gap` records stand for
    gaps: list[tuple[int, int]] = field(default_factory=list)

    def lost_before(self, seq: int, other: int) -> bool:
        """Whether records between `seq` and `other` were lost; -1 is the start."""
        if seq < 0 < self.first_seq:
            return True
        return any(seq < first < other for first, _ in self.gaps)

    @cached_property
    def timebase(self) -> Mapping:
        """Board time to UTC, with its uncertainty."""
        return Mapping(exchange for _, exchange in self.exchanges)

    def utc(self, board_s: float) -> float | None:
        """UTC of a board time, None when nobody knows."""
        return float(self.timebase.utc(board_s)) if self.timebase else None

    @property
    def key(self) -> tuple[int, int]:
        return self.board, self.number


def load_boots(store: Store) -> list[Boot]:
    """All boots in the order in which they were recorded."""
    exchanges: dict[tuple[int, int], list[tuple[int, Exchange]]] = {}
    for board, number, piece, *times in store.query(
        "SELECT board, boot, piece, sent, taken, answered, received FROM exchanges ORDER BY id"
    ):
        exchanges.setdefault((board, number), []).append((piece, Exchange(*times)))
    order = list(exchanges)
    boots = list(_ends(store))
    boots.sort(key=lambda boot: (order.index(boot.key) if boot.key in order else len(order), boot.number))
    for i, boot in enumerate(boots):
        boot.exchanges = exchanges.get(boot.key, [])
        boot.shift_s = _shift(boots[:i], boot)
        _configure(store, boot)
    return boots


def _ends(store: Store) -> Iterator[Boot]:
    """Each boot with its first and last record."""
    board, number = -(1 << 63), -1
    while True:
        found = store.query(
            "SELECT board, boot FROM records WHERE (board, boot) > (?, ?) ORDER BY board, boot LIMIT 1",
            board,
            number,
        )
        if not found:
            return
        board, number = found[0]
        where = "FROM records WHERE board = ? AND boot = ? ORDER BY seq"
        (first_seq, first_s) = store.query(f"SELECT seq, t_s {where} LIMIT 1", board, number)[0]
        (last_seq, last_s) = store.query(f"SELECT seq, t_s {where} DESC LIMIT 1", board, number)[0]
        yield Boot(board, number, first_seq, last_seq, first_s, last_s)


def _shift(earlier: list[Boot], boot: Boot) -> float:
    if not earlier:
        return -boot.first_s
    before = earlier[-1]
    after_it = before.last_s + before.shift_s - boot.first_s
    start = earlier[0]
    start_utc, utc = start.utc(start.first_s), boot.utc(boot.first_s)
    if start_utc is None or utc is None:
        return after_it
    return max(after_it, utc - boot.first_s - (start_utc - start.first_s) + start.shift_s)


def _configure(store: Store, boot: Boot) -> None:
    limits = []
    for seq, kind, channel, body in store.query(
        f"SELECT seq, kind, channel, body FROM records WHERE kind IN (?, ?, ?, ?) AND {RARE} "
        "AND board = ? AND boot = ? ORDER BY seq",
        PRESSURE_CHANNEL,
        IMPEDANCE_CHANNEL,
        SLOW_CHANNEL,
        LIMIT,
        *boot.key,
    ):
        form = row(kind)[2]
        if len(body) < calcsize(form):
            continue
        values = unpack_from(form, body)
        if kind == LIMIT:
            limits.append(values)
            continue
        # Later ones, for a late host, have the calibration then in force.
        boot.setups.setdefault(channel, Setup.described(channel, values, body[calcsize(form) :], seq))
    boot.limits = tuple(limits)
    boot.commands = list(load_commands(store, boot))
    boot.gaps = list(_gaps(store, boot))
    boot.calibrations = list(_whole(boot.commands))
    for calibration in boot.calibrations:
        _calibrate(store, boot, calibration)


def _whole(commands: list[Command]) -> Iterator[Recalibrated]:
    """The calibrations of which all parts are there, as the board puts them together."""
    parts = CalibrationParts()
    for command in commands:
        if command.command == lines.CALIBRATE and (whole := parts.take(command.words)):
            yield Recalibrated(command.seq, *whole)


def load_commands(store: Store, boot: Boot) -> Iterator[Command]:
    """The commands that are recorded by now, in order."""
    for seq, t_s, body in store.query(
        f"SELECT seq, t_s, body FROM records WHERE kind = ? AND {RARE} AND board = ? AND boot = ? ORDER BY seq",
        COMMAND,
        *boot.key,
    ):
        if len(body) == calcsize(row(COMMAND)[2]):
            _, command, status, _, *words = unpack_from(row(COMMAND)[2], body)
            if status == lines.OK:
                yield Command(seq, t_s, command, tuple(words))


def _gaps(store: Store, boot: Boot) -> Iterator[tuple[int, int]]:
    for seq, body in store.query(
        f"SELECT seq, body FROM records WHERE kind = ? AND {RARE} AND board = ? AND boot = ? ORDER BY seq",
        GAP,
        *boot.key,
    ):
        # Of a damaged one only its own place is certain.
        yield seq, unpack_from("<I", body)[0] if len(body) >= 4 else seq


def _calibrate(store: Store, boot: Boot, calibration: Recalibrated) -> None:
    """A calibration acts after the samples of the next readings record's tick."""
    found = store.query(
        "SELECT body FROM records WHERE board = ? AND boot = ? AND seq > ? AND kind = ? ORDER BY seq LIMIT 1",
        *boot.key,
        calibration.seq,
        READINGS,
    )
    setup = boot.setups.get(calibration.channel)
    if not found or setup is None or calibration.seq < setup.seq:
        return
    tail = found[0][0][_READINGS_BODY:]
    for at in range(0, len(tail) - READING_SIZE + 1, READING_SIZE):
        number, _, last_index, _, _ = unpack_from(READING, tail, at)
        if number == setup.number:
            setup.calibrations.append((last_index, calibration.words))


def rows_between(store: Store, boot: Boot, kind: int, channel: int | None, t0: float, t1: float) -> list[Row]:
    """(seq, t_s, body) of the records of `kind` that may hold something of board time t0 to t1."""
    low = seq_at(store, boot, t0 - _DISORDER_S)
    high = seq_at(store, boot, t1 + _DISORDER_S)
    which, values = ("", ()) if channel is None else ("AND channel = ?", (channel,))
    return store.query(
        "SELECT seq, t_s, body FROM records WHERE board = ? AND boot = ? "
        f"AND seq BETWEEN ? AND ? AND kind = ? {which} ORDER BY seq",
        *boot.key,
        low,
        high,
        kind,
        *values,
    )


def seq_at(store: Store, boot: Boot, t: float) -> int:
    """A record close to board time `t`, by bisection."""
    low, high = boot.first_seq, boot.last_seq
    if t <= boot.first_s:
        return low
    if t >= boot.last_s:
        # Whatever has come since the recording was opened.
        return _NO_SEQ
    while low < high:
        middle = (low + high) // 2
        seq, t_s = store.query(
            "SELECT seq, t_s FROM records WHERE board = ? AND boot = ? AND seq >= ? ORDER BY seq LIMIT 1",
            *boot.key,
            middle,
        )[0]
        if t_s < t:
            low = max(middle + 1, seq + 1)
        else:
            high = middle
    return min(low, boot.last_seq)
