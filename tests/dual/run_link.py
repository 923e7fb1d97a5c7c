"""Every routine of the link over pseudo-random and extreme input."""

from array import array
from struct import pack as pack_struct

from digest import CALLS as CORE_CALLS
from digest import Digest, Numbers

from turgor.link.blocks import (
    BEGINS,
    BRIEF_BITS,
    CHUNK_SAMPLES,
    CODE_BIAS,
    chunk_plan,
    put_bits,
    put_codes,
    unpack_chunks,
    usual_k,
)
from turgor.link.frames import CRC_TABLE, cobs, crc_append, crc_fits, encode
from turgor.link.lines import COMMAND_SIZE, LINE_LIMIT, command_line, read_line
from turgor.link.page_reader import RangeDecoder, unpack_page
from turgor.link.pages import PagePacker
from turgor.link.range_coder import (
    CODER_WORDS,
    GOLOMB,
    NUMBER_SYMBOLS,
    PLAIN,
    RAW,
    begin,
    code,
    spell,
    spell_bytes,
)
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

CALLS = CORE_CALLS // 20
BLOCK_SAMPLES = 6 * CALLS
FULL = 1 << 23
MOST = (1 << 30) - 1
ABSENT = -(1 << 29)
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
    usual = Digest("link.blocks.usual_k")
    planned = Digest("link.blocks.chunk_plan")
    bits_put = Digest("link.blocks.put_bits")
    packed = Digest("link.blocks.put_codes")
    unpacked = Digest("link.blocks.unpack_chunks")
    codes = array("i", bytes(4 * CHUNK_SAMPLES))
    plan = array("i", bytes(12))
    out = bytearray(300)
    samples = 0
    while samples < BLOCK_SAMPLES:
        n = numbers.one_of((1, 2, 20, 20, CHUNK_SAMPLES, 1 + numbers.below(CHUNK_SAMPLES)))
        samples += n
        code = numbers.between(-FULL, FULL - 1)
        spread = 1 << numbers.below(24)
        drift = numbers.between(-spread, spread) if not numbers.below(4) else 0
        for i in range(n):
            code += drift
            value = code + numbers.between(-spread, spread) if numbers.below(30) else numbers.between(-FULL, FULL - 1)
            codes[i] = max(-FULL, min(FULL - 1, value)) + CODE_BIAS
        start = usual_k(codes, n)
        usual.add_block(n, start)
        if not numbers.below(8):
            start = numbers.below(16)
        bits = chunk_plan(codes, n, start, plan)
        planned.add_block(n, bits, *plan)
        for i in range(len(out)):
            out[i] = 0
        # One that is full, then one that is not, where it fits.
        at = 0
        for full in (1, 0):
            head = ((numbers.below(16), 4), (full, 1), (n - 1, 6), (plan[0], 4), (plan[1], 2), (numbers.below(512), 9))
            if full:
                head += ((BEGINS, 2), (numbers.below(1 << 23), 23), (numbers.below(1 << 23), 23), (12500, 17))
            for value, width in head:
                at = put_bits(out, at, value, width)
                bits_put.add(at)
            at = put_bits(out, at, plan[2], 23 - plan[0])
            at = put_codes(codes, n, plan[0] << 2 | plan[1], plan[2], out, at)
            if at + BRIEF_BITS + bits > 8 * len(out) - 8:
                break
        size = (at + 7) >> 3
        packed.add_block(n, at, out[:size])
        for chunk in unpack_chunks(out[:size]):
            assert chunk[-1] == [code - CODE_BIAS for code in list(codes)[:n]]
        for data in (out[:size], out[: numbers.below(size + 1)], damaged(out[:size], numbers)):
            try:
                for chunk in unpack_chunks(data):
                    unpacked.add_block(len(chunk[-1]), *chunk[:-1], *chunk[-1])
            except ValueError as error:
                unpacked.add(str(error))
    for digest in (usual, planned, bits_put, packed, unpacked):
        digest.show()


def damaged(data, numbers):
    data[numbers.below(len(data))] ^= 1 << numbers.below(8)
    return data


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
        head = [numbers.between(*LIMITS[letter]) for letter in "BHII"]
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


def run_range_coder():
    numbers = Numbers(15)
    begun = Digest("link.range_coder.begin")
    spelt = Digest("link.range_coder.spell")
    bytes_spelt = Digest("link.range_coder.spell_bytes")
    coded = Digest("link.range_coder.code")
    decoded = Digest("link.page_reader.RangeDecoder")
    expected = bytes([128] * 24 + [250, 6, 128, 128])
    coder = array("i", bytes(4 * (CODER_WORDS + len(expected))))
    means = array("i", [0])
    parts = array("i", [0, 0])
    symbols = array("H", bytes(2 * max(NUMBER_SYMBOLS, 300)))
    record = bytearray(255)
    for _ in range(CALLS // 40):
        out = bytearray(numbers.between(2, 250))
        begin(coder, expected, len(expected))
        begun.add(*coder)
        means[0] = 0
        size = 0
        done = []
        while len(done) < 200:
            what = numbers.one_of((24, 25, RAW + 1, RAW + 8, PLAIN + 26, PLAIN + 27, GOLOMB, GOLOMB + (2 << 8)))
            value = numbers.between(-MOST, MOST) if what >= PLAIN and not numbers.below(9) else numbers.below(2)
            parts[0] = what
            parts[1] = value
            n = spell(means, parts, 2, symbols)
            spelt.add(*list(symbols)[:n])
            size = code(coder, symbols, n, out, len(out)) or size
            coded.add(size, out)
            done.append(what)
        decoder = RangeDecoder(out, size, expected)
        at = [0]
        for what in done:
            if decoder.overrun():
                break
            if what < RAW:
                decoded.add(decoder.decision(what))
            elif what < PLAIN:
                decoded.add(decoder.raw(what - RAW))
            elif what < GOLOMB:
                decoded.add(decoder.plain(what - PLAIN))
            else:
                decoded.add(decoder.golomb(0, at, 0, what >> 8 & 3))
        n = numbers.between(12, 255)
        record[:n] = numbers.bytes(n)
        n = spell_bytes(record, n, numbers.one_of((4, 12)), symbols, numbers.below(9))
        bytes_spelt.add(*list(symbols)[9:n])
    for digest in (begun, spelt, bytes_spelt, coded, decoded):
        digest.show()


def run_pages():
    numbers = Numbers(16)
    packed = Digest("link.pages.PagePacker")
    unpacked = Digest("link.page_reader.unpack_page")
    packer = PagePacker(228)
    record = bytearray(255)
    fields = []
    seq = t_s = age = 0
    for i in range(CALLS):
        if i % 200 == 0:
            # Now and then the channels, the time and everything else are others.
            fields = [[numbers.below(256), 3, numbers.below(1 << 28), 20000, 20000] for _ in range(numbers.below(15))]
            seq = numbers.between(0, (1 << 29) - 1)
            t_s = numbers.between(0, (1 << 29) - 1)
            packer = PagePacker(numbers.between(100, 240))
        n = 19 + 14 * len(fields)
        seq += numbers.one_of((1, 14, 14, 14, 15))
        t_s += 1
        age = numbers.one_of((age + 1, age + 1, age + 1, 0, numbers.below(65536))) & 0xFFFF
        pack_struct_into(record, 0, "<BBHII", 7, 255, 3, seq, t_s)
        pack_struct_into(record, 12, "<iHB", 60000 + numbers.below(2), age, 1)
        at = 19
        for entry in fields:
            fate = numbers.below(400)
            entry[2] = (entry[2] + numbers.one_of((0, 78, 79, 79, 79))) & 0xFFFFFFF
            spread = numbers.one_of((1, 5, 5, 5, 2000))
            entry[3] += numbers.between(-spread, spread)
            entry[4] += numbers.one_of((0, 0, 1, 3, -2))
            flags = 3 if fate else numbers.below(256)
            median = ABSENT if fate == 1 else numbers.between(-MOST, MOST) if fate == 2 else entry[4]
            pack_struct_into(record, at, "<BBIii", entry[0], flags, entry[2], entry[3], median)
            at += 14
        if not numbers.below(9):
            n = numbers.between(12, 80)
            record[0] = numbers.below(256)
        if not packer.add(record, n):
            finish(packer, packed, unpacked, numbers)
            packed.add(packer.add(record, n))
        packed.add(packer.size, packer.content)
    for digest in (packed, unpacked):
        digest.show()


def pack_struct_into(record, at, fmt, *values):
    data = pack_struct(fmt, *values)
    record[at : at + len(data)] = data


def finish(packer, packed, unpacked, numbers):
    """Add a page and what it holds to the digests, and what it holds when it is damaged; begin the next."""
    packed.add(packer.count, packer.first_seq, packer.first_t_s, packer.last_seq, packer.last_t_s)
    content = bytearray(packer.content)
    for size in (packer.size, packer.size, numbers.below(packer.size + 1)):
        try:
            for record in unpack_page(content, size, 3, packer.first_seq, packer.first_t_s):
                unpacked.add(record)
        except ValueError as error:
            unpacked.add(str(error))
        content[numbers.below(len(content))] ^= 1 << numbers.below(8)
    packer.start()


run_frames()
run_blocks()
run_lines()
run_records()
run_range_coder()
run_pages()
