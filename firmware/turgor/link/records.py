"""The record table: every kind of record that the log, the wire and the recording carry.

A record is a header, the fixed fields of its kind, and for some kinds a tail. All numbers are little-endian.

header  kind u8, channel u8 (255: none), boot u16, seq u32, t_s u32 (board time)
body    the row's struct format, fields in order
tail    bytes (`chunks`, `readings`, `page`, `words`, `text` as the row says), the rest of the record

`seq` counts all records of a boot from 0 without a hole. A `gap` stands in the place of the dropped records from its
own seq to `last_seq`; what was kept of them, on the board's flash, is in its tail: the seq of the first of these, u32,
and the content of a page (`turgor.link.pages`); then t_s is that record's.
An `answer` has no place in the log: its seq is NO_SEQ, its time the moment it was made. `next_seq` is the log's;
of boot `sent_boot` everything below `sent_seq` was sent once; `sent_bytes` went out since the greeting before this
answer, whose line was taken at `received_s`, `received_us`.
"""

import struct

from turgor.mp import const

WIRE_VERSION = const(2)
NO_SEQ = 0xFFFFFFFF
HEADER = "<BBHII"
HEADER_SIZE = const(12)
FRAME_LIMIT = const(256)
# A frame is the record, 4 bytes of CRC-32, at most 2 of COBS and the final 0x00.
RECORD_LIMIT = const(249)

BOOT = const(1)
PRESSURE_CHANNEL = const(2)
IMPEDANCE_CHANNEL = const(3)
LIMIT = const(4)
SAMPLES = const(5)
IMPEDANCE = const(6)
READINGS = const(7)
EVENT = const(8)
COMMAND = const(9)
GAP = const(10)
BASELINE = const(11)
FAULT = const(12)
BLIND = const(13)
NOTICE = const(14)
ANSWER = const(15)
FILTER_STATE = const(16)
RULE_STATE = const(17)
SLOW_CHANNEL = const(18)

# kind, name, body format, fields with their units, meaning of the tail ("" where there is none)
RECORDS = (
    (BOOT, "boot", "<BBBBQ", ("wire_version", "reset_cause", "channels", "reserved", "board_id"), "text"),
    (
        PRESSURE_CHANNEL,
        "pressure_channel",
        "<BBHIiiiiiiiiiiiiiii",
        (
            "channel_kind",
            "driver",
            "settle_samples",
            "rate_millihz",
            "median",
            "e_1",
            "c_1",
            "z_1",
            "g_1",
            "e_2",
            "c_2",
            "z_2",
            "g_2",
            "offset_code",
            "gain_high",
            "gain_low",
            "gain_shift",
            "threshold_milli_mmhg",
            "release_milli_mmhg",
        ),
        "text",
    ),
    (
        IMPEDANCE_CHANNEL,
        "impedance_channel",
        "<BBHIiiiiiiiiiiiiiiiiiii",
        (
            "channel_kind",
            "driver",
            "settle_samples",
            "rate_millihz",
            "i_re_0",
            "i_im_0",
            "q_re_0",
            "q_im_0",
            "offset_i_0",
            "offset_q_0",
            "i_re_1",
            "i_im_1",
            "q_re_1",
            "q_im_1",
            "offset_i_1",
            "offset_q_1",
            "i_re_2",
            "i_im_2",
            "q_re_2",
            "q_im_2",
            "offset_i_2",
            "offset_q_2",
            "shift",
        ),
        "text",
    ),
    (LIMIT, "limit", "<BBHiiiii", ("rule", "stage", "priority", "limit", "run_s", "clear_limit", "clear_s", "aux"), ""),
    (
        SAMPLES,
        "samples",
        "<",
        (),
        "chunks",
    ),
    (
        IMPEDANCE,
        "impedance",
        "<IIBBHIiiiiii",
        (
            "t_us",
            "index",
            "frequency",
            "count",
            "leads",
            "span_us",
            "sum_i",
            "sum_q",
            "min_i",
            "max_i",
            "min_q",
            "max_q",
        ),
        "",
    ),
    (READINGS, "readings", "<iHB", ("dbp_milli_mmhg", "dbp_age_s", "dbp_source"), "readings"),
    (
        EVENT,
        "event",
        "<BBBBii",
        ("rule", "priority", "state", "stage", "value", "limit"),
        "",
    ),
    (COMMAND, "command", "<IBBHiiiii", ("id", "command", "status", "reserved", "a", "b", "c", "d", "e"), ""),
    (GAP, "gap", "<I", ("last_seq",), "page"),
    (BASELINE, "baseline", "<Bi", ("origin", "value_milliohm"), ""),
    (FAULT, "fault", "<IBBI", ("t_us", "fault", "state", "last_index"), ""),
    (BLIND, "blind", "<IIBB", ("t_us", "duration_us", "operation", "state"), ""),
    (NOTICE, "notice", "<IBi", ("t_us", "notice", "value"), ""),
    (
        ANSWER,
        "answer",
        "<IBBHIHIIIII",
        (
            "id",
            "command",
            "status",
            "wire_version",
            "next_seq",
            "sent_boot",
            "sent_seq",
            "sent_bytes",
            "t_us",
            "received_s",
            "received_us",
        ),
        "text",
    ),
    (FILTER_STATE, "filter_state", "<IBB", ("index", "part", "parts"), "words"),
    (RULE_STATE, "rule_state", "<BB", ("part", "parts"), "words"),
    (
        SLOW_CHANNEL,
        "slow_channel",
        "<BBHI",
        ("channel_kind", "driver", "settle_samples", "rate_millihz"),
        "text",
    ),
)

# One entry of a `readings` tail, for each configured channel in order of its number.
READING = "<BBIii"
READING_SIZE = const(14)
READING_FIELDS = ("channel", "flags", "last_index", "value_milli", "median_milli")
VALID = const(1)
MEDIAN_VALID = const(2)
SATURATED = const(4)
# Of a pressure but an arterial line; STUCK also of a motion.
OVER_THRESHOLD = const(8)
STUCK = const(16)
NOISY = const(32)
# Of an impedance.
ELECTRODE_OFF = const(16)
# Of an arterial line, the first where its beats are good: the pulse per minute is above the systolic pressure in mmHg.
PULSE_ABOVE = const(8)
NO_BEATS = const(16)
DAMPED = const(32)
FLUSHED = const(64)
FEW_BEATS = const(128)

# Flags of a `samples` record.
RESTARTED = const(1)

# Reset causes of a `boot` record. WATCHDOG_RESET is one that cut main off, also behind an exception. POWER_ON of the
# RP2040 and RP2350 includes the RUN pin, HARD_RESET is `machine.reset()`, there also a soft reset behind one. A soft
# reset is a new start of MicroPython alone.
UNKNOWN_RESET = const(0)
POWER_ON = const(1)
HARD_RESET = const(2)
WATCHDOG_RESET = const(3)
DEEP_SLEEP_RESET = const(4)
SOFT_RESET = const(5)

# Operations of a `blind` record, during which the board's interrupts are off, and its states: announced before, done
# after, with the duration.
ERASE = const(1)
PROGRAM = const(2)
ANNOUNCED = const(0)
DONE = const(1)

# What a `notice` says, its value in parentheses.
LINK_STALLED = const(1)  # a write to the serial port took long (ms)
STATE_REFUSED = const(2)  # the rule state that was kept cannot be used (boot that kept it)
FLASH_FAILED = const(3)  # an erase or a page failed its check (sector)
RESTORED = const(4)  # the rule state goes on from before the restart (boot that kept it)
STORED = const(5)  # configuration and calibration are on flash (pages written so far)
CONFIG_REFUSED = const(6)  # the configuration that was kept cannot be run, and the default is (0)
SENSORS_OFF = const(7)  # no sensor runs: the third watchdog reset within (s)

NO_DBP = -1
# Age of a DBP that was never typed, and of one typed 65534 s ago or earlier.
NO_AGE = const(65535)


def row(kind):
    """The table's row of `kind` (a number or a name); ValueError where there is none."""
    for entry in RECORDS:
        if entry[0] == kind or entry[1] == kind:
            return entry
    raise ValueError("no record kind " + repr(kind))


def pack_header(buffer, kind, channel, boot, seq, t_s):
    """Write a header into the first HEADER_SIZE bytes of `buffer`."""
    struct.pack_into(HEADER, buffer, 0, kind, channel, boot, seq, t_s)


def unpack(record):
    """A record's bytes -> (header fields, body fields, tail) as two dicts and bytes; ValueError when it is none.

    For the host and for tests: it allocates.
    """
    if len(record) < HEADER_SIZE:
        raise ValueError("a record of " + str(len(record)) + " bytes is shorter than its header")
    kind, channel, boot, seq, t_s = struct.unpack(HEADER, record[:HEADER_SIZE])
    _, name, fmt, fields, tail_name = row(kind)
    size = struct.calcsize(fmt)
    tail = bytes(record[HEADER_SIZE + size :])
    if len(record) < HEADER_SIZE + size or (tail and not tail_name):
        raise ValueError("a " + name + " record of " + str(len(record)) + " bytes has the wrong length")
    header = {"kind": name, "channel": channel, "boot": boot, "seq": seq, "t_s": t_s}
    body = dict(zip(fields, struct.unpack(fmt, record[HEADER_SIZE : HEADER_SIZE + size])))
    return header, body, tail


def pack(kind, channel, boot, seq, t_s, values, tail=b""):
    """The bytes of a record from its body's values in order; the twin of `unpack`, for the host and tests."""
    entry = row(kind)
    head = struct.pack(HEADER, entry[0], channel, boot, seq, t_s)
    return head + struct.pack(entry[2], *values) + tail


def unpack_readings(tail):
    """The entries of a `readings` tail as a list of dicts with READING_FIELDS."""
    if len(tail) % READING_SIZE:
        raise ValueError("a readings tail of " + str(len(tail)) + " bytes is not whole entries")
    found = []
    for start in range(0, len(tail), READING_SIZE):
        values = struct.unpack(READING, tail[start : start + READING_SIZE])
        found.append(dict(zip(READING_FIELDS, values)))
    return found
