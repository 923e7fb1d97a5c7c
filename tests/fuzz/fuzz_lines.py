"""Fuzzes the board's command parser: `read_line` by itself, and the wire of a whole board on a fake serial port.

    python tests/fuzz/fuzz_lines.py --inputs 10000000 --seed 1

Promises: nothing raises; `read_line` takes a line exactly when it is the one text that base64 has for a command and its
CRC-32; the board runs no command that did not stand in such a line; the wire comes to rest; memory stays flat.
Runs under MicroPython too, with the folders firmware, host and tests/dual in its path.
"""

import random
import struct
import sys
from binascii import a2b_base64, b2a_base64, crc32

from fuzzing import main, random_bytes, spoiled

try:
    import fake_board
except ImportError:
    sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/dual")
    import fake_board

from turgor.app import app
from turgor.app.tick import Maintenance
from turgor.link import lines
from turgor_host.sim.flash import Flash

# Of the time that passes for the board, in which ticks act on what was taken.
_INPUTS_A_SECOND = 40
_MOST_STEPS = 2000
_SECTORS = 24
_LOG_BYTES = 4096
_TEXT_SIZE = (lines.COMMAND_SIZE + 4 + 2) // 3 * 4
_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_WORDS = (0, 1, -1, 2, 5, 7, 8, 16, 200, 255, 256, 60000, 1 << 16, 0x3FFFFFFF, 0x7FFFFFFF, -0x80000000)
_COMMANDS = (
    lines.HELLO,
    lines.ACK,
    lines.RESEND,
    lines.PING,
    lines.DBP,
    lines.ACKNOWLEDGE,
    lines.CALIBRATE,
    lines.PAUSE,
)


def make_board(flash):
    """The board that is fuzzed: pressure of two limbs and an impedance, a log that is soon full, and what it keeps."""
    bridges = {"calf_l": (lambda index: 280000,), "calf_r": (lambda index: 160000 + index * 7919 % 997,)}
    whole = app.LOG_BYTES
    app.LOG_BYTES = _LOG_BYTES
    board = fake_board.Board(bridges, {"calf_z": lambda sweep: 1000}, flash=flash)
    app.LOG_BYTES = whole
    board.run(1500000)
    return board


def command_of(line):
    """The command, as its fields, of a line without its end; None when it is not the text of one."""
    if len(line) != 1 + _TEXT_SIZE or line[:1] != b"!":
        return None
    try:
        data = a2b_base64(line[1:])
    except ValueError:
        return None
    size = lines.COMMAND_SIZE
    # What is decoded leniently is the right text only when it comes out again.
    if len(data) != size + 4 or b2a_base64(data).rstrip() != line[1:]:
        return None
    if crc32(data[:size]) & 0xFFFFFFFF != int.from_bytes(data[size:], "little"):
        return None
    id, command, _, _, a, b, c, d, e = struct.unpack(lines.COMMAND, data[:size])
    return id, command, a, b, c, d, e


def _word():
    if random.getrandbits(2):
        return random.choice(_WORDS)
    return random.getrandbits(32) - 0x80000000


def _line():
    """The line of a command that may or may not make sense."""
    command = random.choice(_COMMANDS) if random.getrandbits(3) else random.getrandbits(8)
    return lines.command_line(random.getrandbits(5), command, _word(), _word(), _word(), _word(), _word())


def _bad_crc():
    """A well-formed line whose CRC is not that of its command."""
    data = bytearray(a2b_base64(_line()[1:-1]))
    bit = random.randrange(8 * len(data))
    data[bit >> 3] ^= 1 << (bit & 7)
    return b"!" + b2a_base64(data).rstrip() + b"\n"


def _other_text():
    """A text that lenient base64 takes for the same command."""
    line = bytearray(_line())
    if random.getrandbits(1):
        line[-3] = _DIGITS[_DIGITS.index(bytes(line[-3:-2])) | (1 + random.randrange(3))]
    else:
        line[1 + random.randrange(_TEXT_SIZE - 1)] = 61
    return bytes(line)


def make_input():
    kind = random.getrandbits(4)
    if kind < 3:
        return _line()
    if kind < 8:
        return spoiled(_line(), 1 + random.getrandbits(2))
    if kind < 10:
        return _bad_crc()
    if kind == 10:
        return _other_text()
    if kind == 11:
        return spoiled(_line() + _line(), 1)
    if kind == 12:
        return b"!" + bytes([random.choice(_DIGITS) for _ in range(_TEXT_SIZE - 1)]) + b"=\n"
    if kind == 13:
        return random_bytes(random.getrandbits(6)) * random.randrange(9) + b"\r\n"
    return random_bytes(random.getrandbits(6))


class Lines:
    """The target; `executed` counts the commands that the board has run."""

    life = 10000

    def __init__(self):
        self.commands = 0
        self.refused = 0
        self.executed = 0
        # Its content outlives the boards, one boot after the other.
        self._flash = Flash(None, _SECTORS)
        self._data = bytearray(lines.COMMAND_SIZE + 4)
        self._buffer = bytearray(lines.LINE_LIMIT)

    def restart(self):
        self._board = make_board(self._flash)
        tick = self._board.app.tick
        self._execute = tick.execute
        tick.execute = self._spy
        self._rest = b""
        self._sent = []
        self._number = 0

    def feed(self):
        data = make_input()
        parts = (self._rest + data.replace(b"\r", b"\n")).split(b"\n")
        # A line that never ends is as long as the board's buffer, and then no command.
        self._rest = parts.pop()[: lines.LINE_LIMIT]
        self._sent = [command for command in map(self._read, parts) if command]
        board = self._board
        board.say(data)
        self._number += 1
        try:
            if self._number % _INPUTS_A_SECOND == 0:
                board.run(board.us + 1000000)
                board.alarms.clear()
            self._drain()
        except Maintenance:
            # Somebody asked for it: the board starts anew.
            self.restart()
        board.serial.take()

    def _drain(self):
        board = self._board
        for _ in range(_MOST_STEPS):
            if board.app.tick.busy:
                board.run(board.us + 1000)
            elif board.app.wire.step(board.ticks()) and not board.serial.inbox:
                return
        raise AssertionError("the wire does not come to rest")

    def _read(self, line):
        """What a plain reader finds in a line, once `read_line` has found the same."""
        if not line:
            return None
        wanted = command_of(line)
        n = min(len(line), lines.LINE_LIMIT)
        self._buffer[:n] = line[:n]
        taken = lines.read_line(self._buffer, n, self._data)
        assert taken == (wanted is not None), ("read_line", taken, line)
        if not taken:
            self.refused += 1
            return None
        id, command, _, _, a, b, c, d, e = struct.unpack_from(lines.COMMAND, self._data, 0)
        assert wanted == (id, command, a, b, c, d, e), ("read_line", wanted, line)
        self.commands += 1
        return wanted

    def _spy(self, id, command, a, b, c, d, e):
        assert (id, command, a, b, c, d, e) in self._sent, (
            "a command that nobody sent ran",
            id,
            command,
            a,
            b,
            c,
            d,
            e,
        )
        self.executed += 1
        return self._execute(id, command, a, b, c, d, e)

    def counts(self):
        return (
            ("lines that are commands", self.commands),
            ("lines that are none", self.refused),
            ("commands that the board ran", self.executed),
        )


if __name__ == "__main__":
    main(Lines())
