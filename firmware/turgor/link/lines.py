"""Host to board: one command a line of printable ASCII, so that 0x03 (Ctrl-C) never occurs in it.

A line is `!`, the base64 of a command and its CRC-32, and a line feed. A command is
    id u32, command u8, reserved u8, reserved u16, a b c d e i32   (COMMAND_SIZE bytes)
"""

import struct
from binascii import b2a_base64

from turgor.link.frames import CRC_TABLE, crc_append, crc_fits
from turgor.mp import const, micropython, ptr8

COMMAND = "<IBBHiiiii"
COMMAND_SIZE = const(28)
LINE_LIMIT = const(200)
# Bytes on the wire that the host has not read; the board never sends beyond.
UNREAD_LIMIT = const(2048)
# As the last seq of a range: whatever there is. A gap up to it says that nothing more is left of a boot.
LAST_SEQ = const(0x3FFFFFFF)
_MARK = const(0x21)
# base64 fills its last four digits with it.
_FILL = const(0x3D)
_TEXT_LENGTH = const(44)

# About the wire itself: not logged.
HELLO = const(1)  # a, b: boot and seq wanted next (boot -1: the oldest there is); c: who asks
ACK = const(2)  # a: bytes read since hello; b, c: boot and seq committed (seq -1: none)
RESEND = const(3)  # a: boot; b, c and d, e: first and last seq of what to send again (-1: none)
PING = const(4)  # answered at once, with the times of both
# Answered by what came of it; not logged either.
FIRST_ASKED = const(8)
CONFIG_PART = const(8)  # a: where in the image of a configuration, which is sent in order; b to e: 16 bytes of it
# Logged, acting at the next 1 Hz tick.
FIRST_LOGGED = const(16)
DBP = const(16)  # a: milli-mmHg
ACKNOWLEDGE = const(17)  # a, b: channel and rule, 255 each for all
# a: channel + 2^8 x driver + 2^16 x how many words came before; b to e: the next words of its calibration, 0 behind the
# last. It acts as a whole once the last ones are there: CALIBRATION_BOUNDS or `impedance_bound` of `core.bounds`.
CALIBRATE = const(18)
MARK = const(19)  # a: microsecond within the record's second; only logged
MAINTAIN = const(20)  # the board stops and resets to a bare prompt
SWEEPS = const(21)  # a impedance channel, b sweeps in each of the modes for calibration
CONFIGURE = const(22)  # a: size of the image that was sent, b: its CRC-32; kept, and in force from the next start on
PAUSE = const(23)  # a: seconds without sound, 0 ends a pause; an alarm above those that stand ends it too
CONFIG_PART_SIZE = const(16)
# a: kind + 2^8 x channel (255: none) + 2^16 x part. Part 0 acts: b the value in the unit and scale of its kind
# (NO_VALUE: none), c how many bytes of UTF-8 text follow in parts 1, 2, ..: b to e, 16 bytes each, 0 behind the last.
ENTRY = const(24)
CONFIRM = const(25)  # a, b: channel and rule
STATE = const(26)  # a: channel, b: its state, of `core.entries`
ADMIT = const(27)  # a: pseudonymous number; b: age group, c: LOCAL and LATE, both of `core.entries`
DISCHARGE = const(28)
ENTRY_PART_SIZE = const(16)
NO_VALUE = const(-0x20000000)

# Status of an answer; the text of one that refuses says why.
OK = const(0)
REFUSED = const(1)
BUSY = const(2)  # another host is served

HELP = b"\r\nThis is a Turgor board. It speaks to the program `turgor`; Ctrl-C gives the REPL.\r\n\x00"


def command_line(id, command, a=0, b=0, c=0, d=0, e=0):
    """The line of a command, for the host and tests."""
    data = bytearray(COMMAND_SIZE + 4)
    struct.pack_into(COMMAND, data, 0, id, command, 0, 0, a, b, c, d, e)
    crc_append(data, COMMAND_SIZE, CRC_TABLE)
    return b"!" + b2a_base64(data).rstrip() + b"\n"


@micropython.viper
def _decode(line: ptr8, data: ptr8) -> int:
    """The 43 digits behind the mark into `data`; 1 when each is one and the last has no bits beyond the command."""
    at = 0
    pending = 0
    bits = 0
    i = 1
    while i < 44:
        value = line[i]
        if value >= 97 and value <= 122:
            value -= 71
        elif value >= 65 and value <= 90:
            value -= 65
        elif value >= 48 and value <= 57:
            value += 4
        elif value == 43:
            value = 62
        elif value == 47:
            value = 63
        else:
            return 0
        pending = (pending << 6) | value
        bits += 6
        if bits >= 8:
            bits -= 8
            data[at] = pending >> bits
            at += 1
            pending &= (1 << bits) - 1
        i += 1
    return 0 if pending else 1


def read_line(line, n, data):
    """Decode the first `n` bytes of `line` (without its end) into `data`; True when it is a whole command.

    Of the texts that base64 would take for one command only that of `command_line` is one.
    """
    if n != _TEXT_LENGTH + 1 or line[0] != _MARK or line[_TEXT_LENGTH] != _FILL:
        return False
    return _decode(line, data) and crc_fits(data, COMMAND_SIZE)
