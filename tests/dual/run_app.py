"""A whole App on fake drivers over two wraps of its ticks: each due, each byte on the wire, each alarm."""

from struct import unpack

from digest import Digest, Numbers
from fake_board import BEFORE_WRAP, CODES_PER_MMHG, Board

from turgor.app.config import MAX30009, NAU7802
from turgor.core.ticks import ticks_diff
from turgor.link import lines

SECOND_US = 1000000
SECONDS = 1100


def pressure(level_mmhg, seed):
    """Noise around a level that is 15 mmHg higher from conversion 300 to 3600, with spikes."""
    numbers = Numbers(seed)

    def code_of(index):
        mmhg = level_mmhg + (15 if 300 <= index < 3600 else 0)
        if not index % 97:
            mmhg = 900
        return mmhg * CODES_PER_MMHG + numbers.below(4001) - 2000

    return code_of


def calibration(channel, words):
    """The lines of a calibration of an impedance, its words filled up to whole parts."""
    first = channel + (MAX30009 << 8)
    parts = [(first + (at << 16),) + tuple(words[at : at + 4]) for at in range(0, len(words), 4)]
    return [lines.command_line(20 + i, lines.CALIBRATE, *parts[i]) for i in range(len(parts))]


def noted(id, start, text):
    """The lines of an entry without a value."""
    content = text.encode()
    said = [lines.command_line(id, lines.ENTRY, start, lines.NO_VALUE, len(content))]
    while content:
        part = content[:16] + bytes(16 - len(content[:16]))
        said.append(lines.command_line(id + len(said), lines.ENTRY, start | len(said) << 16, *unpack("<iiii", part)))
        content = content[16:]
    return said


def run_app():
    dues = Digest("app.App.poll")
    wire = Digest("app.Wire")
    board = Board(
        {
            "calf_l": (pressure(20, 21),),
            "calf_r": (pressure(12, 22), {40: 1, 80: 3, 200: 41, 1000: 2}, {700: 3}),
            "forearm_l": (pressure(31, 23), {}, {5: 1, 2000: 7}),
        },
        {
            "calf_z": lambda sweep: 5000 if sweep < 60 else 4300,
            "thorax_z": lambda sweep: 3000 + sweep % 7,
        },
        start=BEFORE_WRAP,
    )
    said = {
        3: lines.command_line(2, lines.HELLO, -1, 0),
        30: lines.command_line(3, lines.DBP, 60000),
        31: lines.command_line(3, lines.DBP, 60000),
        32: lines.command_line(4, lines.DBP, 9999),
        500: b"what is this\r\n",
        700: lines.command_line(5, lines.ACKNOWLEDGE, 255, 255),
        800: lines.command_line(6, lines.CALIBRATE, NAU7802 << 8, 1000, 4000, 77, 5),
        810: b"".join(calibration(4, 3 * (1 << 28, 0, -77, 1 << 27, 99, -99) + (3, 0))),
        820: b"".join(noted(40, 49 | 255 << 8, "a text of bytes like \xc3\xbc, which make words beyond 2^30")),
        821: lines.command_line(50, lines.ADMIT, 0x3FFFFFFF, 1, 3),
        822: lines.command_line(51, lines.ADMIT, 17, 0, 0),
        823: lines.command_line(52, lines.STATE, 1, 1),
        824: lines.command_line(53, lines.CONFIRM, 4, 0),
        830: lines.command_line(54, lines.DISCHARGE),
        900: lines.command_line(2, lines.HELLO, board.boot, 300),
        1000: lines.command_line(7, lines.ACKNOWLEDGE, 255, 255),
        1001: lines.command_line(8, lines.ACKNOWLEDGE, 0, 1),
    }
    log = board.app.log
    greeted_at = 0
    for second in range(1, SECONDS):
        if second in said:
            board.say(said[second])
            if second in (3, 900):
                greeted_at = board.serial.written
        # Nothing is granted from 300 to 400: the log has to hold it.
        if second % 2 and not 300 <= second < 400:
            read = board.serial.written - greeted_at
            commit = log.next_seq - 5 if second % 20 == 1 and second > 400 else -1
            board.say(lines.command_line(0, lines.ACK, read, board.boot, commit))
        until_us = second * SECOND_US
        while True:
            due = board.app.poll(board.ticks())
            wait = ticks_diff(due, board.ticks())
            dues.add(due)
            if wait > 0:
                if board.us + wait > until_us:
                    board.us = until_us
                    break
                board.us += wait
        wire.add(board.serial.take())
    board.app.stop()
    dues.show()
    wire.show()
    print("log", log.first_seq, log.next_seq, log.used, log.dropped)
    print("alarms", board.alarms)


run_app()
