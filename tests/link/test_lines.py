"""Host to board: printable lines that a Ctrl-C never hides in."""

import string
import struct
import zlib
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turgor.link.lines import COMMAND, COMMAND_SIZE, DBP, HELP, LINE_LIMIT, command_line, read_line

WORD = st.integers(-(2**31), 2**31 - 1)
FIELDS = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 255), WORD, WORD, WORD, WORD, WORD)


def read(text):
    """The command of a line without its end, or None."""
    data = bytearray(COMMAND_SIZE + 4)
    line = bytearray(text) + bytes(LINE_LIMIT - len(text))
    if not read_line(line, len(text), data):
        return None
    id, command, _, _, *words = struct.unpack_from(COMMAND, data)
    return id, command, *words


def test_by_hand():
    """Base64 of the struct and its CRC-32, between `!` and a line feed."""
    body = struct.pack("<IBBHiiiii", 1, 16, 0, 0, 60000, 0, 0, 0, 0)
    line = b"!" + b64encode(body + struct.pack("<I", zlib.crc32(body))) + b"\n"
    assert command_line(1, DBP, 60000) == line
    assert line.startswith(b"!AQAAABAAAABg6gAA")
    assert read(line[:-1]) == (1, DBP, 60000, 0, 0, 0, 0)


@given(FIELDS)
def test_comes_back_and_is_printable(fields):
    line = command_line(*fields)
    assert len(line) <= LINE_LIMIT
    assert line[-1:] == b"\n"
    assert min(line[:-1]) >= 0x20
    assert max(line) < 0x7F
    assert read(line[:-1]) == fields


def test_every_spoiled_character_is_refused():
    line = command_line(77, DBP, 61234, -1, 2**31 - 1)[:-1]
    assert read(line) is not None
    alphabet = (string.ascii_letters + string.digits + "+/").encode()
    for at in range(len(line)):
        for byte in (*alphabet, *b"=!-_ \x03\x7f\xff\x00"):
            if byte != line[at]:
                assert read(line[:at] + bytes((byte,)) + line[at + 1 :]) is None


def test_a_flipped_bit_of_the_command_is_refused():
    line = command_line(123456789, DBP, 60000)[:-1]
    data = bytearray(b64decode(line[1:]))
    for bit in range(8 * len(data)):
        spoiled = bytearray(data)
        spoiled[bit // 8] ^= 1 << bit % 8
        assert read(b"!" + b64encode(spoiled)) is None


def test_no_second_text_stands_for_a_command():
    """Only zeros but the id: `=` for `A` within, other digits for the last, would decode to the same bytes."""
    line = command_line(5, 0)[:-1]
    assert line.endswith(b"=")
    assert b"AAAA" in line
    assert read(line) is not None
    for at in range(1, len(line) - 1):
        assert read(line[:at] + b"=" + line[at + 1 :]) is None
    digits = (string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/").encode()
    last = digits.index(line[-2])
    for unused in (1, 2, 3):
        text = line[:-2] + bytes((digits[last | unused],)) + b"="
        assert b64decode(text[1:]) == b64decode(line[1:])
        assert read(text) is None
    assert read(line[:-1] + b"A") is None


@pytest.mark.parametrize("text", [b"", b"!", b"help", b"\x04", b"!" + b"A" * 43, b"!" + b"A" * 45, b"?" + b"A" * 44])
def test_what_is_no_command_is_refused(text):
    assert read(text) is None


def test_the_help_text_is_a_line_and_ends_a_frame():
    assert HELP.startswith(b"\r\n")
    assert HELP.endswith(b"\r\n\0")
    assert b"`turgor`" in HELP
    # It is written in place of a frame.
    assert len(HELP) <= 256
