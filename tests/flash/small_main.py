"""The least that a version of the firmware has to do: it answers greetings, and Ctrl-C ends it."""

import struct
import sys

from turgor import __version__
from turgor.link import lines
from turgor.link.frames import encode
from turgor.link.records import ANSWER, FRAME_LIMIT, HEADER, HEADER_SIZE, NO_SEQ, WIRE_VERSION


def main():
    text = b"version=" + __version__.encode() + b";platform=rp2;id=1"
    data = bytearray(lines.COMMAND_SIZE + 4)
    record = bytearray(FRAME_LIMIT)
    frame = bytearray(FRAME_LIMIT + 8)
    line = b""
    while True:
        byte = sys.stdin.buffer.read(1)
        if not byte:
            return
        if byte != b"\n":
            line += byte
            continue
        if lines.read_line(line, len(line), data):
            number, command = struct.unpack_from("<IB", data, 0)
            if command == lines.HELLO:
                struct.pack_into(HEADER, record, 0, ANSWER, 255, 1, NO_SEQ, 0)
                struct.pack_into(
                    "<IBBHIHIIIII", record, HEADER_SIZE, number, command, 0, WIRE_VERSION, 0, 1, 0, 0, 0, 0, 0
                )
                at = HEADER_SIZE + 34
                record[at : at + len(text)] = text
                n = encode(record, at + len(text), frame)
                sys.stdout.buffer.write(frame[:n])
        line = b""
