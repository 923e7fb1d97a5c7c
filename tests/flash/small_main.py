"""The least that a version of the firmware has to do: greetings are answered, Ctrl-C and MAINTAIN end it."""

import os
import struct
import sys

import machine

from turgor import __version__, filler
from turgor.link import lines
from turgor.link.frames import encode
from turgor.link.records import ANSWER, FRAME_LIMIT, HEADER, HEADER_SIZE, NO_SEQ, WIRE_VERSION


def main():
    if "hold" in os.listdir("/"):
        os.rename("/hold", "/held")
        return
    text = b"version=" + __version__.encode() + b";platform=" + sys.platform.encode() + b";id=1"
    data = bytearray(lines.COMMAND_SIZE + 4)
    record = bytearray(FRAME_LIMIT)
    frame = bytearray(FRAME_LIMIT + 8)
    line = filler.FILLER[:0]
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
            elif command == lines.MAINTAIN:
                open("/hold", "w").close()
                machine.reset()
        line = b""
