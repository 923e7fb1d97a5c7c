"""A BBC micro:bit's MicroPython, an interpreter built for the Cortex-M0, run under `unicorn` with instructions counted.

The image is the one of Debian's package firmware-microbit-micropython. Of the nRF51822 there is what the image looks at
on its way to the prompt, and the serial port. No timer ticks, so a run takes the same instructions every time, and
they are the interpreter's alone.
"""

from array import array
from itertools import pairwise
from pathlib import Path

from unicorn import UC_ARCH_ARM, UC_HOOK_BLOCK, UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE, UC_MODE_MCLASS, UC_MODE_THUMB, Uc
from unicorn.arm_const import UC_ARM_REG_LR, UC_ARM_REG_PC, UC_ARM_REG_SP, UC_CPU_ARM_CORTEX_M0

IMAGE = Path("/usr/share/firmware-microbit-micropython/firmware.hex")

FLASH_BYTES = 0x40000
UICR = 0x10001000
RAM = 0x20000000
RAM_BYTES = 0x4000
# The image's own heap cannot hold the source of the sample chain, so it is given one beyond the chip's RAM.
IMAGE_HEAP_BYTES = 10240
HEAP = RAM + 0x100000
HEAP_BYTES = 0x40000
# Two places that no code reaches by itself: where an interrupt returns to, and where a run would end.
RETURN = 0x30000000
NEVER = 0x30000800

# Registers: factory information, peripherals, pins, the processor's system control, the chip's revision.
REGISTERS = (
    (0x10000000, 0x1000),
    (0x40000000, 0x20000),
    (0x50000000, 0x1000),
    (0xE000E000, 0x1000),
    (0xF0000000, 0x1000),
)
UART_INTERRUPT = 2
UART_RXDRDY = 0x40002108
UART_RXD = 0x40002518
UART_TXD = 0x4000251C
# What these read, whatever was written: all that the image waits for is ready at once.
CONSTANT = {
    0x10000010: 1024,  # FICR CODEPAGESIZE
    0x10000014: FLASH_BYTES // 1024,  # FICR CODESIZE
    0x40000100: 1,  # CLOCK EVENTS_HFCLKSTARTED
    0x40000104: 1,  # CLOCK EVENTS_LFCLKSTARTED
    0x4000211C: 1,  # UART EVENTS_TXDRDY
    0x4000D100: 1,  # RNG EVENTS_VALRDY
    0x4001E400: 1,  # NVMC READY
}


class Microbit:
    """A board at its prompt."""

    def __init__(self, image: Path = IMAGE):
        self.uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self.uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M0)
        memory = (0, FLASH_BYTES), (UICR, 0x1000), (RAM, RAM_BYTES), (HEAP, HEAP_BYTES), (RETURN, 0x1000)
        for base, size in memory + REGISTERS:
            self.uc.mem_map(base, size)
        for address in CONSTANT:
            self.uc.hook_add(UC_HOOK_MEM_READ, self._on_read, begin=address, end=address)
        self.uc.hook_add(UC_HOOK_MEM_WRITE, self._on_send, begin=UART_TXD, end=UART_TXD)
        self._sent = bytearray()
        self._instructions = 0
        # The number of instructions counted when each line ended.
        self._line_ends: list[int] = []
        self._lengths: dict[tuple[int, int], int] = {}
        self._load(image)
        self._enlarge_heap()
        self.uc.reg_write(UC_ARM_REG_SP, self._word(0))
        self._until_it_waits(self._word(4))
        self._take(b">>> ")
        # Ctrl-A: the prompt for programs.
        self._type(b"\x01")
        self._take(b"\n>")

    def run(self, source: str) -> str:
        """Compile and execute; returns what it printed."""
        self._type(source.encode() + b"\x04")
        printed, error = self._take(b"\x04>").removeprefix(b"OK").split(b"\x04")
        if error:
            raise RuntimeError(error.decode())
        return printed.decode().replace("\r\n", "\n")

    def count(self, statement: str) -> int:
        """How many instructions it takes to execute a statement that prints nothing, and to print an empty line."""
        self._instructions = 0
        self._line_ends.clear()
        hook = self.uc.hook_add(UC_HOOK_BLOCK, self._on_block)
        # Code translated under another set of hooks would run without them.
        self.uc.ctl_flush_tb()
        self.run(f"print()\n{statement}\nprint()")
        self.uc.hook_del(hook)
        self.uc.ctl_flush_tb()
        before, after = self._line_ends
        return after - before

    def _load(self, image: Path) -> None:
        """Write a file of Intel HEX records: length, address, kind, data, checksum."""
        upper = 0
        for line in image.read_text().split():
            record = bytes.fromhex(line[1:])
            kind, data = record[3], record[4:-1]
            if kind == 0:
                self.uc.mem_write(upper | record[1] << 8 | record[2], data)
            elif kind == 4:
                upper = int.from_bytes(data, "big") << 16

    def _enlarge_heap(self) -> None:
        """The heap's ends stand next to each other among the image's constants, the upper one first."""
        words = array("I", bytes(self.uc.mem_read(0, FLASH_BYTES)))
        ends = [
            4 * i
            for i, (end, begin) in enumerate(pairwise(words))
            if end - begin == IMAGE_HEAP_BYTES and RAM <= begin < RAM + RAM_BYTES
        ]
        if len(ends) != 1:
            raise ValueError(f"the ends of the heap were found in {len(ends)} places of the image, not in 1")
        self._put(ends[0], HEAP + HEAP_BYTES)
        self._put(ends[0] + 4, HEAP)

    def _word(self, address: int) -> int:
        return int.from_bytes(self.uc.mem_read(address, 4), "little")

    def _put(self, address: int, word: int) -> None:
        self.uc.mem_write(address, word.to_bytes(4, "little"))

    def _until_it_waits(self, address: int) -> None:
        """Run until the processor waits for an interrupt (WFI)."""
        self.uc.emu_start(address | 1, NEVER)

    def _type(self, data: bytes) -> None:
        """Each byte interrupts the waiting processor, which then works until it waits again."""
        handler = self._word(4 * (16 + UART_INTERRUPT))
        for byte in data:
            self._put(UART_RXD, byte)
            self._put(UART_RXDRDY, 1)
            waiting = self.uc.context_save()
            self.uc.reg_write(UC_ARM_REG_LR, RETURN | 1)
            self.uc.emu_start(handler, RETURN)
            self.uc.context_restore(waiting)
            self._until_it_waits(self.uc.reg_read(UC_ARM_REG_PC))

    def _take(self, prompt: bytes) -> bytes:
        """What was sent since the last call, without the prompt at its end."""
        sent = bytes(self._sent)
        self._sent.clear()
        if not sent.endswith(prompt):
            raise RuntimeError(f"expected {prompt!r} at the end of what the board sent: {sent[-500:]!r}")
        return sent.removesuffix(prompt)

    def _on_read(self, _uc: Uc, _access: int, address: int, _size: int, _value: int, _data: object) -> None:
        self._put(address, CONSTANT[address])

    def _on_send(self, _uc: Uc, _access: int, _address: int, _size: int, value: int, _data: object) -> None:
        self._sent.append(value)
        if value == ord("\n"):
            self._line_ends.append(self._instructions)

    def _on_block(self, _uc: Uc, address: int, size: int, _data: object) -> None:
        block = address, size
        if block not in self._lengths:
            self._lengths[block] = thumb_instructions(bytes(self.uc.mem_read(address, size)))
        self._instructions += self._lengths[block]


def thumb_instructions(code: bytes) -> int:
    """How many instructions stand in a piece of Thumb code: those of 32 bits begin with 11101, 11110 or 11111."""
    at = n = 0
    while at < len(code):
        at += 4 if code[at + 1] >= 0b11101 << 3 else 2
        n += 1
    return n
