"""Every routine of the link over pseudo-random and extreme input."""

from array import array

from digest import Digest, Numbers

from turgor.link.blocks import BLOCK_SAMPLES, rice_pack, rice_unpack, unpack_missed
from turgor.link.frames import CRC_TABLE, cobs, crc_append, crc_fits, encode
from turgor.link.lines import COMMAND_SIZE, LINE_LIMIT, command_line, read_line
from turgor.link.records import (
    HEADER_SIZE,
    READING_SIZE,
    RECORD_LIMIT,
    RECORDS,
    pack,
    pack_header,
    row,
    unpack,
    unpack_readings,
)

CALLS = 20000
FULL = 1 << 23
LIMITS = {"B": (0, 255), "H": (0, 65535), "I": (0, 0xFFFFFFFF), "Q": (0, (1 << 61) - 1), "i": (-(1 << 31), 0x7FFFFFFF)}


def run_frames():
    numbers = Numbers(11)
    sums = Digest("link.frames.crc_append")
    fits = Digest("link.frames.crc_fits")
    stuffed = Digest("link.frames.cobs")
    frames = Digest("link.frames.encode")
    buffer = bytearray(RECORD_LIMIT + 4)
    out = bytearray(300)
    for i in range(CALLS):
        n = numbers.below(12) if i % 50 else numbers.below(RECORD_LIMIT + 1)
        data = numbers.bytes(n) if i % 100 else b"\x07" * n
        buffer[:n] = data
        crc_append(buffer, n, CRC_TABLE)
        sums.add(buffer[n : n + 4])
        if numbers.below(2):
            buffer[numbers.below(n + 4)] ^= 1 << numbers.below(8)
        fits.add(crc_fits(buffer, n))
        end = cobs(buffer, n, out)
        stuffed.add(out[:end])
        end = encode(buffer, n, out)
        frames.add(out[:end])
    for n in range(250, 257):
        # Around the longest run that one code byte covers.
        end = cobs(b"\x01" * n, n, out)
        stuffed.add(out[:end])
    for digest in (sums, fits, stuffed, frames):
        digest.show()


def run_blocks():
    numbers = Numbers(12)
    packed = Digest("link.blocks.rice_pack")
    unpacked = Digest("link.blocks.rice_unpack")
    missed = Digest("link.blocks.unpack_missed")
    codes = array("i", bytes(4 * BLOCK_SAMPLES))
    out = bytearray(300)
    for _ in range(CALLS // BLOCK_SAMPLES * 8):
        n = numbers.one_of((1, 2, BLOCK_SAMPLES, BLOCK_SAMPLES, 1 + numbers.below(BLOCK_SAMPLES)))
        base = numbers.between(-FULL, FULL - 1)
        spread = 1 << numbers.below(24)
        for i in range(n):
            codes[i] = max(-FULL, min(FULL - 1, base + numbers.between(-spread, spread)))
        at = numbers.below(17)
        end = rice_pack(codes, n, out, at)
        packed.add(out[at:end])
        found = rice_unpack(out, at, codes[0], n)
        unpacked.add(found == list(codes)[:n], *found)
        try:
            unpacked.add(*rice_unpack(bytes(out[at : at + numbers.below(end - at + 1)]), 0, codes[0], n))
        except ValueError as error:
            unpacked.add(str(error))
    for n in range(9):
        for pair in unpack_missed(numbers.bytes(16), n):
            missed.add(*pair)
    for digest in (packed, unpacked, missed):
        digest.show()


def run_lines():
    numbers = Numbers(13)
    written = Digest("link.lines.command_line")
    read = Digest("link.lines.read_line")
    line = bytearray(LINE_LIMIT)
    data = bytearray(COMMAND_SIZE + 4)
    for _ in range(CALLS):
        words = [numbers.between(-(1 << 31), 0x7FFFFFFF) for _ in range(5)]
        text = command_line(numbers.between(0, 0xFFFFFFFF), numbers.below(256), *words)
        written.add(text)
        n = len(text) - 1
        line[:n] = text[:n]
        if not numbers.below(3):
            line[numbers.below(n)] = numbers.below(256)
        read.add(read_line(line, n - (not numbers.below(50)), data), data)
    written.show()
    read.show()


def run_records():
    numbers = Numbers(14)
    rows = Digest("link.records.row")
    headers = Digest("link.records.pack_header")
    packed = Digest("link.records.pack")
    unpacked = Digest("link.records.unpack")
    readings = Digest("link.records.unpack_readings")
    buffer = bytearray(HEADER_SIZE)
    for i in range(CALLS):
        kind, name, fmt, _, tail_name = RECORDS[i % len(RECORDS)]
        rows.add(row(kind)[1], row(name)[0])
        head = [numbers.between(*LIMITS[letter]) for letter in "BHIII"]
        pack_header(buffer, kind, *head)
        headers.add(buffer)
        values = [numbers.between(*LIMITS[letter]) for letter in fmt[1:]]
        record = pack(kind, *head, values, numbers.bytes(numbers.below(9)) if tail_name else b"")
        packed.add(record)
        if not numbers.below(9):
            record = record[: numbers.below(len(record) + 1)] + b"\x00" * numbers.below(2)
        try:
            header, body, tail = unpack(record)
            # A dict of MicroPython has an order of its own.
            for part in (header, body):
                for key in sorted(part):
                    unpacked.add(key, part[key])
            unpacked.add(tail)
        except ValueError as error:
            unpacked.add(str(error))
        try:
            for entry in unpack_readings(numbers.bytes(READING_SIZE * numbers.below(3) + (not numbers.below(9)))):
                for key in sorted(entry):
                    readings.add(key, entry[key])
        except ValueError as error:
            readings.add(str(error))
    for kind in (0, 99, "", "none"):
        try:
            row(kind)
        except ValueError as error:
            rows.add(str(error))
    for digest in (rows, headers, packed, unpacked, readings):
        digest.show()


run_frames()
run_blocks()
run_lines()
run_records()
