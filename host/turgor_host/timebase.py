"""Board time to UTC, from exchanges over the wire: drift and uncertainty included.

One exchange gives four times. No message arrives before it was sent, so utc - board time is at least sent - taken at
board time `taken`, and at most received - answered at board time `answered`, whatever the latencies were. What such
bounds leave of the board's clock is a `ClockRange`: its centroid is the estimate, its extent the uncertainty. Bounds
that leave nothing tell that a clock has jumped, or drifts beyond all allowance, and a new piece begins. Across a jump
of more than JUMP_S the board's clock counts on, so that durations stay right; below, the host's is followed.

Live, `Timebase` holds one polygon of at most POINTS_LIMIT corners. Exchanges that cut nothing off it follow from the
ones before: without them `Mapping`, which looks at a moment from both sides, knows just as much.

Times are s, board time as one number; UTC is that of a clock which never jumps (`wallclock`).
"""

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from turgor_host.clockrange import DRIFT, RATE_LIMIT, RESOLUTION_S, SWING, ClockRange
from turgor_host.wallclock import JUMP_S

Floats = NDArray[np.float64]

# Moments for which the mapping of a recording is worked out; straight in between.
_KNOT_S = 120.0
# Beyond the first and the last exchange their distances double, up to a year.
_BEYOND_S = tuple(2.0**i for i in range(-3, 26))
# No exchange takes longer than this on its way.
_UNDER_WAY_S = 10.0


class Exchange(NamedTuple):
    """UTC of sending and receiving by the host, board time of taking the line and answering it."""

    sent: float
    taken: float
    answered: float
    received: float


def of_one_moment(exchange: Exchange) -> Exchange:
    """What an exchange says of a clock that runs at another speed: its answer fell between sending and receiving."""
    return exchange._replace(taken=exchange.answered)


class Jump(NamedTuple):
    """At board time `board_s` the host's clock had moved by `by_s` against the board's."""

    board_s: float
    by_s: float
    uncertainty_s: float


def is_possible(exchange: Exchange) -> bool:
    """Whether there is any clock with which an exchange can have been."""
    sent, taken, answered, received = exchange
    if not all(map(isfinite, exchange)) or answered < taken or received < sent:
        return False
    return (answered - taken) * (1 - RATE_LIMIT) <= received - sent + RESOLUTION_S


def narrowed(known: ClockRange, exchange: Exchange, base_s: float) -> ClockRange | None:
    """What an exchange leaves; `known` itself when it is no news, None: nothing. Offsets are relative to `base_s`."""
    low = exchange.sent - exchange.taken - base_s - RESOLUTION_S
    high = exchange.received - exchange.answered - base_s + RESOLUTION_S
    left = known.bounded(exchange.taken, low, float("inf"))
    return left and left.bounded(exchange.answered, float("-inf"), high)


def alone(exchange: Exchange, base_s: float) -> ClockRange:
    """All that one exchange allows."""
    low = exchange.sent - exchange.taken - base_s - RESOLUTION_S
    high = exchange.received - exchange.answered - base_s + RESOLUTION_S
    slack = RATE_LIMIT * (exchange.answered - exchange.taken)
    known = ClockRange.between(exchange.answered, low - slack, high)
    return narrowed(known, exchange, base_s) or known


def jump_between(before: ClockRange, after: ClockRange, board_s: float | None = None) -> Jump:
    """From where one piece leads to where the next is, at its begin or another board time."""
    at_s = after.time_s if board_s is None else board_s
    led, stands = before.at(at_s), after.at(at_s)
    return Jump(at_s, stands.offset_s - led.offset_s, led.uncertainty_s + stands.uncertainty_s)


class Timebase:
    """One boot's board time to UTC as the exchanges come. `piece` counts the jumps that were seen, `jump` is the last.

    An exchange that contradicts those before may have been under way when the clock jumped, others with it: the next
    piece begins with one that was sent after it. Until then `is_in_doubt`, and the old piece goes on.
    """

    def __init__(self) -> None:
        self.piece = 0
        self.jump: Jump | None = None
        self._known: ClockRange | None = None
        self._base_s = 0.0
        # The piece before, and when the exchange was received that contradicts it.
        self._before: ClockRange | None = None
        self._doubted_s = 0.0
        # How far UTC lies from the host's time in the piece before, and how sure that is.
        self._shift_s = self._shift_uncertainty_s = 0.0

    @property
    def is_in_doubt(self) -> bool:
        return self._known is None and self._before is not None

    def add(self, exchange: Exchange) -> bool:
        """Take an exchange; True when it says what those before did not, so that it is worth keeping."""
        if not is_possible(exchange):
            return False
        if self._known is None:
            if self._before is not None and 0 < self._doubted_s - exchange.sent < _UNDER_WAY_S:
                return False
            self._begin_piece(exchange)
            return True
        left = narrowed(self._known, exchange, self._base_s)
        if left is self._known:
            return False
        if left is None:
            self._before = self._known
            self._doubted_s = exchange.received
        self._known = left
        self._refine_jump()
        return True

    def _begin_piece(self, exchange: Exchange) -> None:
        if self._before is None:
            self._base_s = exchange.sent - exchange.taken
        self._known = alone(exchange, self._base_s)
        if self._before is not None:
            self._shift_s, self._shift_uncertainty_s = self._shift()
            self.piece += 1
            self.jump = jump_between(self._before, self._known)

    def _refine_jump(self) -> None:
        """It is known the better the more is known of the piece after it, at first."""
        if self._known and self._before and self.jump:
            jump = jump_between(self._before, self._known, self.jump.board_s)
            if jump.uncertainty_s < self.jump.uncertainty_s:
                self.jump = jump

    def _shift(self) -> tuple[float, float]:
        if self.jump is None or abs(self.jump.by_s) <= JUMP_S:
            return self._shift_s, self._shift_uncertainty_s
        return self._shift_s - self.jump.by_s, self._shift_uncertainty_s + self.jump.uncertainty_s

    def utc(self, board_s: float) -> tuple[float, float]:
        """UTC of a board time near the latest exchange, and its uncertainty; NaN and infinite before the first one."""
        known = self._known or self._before
        if known is None:
            return float("nan"), float("inf")
        shift_s, shift_uncertainty_s = self._shift()
        offset_s, uncertainty_s, _ = known.at(board_s)
        return board_s + (self._base_s + shift_s + offset_s), uncertainty_s + shift_uncertainty_s

    def rate(self) -> float:
        """By how many ppm UTC passes faster than board time; 0 before the first exchange."""
        known = self._known or self._before
        return 1e6 * known.at(known.time_s).rate if known else 0.0


def thinned(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Those from which all the others follow."""
    base = Timebase()
    return [exchange for exchange in exchanges if base.add(exchange)]


class Mapping:
    """One boot's board time to UTC from all exchanges that were kept, in any order. UTC never runs back.

    `jumps` are those of the host's clock against the board's, small ones too.
    """

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self.jumps: list[Jump] = []
        self._base_s = 0.0
        pieces = _pieces(exchanges)
        if pieces:
            self._base_s = pieces[0][0].sent - pieces[0][0].taken
        knots = _Knots()
        last: ClockRange | None = None
        for piece in pieces:
            ranges = list(_from_both_sides(piece, self._base_s))
            if last is None:
                knots.add(ranges[0], [ranges[0].time_s - away for away in reversed(_BEYOND_S)])
            else:
                self.jumps.append(jump_between(last, ranges[0]))
                knots.cross(self.jumps[-1])
            for known in ranges:
                knots.add(known, [known.time_s])
            last = ranges[-1]
        if last is not None:
            knots.add(last, [last.time_s + away for away in _BEYOND_S])
        self._board_s, self._offset_s, self._uncertainty_s, self._between_s = knots.columns()

    def __bool__(self) -> bool:
        return len(self._board_s) > 0

    def utc(self, board_s: Sequence[float] | Floats | float) -> Floats:
        """UTC of board times; NaN without any exchange."""
        times = np.asarray(board_s, dtype=np.float64)
        if not self:
            return np.full(times.shape, np.nan)
        return times + (self._base_s + np.interp(times, self._board_s, self._offset_s))

    def uncertainty(self, board_s: Sequence[float] | Floats | float) -> Floats:
        """How far off `utc` may be at board times; infinite without any exchange."""
        times = np.asarray(board_s, dtype=np.float64)
        if not self:
            return np.full(times.shape, np.inf)
        between = self._between_s[np.clip(np.searchsorted(self._board_s, times) - 1, 0, None)]
        return np.interp(times, self._board_s, self._uncertainty_s) + between


class _Knots:
    """Gathers the rows of a mapping: board time, offset, uncertainty, and what more it may be up to the next row."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, float, float]] = []
        self._steps: dict[int, float] = {}
        self._shift_s = self._shift_uncertainty_s = 0.0

    def cross(self, jump: Jump) -> None:
        """What comes next is told by a host's clock that has jumped."""
        if abs(jump.by_s) > JUMP_S:
            self._shift_s -= jump.by_s
            self._shift_uncertainty_s += jump.uncertainty_s
        else:
            self._steps[len(self._rows) - 1] = abs(jump.by_s)

    def add(self, known: ClockRange, times: Iterable[float]) -> None:
        for time_s in times:
            offset_s, uncertainty_s, _ = known.at(time_s)
            self._rows.append((time_s, offset_s + self._shift_s, uncertainty_s + self._shift_uncertainty_s))

    def columns(self) -> tuple[Floats, Floats, Floats, Floats]:
        board_s, offset_s, uncertainty_s = np.array(self._rows, dtype=np.float64).reshape(-1, 3).T
        apart = np.diff(board_s, append=board_s[-1:])
        # By so much an oscillator that drifts leaves the straight line between two moments.
        between = np.minimum(DRIFT * apart**2 / 8, SWING * apart / 2)
        # Beyond the ends the estimate itself is a straight line, and its uncertainty says it all.
        between[: len(_BEYOND_S)] = 0
        between[len(between) - len(_BEYOND_S) - 1 :] = 0
        for row, step in self._steps.items():
            between[row] += step
        # Two pieces may meet with a step back that is too small for a jump.
        rising = np.maximum.accumulate(board_s + offset_s) - board_s
        return board_s, rising, uncertainty_s + (rising - offset_s), between


def _pieces(exchanges: Iterable[Exchange]) -> list[list[Exchange]]:
    """What is worth keeping, in order, piece by piece."""
    base = Timebase()
    pieces: list[list[Exchange]] = []
    for exchange in sorted(filter(is_possible, exchanges), key=lambda exchange: exchange.taken):
        if base.add(exchange) and not base.is_in_doubt:
            if base.piece == len(pieces):
                pieces.append([])
            pieces[-1].append(exchange)
    return pieces


def _from_both_sides(piece: list[Exchange], base_s: float) -> Iterator[ClockRange]:
    """All that a piece leaves of the clock at its begin, at its end and at moments between."""
    first, last = piece[0].taken, piece[-1].taken
    times: list[float] = np.linspace(first, last, 2 + int((last - first) / _KNOT_S)).tolist()
    since = list(_followed(piece, times, 1, base_s))
    until = list(_followed(piece[::-1], times[::-1], -1, base_s))
    for before, after in zip(since, reversed(until), strict=True):
        if before and after:
            yield before.common(after) or before
        elif before:
            yield before
        elif after:
            yield after


def _followed(
    exchanges: list[Exchange], times: list[float], direction: int, base_s: float
) -> Iterator[ClockRange | None]:
    """What the exchanges up to each of the times leave, None before the first; `direction` -1: both run back."""
    known: ClockRange | None = None
    at = 0
    for time_s in times:
        while at < len(exchanges) and direction * (exchanges[at].taken - time_s) <= 0:
            known = (known and narrowed(known, exchanges[at], base_s)) or known or alone(exchanges[at], base_s)
            at += 1
        yield known and known.moved(time_s)
