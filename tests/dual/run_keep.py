"""A board that keeps things on flash over three boots: every byte of the flash, each alarm, each byte on the wire."""

from digest import Digest
from fake_board import CODES_PER_MMHG, Board
from ram_flash import RamFlash

from turgor.app.config import NAU7802
from turgor.core.rules import FLUID_GAIN, PRESSURE_HIGH
from turgor.link import lines

SECOND_US = 1000000
SECTORS = 24
BOOTS = 3
SECONDS = 700
LIMITS = (
    (PRESSURE_HIGH, 0, 2, 20000, 15, 18000, 5, 0),
    (PRESSURE_HIGH, 1, 3, 20000, 60, 18000, 5, 0),
    (FLUID_GAIN, 0, 1, 50, 5, 40, 0, 0),
)


def pressure(level_mmhg):
    return lambda index: level_mmhg * CODES_PER_MMHG + index * 7919 % 4001 - (0 if index % 800 < 500 else 80000)


def run_keep():
    flash = RamFlash(SECTORS)
    image = Digest("app.Keep")
    wire = Digest("app.Spill")
    for _ in range(BOOTS):
        board = Board(
            {"calf_l": (pressure(25),), "calf_r": (pressure(12), {40: 1, 80: 3})},
            {"calf_z": lambda sweep: 5000 if sweep < 90 else 4300},
            limits=LIMITS,
            flash=flash,
        )
        for second in range(1, SECONDS):
            if second == 20:
                board.say(lines.command_line(3, lines.DBP, 60000))
            if second == 60:
                board.say(lines.command_line(4, lines.CALIBRATE, NAU7802 << 8, 1000 * board.boot, 4100, 77, 5))
            if second == 300:
                board.say(lines.command_line(5, lines.ACKNOWLEDGE, 255, 255))
            if second == SECONDS - 100:
                board.say(lines.command_line(6, lines.HELLO, -1, 0))
                greeted_at = board.serial.written
            if second > SECONDS - 100:
                # Of the boot before all is delivered, of this one nothing.
                read = board.serial.written - greeted_at
                board.say(lines.command_line(0, lines.ACK, read, board.boot - 1, 1 << 20))
            board.run(second * SECOND_US)
            wire.add(board.serial.take())
            image.add(flash.operations)
        image.add(flash.data)
        print("boot", board.boot, board.keep.spill.ring.head, board.alarms)
    image.show()
    wire.show()
    print("operations", flash.operations)


run_keep()
