"""What a board has of the firmware already, and what has to be done for the rest."""

from dataclasses import dataclass
from hashlib import sha256

from turgor.start import LIB, NEW, NEXT, OLD
from turgor_host.errors import TurgorError
from turgor_host.flash.board import Board
from turgor_host.flash.payload import Payload
from turgor_host.flash.repl import Repl

PACKAGE = LIB + "turgor"
MAIN = "/main.py"
# Where a `/main.py` is kept that was not Turgor's.
ASIDE = "/main.before-turgor.py"


@dataclass(frozen=True)
class Plan:
    """`missing` and `stale` are files of the upload: to be written, and to be removed from an earlier one.

    `there`: the version is in its place already. `undo`: the one in its place never answered, and goes. `start`:
    `/main.py` is to be written; `aside`: after a copy of what stands there. `need` and `room` are in bytes.
    """

    there: bool
    undo: bool
    missing: tuple[str, ...]
    stale: tuple[str, ...]
    start: bool
    aside: bool
    need: int
    room: int

    @property
    def nothing(self) -> bool:
        return self.there and not self.start


def make_plan(repl: Repl, board: Board, payload: Payload, running: bool) -> Plan:
    """Compare the board with `payload`; `running`: Turgor answered there. TurgorError where two versions do not fit."""
    names = repl.get(f"os.listdir({LIB[:-1]!r}) if _there({LIB[:-1]!r}) else []")
    there = repl.tree(PACKAGE) == payload.hashes
    undo = OLD in names and "turgor" in names and not running and not there
    folder = PACKAGE if undo else LIB + (NEXT if NEXT in names else NEW)
    uploaded = {} if there else repl.tree(folder)
    main = repl.get(f"_hash({MAIN!r}) if _there({MAIN!r}) else ''")
    # One that goes on with a change of versions was written by this program.
    ours = bool(main) and NEXT in repl.run(f"print(open({MAIN!r}).read())")
    plan = Plan(
        there=there,
        undo=undo,
        missing=() if there else tuple(p for p, digest in payload.hashes.items() if uploaded.get(p) != digest),
        stale=tuple(p for p, digest in uploaded.items() if payload.hashes.get(p) != digest),
        start=main != sha256(payload.start).hexdigest(),
        aside=bool(main) and not ours and not repl.get(f"_there({ASIDE!r})"),
        need=0 if there else payload.room(board.block),
        room=board.free + repl.room(folder, board.block) + (0 if undo else repl.room(LIB + OLD, board.block)),
    )
    if plan.need > plan.room:
        raise TurgorError(
            f"{board.name}: {plan.need // 1024} KB are needed beside the version that is there, and the board's file "
            f"system has {plan.room // 1024} KB; delete files on it (`mpremote fs rm`) or give it more of the flash "
            "(README.md, 'What outlives a restart')"
        )
    return plan
