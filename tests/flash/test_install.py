"""`turgor flash` on a stand-in board: the firmware itself, what is left alone, and what does not start."""

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from board_standin import SECTOR, Standin
from small_firmware import FIRMWARE, Small, running

from turgor import __version__
from turgor.start import LIB, NEW, OLD
from turgor_host.errors import TurgorError
from turgor_host.flash.board import Board, look
from turgor_host.flash.install import flash
from turgor_host.flash.payload import Payload, compile_for
from turgor_host.flash.plan import make_plan
from turgor_host.flash.repl import Repl
from turgor_host.source import open_port

Make = Callable[..., Standin]


def on_board(board: Standin, expression: str) -> Any:
    """The value of an expression at the board's prompt; the board starts anew after it."""
    with closing(open_port(board.port)) as port:
        prompt = Repl(board.port, port)
        value = prompt.get(expression)
        prompt.restart()
        return value


def listed(board: Standin, folder: str) -> set[str]:
    return set(on_board(board, f"os.listdir({folder!r})"))


@pytest.mark.parametrize("platform", ["rp2", "esp32"])
def test_the_firmware_runs(platform: str, make: Make, tmp_path: Path) -> None:
    """The whole of it, compiled for this machine; the board answers its version."""
    with make(platform=platform, sectors=352) as board:
        done = flash(board.port)
        assert done.plan.missing
        assert done.plan.missing == ("__init__.mpy", "modules.z")
        assert done.version == __version__
        assert running(board.port) == __version__


@pytest.mark.parametrize("kept", ["[:0]", "[:2]", "[:100]", "[:-5000]", "missing"])
def test_a_spoiled_archive_makes_no_loop_and_is_replaced(kept: str, make: Make, small: Small) -> None:
    """The board stays at its prompt, and the next `turgor flash` writes what is not whole."""
    path = LIB + "turgor/modules.z"
    with make() as board:
        flash(board.port, payload_for=small("1.0.0"))
        with closing(open_port(board.port)) as port:
            prompt = Repl(board.port, port)
            if kept == "missing":
                prompt.remove(path)
            else:
                prompt.run(f"b=open({path!r},'rb').read(){kept}\nwith open({path!r},'wb') as f:f.write(b)")
            prompt.restart()
        assert running(board.port) == "prompt"
        flash(board.port, payload_for=small("1.0.0"))
        assert running(board.port) == "1.0.0"


def test_two_versions_fit_on_a_divided_pico(make: Make) -> None:
    """On the README's file system, with the code of an RP2040: the second is not refused, and fits."""
    text = (FIRMWARE.parents[1] / "README.md").read_text(encoding="utf-8")
    size = re.search(r"rp2\.Flash\(start=8192, len=(\d+)\)", text)
    assert size
    with make(sectors=int(size[1]) // SECTOR) as board, closing(open_port(board.port)) as port:
        prompt = Repl(board.port, port)
        found = replace(look(prompt), architecture="armv6m")
        payload = compile_for(found)
        for path, content in payload.files.items():
            prompt.write(f"{LIB}turgor/{path}", content)
        plan = make_plan(prompt, replace(found, free=look(prompt).free), _changed(payload), True)
        assert len(plan.missing) == len(payload.files)
        for path, content in payload.files.items():
            prompt.write(f"{LIB}{NEW}/{path}", content)
        assert plan.room - look(prompt).free <= plan.need
        prompt.restart()


@pytest.mark.usefixtures("impatient")
def test_what_does_not_fit_is_refused_before_anything_is_written(make: Make) -> None:
    with make(sectors=24) as board:
        assert running(board.port) == "prompt"
        board.changes = 0
        with pytest.raises(TurgorError, match=r"\d+ KB are needed .+ has \d+ KB; delete files"):
            flash(board.port)
        assert board.changes == 0
        assert running(board.port) == "prompt"


def _changed(payload: Payload) -> Payload:
    """Another version, no file of which is the same."""
    files = {path: content[:-1] + b"x" for path, content in payload.files.items()}
    return replace(payload, version="9.9.9", files=files)


def test_nothing_is_written_where_all_is_there(make: Make, small: Small) -> None:
    with make() as board:
        flash(board.port, payload_for=small("1.0.0"))
        board.changes = 0
        done = flash(board.port, payload_for=small("1.0.0"))
        assert done.plan.nothing
        assert (done.written, board.changes) == (0, 0)
        assert done.as_dict()["changed"] is False
        assert running(board.port) == "1.0.0"


def test_an_upload_goes_on_where_it_was_cut(make: Make, small: Small) -> None:
    with make() as board:
        whole = flash(board.port, payload_for=small("1.0.0")).written
        board.changes = 0
        board.cut_at = 16
        with pytest.raises(TurgorError, match="again, which goes on from there"):
            flash(board.port, payload_for=small("2.0.0"))
        board.wait()
        board.power()
        done = flash(board.port, payload_for=small("2.0.0"))
        assert 0 < done.written < whole
        assert len(done.plan.missing) < len(small.payload("2.0.0", done.board).files)


def test_half_of_another_version_is_no_part_of_this_one(make: Make, small: Small) -> None:
    def more(board: Board) -> Payload:
        made = small.payload("2.0.0", board)
        return replace(made, files={"a.mpy": b"one file more", **made.files})

    with make() as board:
        flash(board.port, payload_for=small("1.0.0"))
        board.cut_at = board.changes + 12
        with pytest.raises(TurgorError, match="again"):
            flash(board.port, payload_for=more)
        board.wait()
        board.power()
        done = flash(board.port, payload_for=small("3.0.0"))
        assert "a.mpy" in done.plan.stale
        assert listed(board, "/lib/turgor") == {"__init__.mpy", "modules.z"}


def test_the_flash_outside_the_file_system_stays(make: Make, small: Small) -> None:
    """Configuration, calibration and rule state: the README's divided flash, with a pattern behind the files."""
    sectors, first = 96, 72
    with make(sectors=sectors) as board:
        lines = (
            "import rp2,vfs",
            "vfs.umount('/')",
            "vfs.VfsLfs2.mkfs(rp2.Flash(),progsize=256)",
            "vfs.mount(vfs.VfsLfs2(rp2.Flash(),progsize=256),'/')",
            "f=open('boot.py','w')",
            f"f.write(\"import rp2,vfs\\nvfs.umount('/')\\nvfs.mount(vfs.VfsLfs2(rp2.Flash(start=8192,"
            f"len={(first - 2) * SECTOR}),progsize=256),'/')\\n\")",
            "f.close()",
            f"vfs.VfsLfs2.mkfs(rp2.Flash(start=8192,len={(first - 2) * SECTOR}),progsize=256)",
        )
        with closing(open_port(board.port)) as port:
            prompt = Repl(board.port, port)
            prompt.run("\n".join(lines))
            prompt.restart()
        for sector in range(first, sectors):
            board.flash[sector * SECTOR : (sector + 1) * SECTOR] = bytes([sector]) * SECTOR
        before = bytes(board.flash)
        board.touched.clear()
        flash(board.port, payload_for=small("1.0.0"))
        flash(board.port, payload_for=small("2.0.0"))
        assert board.touched
        assert all(2 <= sector < first for sector in board.touched)
        assert board.flash[first * SECTOR :] == before[first * SECTOR :]
        assert running(board.port) == "2.0.0"


def test_other_files_stay_and_a_main_of_ones_own_is_kept(make: Make, small: Small) -> None:
    own = b"print('mine')\n"
    with make() as board:
        with closing(open_port(board.port)) as port:
            prompt = Repl(board.port, port)
            for path in ("/main.py", "/notes.txt", "/lib/other.py"):
                prompt.write(path, own)
            prompt.restart()
        done = flash(board.port, payload_for=small("1.0.0"))
        assert done.plan.aside
        flash(board.port, payload_for=small("2.0.0"))
        read = "open({!r},'rb').read()"
        for path in ("/main.before-turgor.py", "/notes.txt", "/lib/other.py"):
            assert on_board(board, read.format(path)) == own
        assert listed(board, "/lib") == {"other.py", "turgor", OLD}


@pytest.mark.parametrize(("platform", "asked"), [("esp32", True), ("rp2", False)])
def test_where_the_watchdog_goes_on_the_board_is_asked_for_its_prompt(
    platform: str, asked: bool, make: Make, small: Small
) -> None:
    with make(platform=platform) as board:
        flash(board.port, payload_for=small("1.0.0"))
        done = flash(board.port, payload_for=small("2.0.0"))
        assert done.before == "1.0.0"
        assert ("held" in listed(board, "/")) == asked
        assert running(board.port) == "2.0.0"


@pytest.mark.parametrize("platform", ["rp2", "esp32"])
def test_a_version_that_somebody_stopped_is_a_good_one(platform: str, make: Make, small: Small) -> None:
    """At the prompt it does not answer; the one before it must not come back for that."""
    with make(platform=platform) as board:
        flash(board.port, payload_for=small("1.0.0"))
        flash(board.port, payload_for=small("2.0.0"))
        with closing(open_port(board.port)) as port:
            Repl(board.port, port).leave()
        done = flash(board.port, payload_for=small("3.0.0"))
        assert not done.plan.undo
        assert on_board(board, f"b'2.0.0' in open('/lib/{OLD}/__init__.mpy','rb').read()")
        assert running(board.port) == "3.0.0"


def test_a_dry_run_writes_nothing(make: Make, small: Small) -> None:
    with make() as board:
        flash(board.port, payload_for=small("1.0.0"))
        board.changes = 0
        done = flash(board.port, dry_run=True, payload_for=small("2.0.0"))
        assert board.changes == 0
        assert (done.dry_run, done.before, done.version, len(done.plan.missing)) == (True, "1.0.0", "2.0.0", 2)
        assert running(board.port) == "1.0.0"


def test_without_raw_paste(make: Make, small: Small) -> None:
    with make(paste=False) as board:
        flash(board.port, payload_for=small("1.0.0"))
        assert running(board.port) == "1.0.0"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("main", ["raise ValueError('broken')\n", "def main():\n    while True:\n        pass\n"])
def test_a_version_that_does_not_start_makes_way(main: str, make: Make, small: Small, tmp_path: Path) -> None:
    broken = tmp_path / "broken" / "turgor"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text('__version__ = "6.6.6"\n')
    (broken / "main.py").write_text(main)
    for name in ("archive.py", "start.py"):
        (broken / name).write_bytes((FIRMWARE / name).read_bytes())
    with make() as board:
        flash(board.port, payload_for=small("1.0.0"))
        said = r"version 6.6.6 did not start \(.+\); the version before runs again"
        with pytest.raises(TurgorError, match=said) as error:
            flash(board.port, payload_for=lambda found: compile_for(found, broken))
        assert ("ValueError: broken" in str(error.value)) == ("ValueError" in main)
        assert running(board.port) == "1.0.0"
        assert flash(board.port, payload_for=small("2.0.0")).version == "2.0.0"
        assert listed(board, "/lib") == {"turgor", OLD}


@pytest.mark.usefixtures("impatient")
def test_a_version_that_never_answered_is_not_kept_for_the_one_that_did(make: Make, small: Small) -> None:
    """The cable is pulled while a bad version is waited for: the next run keeps the one that had run."""
    with make() as board:
        flash(board.port, payload_for=small("1.0.0"))
        with closing(open_port(board.port)) as port:
            prompt = Repl(board.port, port)
            prompt.rename(LIB + "turgor", LIB + OLD)
            prompt.write(LIB + "turgor/main.py", b"raise ValueError\n")
            prompt.restart()
        assert running(board.port, 1.0) == "prompt"
        board.changes = 0
        board.cut_at = 12
        with pytest.raises(TurgorError, match="again"):
            flash(board.port, payload_for=small("2.0.0"))
        board.wait()
        board.power()
        assert running(board.port) == "1.0.0"
        assert flash(board.port, payload_for=small("2.0.0")).version == "2.0.0"


@pytest.mark.usefixtures("impatient")
def test_what_is_not_on_the_board_as_sent_is_not_started(make: Make, small: Small) -> None:
    """The last byte of a file is another one: the version that runs goes on doing so."""
    with make() as board:
        flash(board.port, payload_for=small("1.0.0"))

        original = Repl.write

        def write(self: Repl, path: str, content: bytes, *rest: Any) -> None:
            original(self, path, content[:-1] + b"\0" if path.endswith("modules.z") else content, *rest)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Repl, "write", write)
            with pytest.raises(TurgorError, match=r"modules.z is not on the board as it was sent; run"):
                flash(board.port, payload_for=small("2.0.0"))
        assert running(board.port) == "1.0.0"
        assert flash(board.port, payload_for=small("2.0.0")).version == "2.0.0"
