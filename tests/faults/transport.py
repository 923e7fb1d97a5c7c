"""A board and a host with a bad wire between them, in one process and in board time: every run is repeatable.

The board is the firmware's own app on fake drivers (`tests/dual/fake_board.py`), the host the `Replica` of the host
tool. `Rig.run` moves both on; what the board logged is kept as the truth, from the moment it was logged.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from struct import unpack_from
from types import ModuleType
from typing import Any

from turgor.link.records import GAP, HEADER, HEADER_SIZE
from turgor_host.wire import Replica

SECOND_US = 1_000_000
_STEP_US = 5000
_COMMIT_US = SECOND_US
# 115200 baud, both ways.
BYTES_PER_S = 11520
CHANNELS = ("calf_l", "calf_r", "forearm_l", "forearm_r")


@dataclass(frozen=True)
class Faults:
    """What a wire does to bytes: share of wrong bits, of dropped and of doubled bytes; latency from, to; cuts (s)."""

    bit_errors: float = 0.0
    dropped: float = 0.0
    doubled: float = 0.0
    latency_us: tuple[int, int] = (500, 2000)
    cuts: Sequence[tuple[float, float]] = ()

    def is_cut(self, us: int) -> bool:
        return any(start <= us / SECOND_US < end for start, end in self.cuts)


class Line:
    """One direction of a wire: as fast as its baud rate, in order, with faults."""

    def __init__(self, random: Random, faults: Faults) -> None:
        self.faults = faults
        self._random = random
        self._free_us = 0.0
        self._last_us = 0.0
        self._way: list[tuple[float, bytes]] = []

    def put(self, us: int, data: bytes) -> None:
        if not data or self.faults.is_cut(us):
            return
        self._free_us = max(self._free_us, us) + len(data) * SECOND_US / BYTES_PER_S
        self._last_us = max(self._last_us, self._free_us + self._random.randint(*self.faults.latency_us))
        self._way.append((self._last_us, self._spoiled(data)))

    def get(self, us: int) -> bytes:
        """What has arrived; a cut loses what is on its way."""
        if self.faults.is_cut(us):
            self._way.clear()
        n = 0
        while n < len(self._way) and self._way[n][0] <= us:
            n += 1
        arrived = b"".join(data for _, data in self._way[:n])
        del self._way[:n]
        return arrived

    def _spoiled(self, data: bytes) -> bytes:
        faults, random = self.faults, self._random
        if faults.bit_errors:
            spoiled = bytearray(data)
            # The distance to the next wrong bit, instead of a throw for every bit.
            at = self._distance()
            while at < 8 * len(spoiled):
                spoiled[at >> 3] ^= 1 << (at & 7)
                at += 1 + self._distance()
            data = bytes(spoiled)
        if faults.dropped or faults.doubled:
            kept = bytearray()
            for byte in data:
                throw = random.random()
                if throw >= faults.dropped:
                    kept.append(byte)
                if throw > 1 - faults.doubled:
                    kept.append(byte)
            data = bytes(kept)
        return data

    def _distance(self) -> int:
        return int(math.log(1 - self._random.random()) / math.log(1 - self.faults.bit_errors))


def noisy(channel: int) -> Callable[[int], int]:
    """Codes of a channel at 200 mmHg/1000: noise of about 90 codes rms, the same every time."""
    return lambda index: 160_000 + (index * (7919 + 2 * channel) + (index >> 5) * 104729) % 312


def default_board(fake: ModuleType, **options: Any) -> Any:
    """Four pressures and two impedances, as by default."""
    bridges = {name: (noisy(number),) for number, name in enumerate(CHANNELS)}
    return fake.Board(bridges, {"calf_z": lambda n: 7000 + n % 5, "thorax_z": lambda n: 5000 + n % 7}, **options)


class Rig:
    """`board` and a host with `faults` between them. `reads` and `commits` may be switched off for a while."""

    def __init__(self, board: Any, faults: Faults, seed: int = 1, begun_us: int = 0) -> None:
        random = Random(seed)
        self.board = board
        self.replica = Replica(host=seed)
        self.records: list[bytes] = []
        self.reads = True
        self.commits = True
        self.truth: dict[tuple[int, int], bytes] = {}
        self.sent_bytes = 0
        self._down, self._up = Line(random, faults), Line(random, faults)
        self._begun_us = begun_us
        self._committed_us = 0
        self._watch(board)
        self.replica.hello(self.now_s)

    @property
    def us(self) -> int:
        """Time since the first boot."""
        return self._begun_us + int(self.board.us)

    @property
    def now_s(self) -> float:
        return self.us / SECOND_US

    def _watch(self, board: Any) -> None:
        """Keep what the board has logged and will log."""
        log = board.app.log
        for record in board.logged():
            self._log(record)
        append = log.append

        def kept(n: int, *place: int) -> None:
            append(n, *place)
            self._log(bytes(log.record[:n]))

        log.append = kept

    def _log(self, record: bytes) -> None:
        _, _, boot, seq, _ = unpack_from(HEADER, record)
        self.truth[boot, seq] = record

    def restart(self, board: Any, off_us: int = 0) -> None:
        """The board lost its power and starts again as `board`, `off_us` later."""
        self._begun_us = self.us + off_us
        self.board = board
        self._watch(board)

    def run(self, until_s: float) -> None:
        """Move on to `until_s` of the time since the first boot."""
        board, replica = self.board, self.replica
        until_us = int(until_s * SECOND_US)
        while self.us < until_us:
            board.run(min(board.us + _STEP_US, until_us - self._begun_us))
            if not self.reads:
                continue
            sent = board.serial.take()
            self.sent_bytes += len(sent)
            self._down.put(self.us, sent)
            arrived = self._down.get(self.us)
            if arrived:
                self.records += replica.feed(arrived, self.now_s)
            replica.poll(self.now_s)
            if self.commits and self.us - self._committed_us >= _COMMIT_US:
                self._committed_us = self.us
                boot, next_seq = replica.position
                if next_seq:
                    replica.tell(boot, next_seq - 1, self.now_s)
            replica.answers.clear()
            replica.exchanges.clear()
            for line in replica.lines:
                self._up.put(self.us, line)
            replica.lines.clear()
            board.say(self._up.get(self.us))

    def checked(self) -> list[tuple[int, int, int]]:
        """The gaps (boot, first, last); every other record came exactly once, in order, as it was logged."""
        gaps: list[tuple[int, int, int]] = []
        boot = -1
        for record in self.records:
            kind, _, number, seq, _ = unpack_from(HEADER, record)
            if number != boot:
                assert number > boot
                boot, expected = number, 0
            assert seq == expected, f"record {seq} of boot {boot} where {expected} should be"
            if kind == GAP:
                expected = int.from_bytes(record[HEADER_SIZE : HEADER_SIZE + 4], "little") + 1
                if gaps and gaps[-1][0] == boot and gaps[-1][2] == seq - 1:
                    seq = gaps.pop()[1]
                gaps.append((boot, seq, expected - 1))
            else:
                assert self.truth[boot, seq] == record, f"record {seq} of boot {boot} is not what was logged"
                expected = seq + 1
        return gaps

    def behind(self) -> int:
        """Records that the board has logged and the host not yet taken."""
        boot, next_seq = self.replica.position
        return int(self.board.app.log.next_seq) - next_seq if boot == self.board.boot else 1 << 30
