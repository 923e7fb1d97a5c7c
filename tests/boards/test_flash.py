"""The region behind a board's file system: found or not, read, written and erased, and booted from twice."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from struct import pack_into
from types import SimpleNamespace
from typing import Any

import pytest

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(_HERE))
    before = {name: sys.modules.get(name) for name in ("rp2", "esp32")}
    import fake_flash

    yield fake_flash
    for name, module in before.items():
        if module is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = module
    sys.modules.pop("fake_flash", None)


def _files(monkeypatch: pytest.MonkeyPatch, device: Any, start: int, blocks: int, size: int = 4096) -> None:
    """A file system of `blocks` blocks is mounted, and begins at sector `start` of `device`."""
    for block in (start, start + 1):
        head = bytearray(b"\xff" * 4096)
        pack_into("<II8sIIII", head, 0, 1, 0xF7FF0FF0, b"littlefs", 0x1000E02F, 0x20001, 4096, blocks)
        device.writeblocks(block, head)
    from turgor.boards import flash

    status = (size, size, blocks * 4096 // size, 1, 1, 0, 0, 0, 0, 255)
    monkeypatch.setattr(flash, "os", SimpleNamespace(statvfs=lambda path: status))


def _find(device: Any, least: int = 12) -> Any:
    from turgor.boards.flash import region_behind_files

    return region_behind_files(device, least)


def test_by_hand(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """40 sectors with a file system in the first 20: the region is the other 20, and its page 17 one of sector 21."""
    device = fake.Device(fake.blank(40), 0, 40)
    _files(monkeypatch, device, 0, 20)
    region = _find(device)
    assert region.sectors == 20
    page = bytes(range(256))
    region.program(17 * 256, page)
    assert device.data[21 * 4096 + 256 :][:256] == page
    assert device.data[21 * 4096 :][:256] == b"\xff" * 256
    buffer = bytearray(256)
    region.read(17 * 256, buffer)
    assert buffer == page
    region.erase(1)
    assert device.data[20 * 4096 :] == b"\xff" * (20 * 4096)


@pytest.mark.parametrize(
    ("start", "blocks", "sectors"),
    [
        (0, 40, None),
        (0, 28, 12),
        (0, 29, None),
        (2, 26, 12),
        (2, 27, None),
        (2, 38, None),
        (0, 4, 36),
        (3, 20, None),
        (4, 20, None),
    ],
)
def test_where_the_region_is(
    fake: Any, monkeypatch: pytest.MonkeyPatch, start: int, blocks: int, sectors: int | None
) -> None:
    device = fake.Device(fake.blank(40), 0, 40)
    _files(monkeypatch, device, start, blocks)
    region = _find(device)
    assert (region and region.sectors) == sectors
    if region:
        device.writes = 0
        region.erase(region.sectors - 1)
        assert device.writes == 1


def test_one_superblock_is_enough(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cut of power while littlefs wrote one of the two leaves the other."""
    device = fake.Device(fake.blank(40), 0, 40)
    _files(monkeypatch, device, 0, 20)
    device.ioctl(6, 0)
    assert _find(device).sectors == 20
    device.ioctl(6, 1)
    assert _find(device) is None


def test_no_region_on_another_kind_of_file_system(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    device = fake.Device(fake.blank(40), 0, 40)
    _files(monkeypatch, device, 0, 20)
    from turgor.boards import flash

    status = (512, 512, 160, 1, 1, 0, 0, 0, 0, 255)
    assert _find(device).sectors == 20
    pack_into("<8s", device.data, 8, b"FAT16   ")
    pack_into("<8s", device.data, 4096 + 8, b"FAT16   ")
    monkeypatch.setattr(flash, "os", SimpleNamespace(statvfs=lambda path: status))
    assert _find(device) is None

    def nothing(path: str) -> None:
        raise OSError(19)

    monkeypatch.setattr(flash, "os", SimpleNamespace(statvfs=nothing))
    assert _find(device) is None


def test_blocks_that_are_no_sectors_are_refused(fake: Any) -> None:
    from turgor.boards.flash import region_from

    assert region_from(fake.Device(fake.blank(40), 0, 40, block_size=512), 0, 12) is None
    assert region_from(fake.Device(fake.blank(40), 0, 40), 0, 12).sectors == 40


def test_a_program_never_erases(fake: Any) -> None:
    """Written without offset the fake erases, as the boards do: a second page would take the first with it."""
    from turgor.boards.flash import region_from

    device = fake.Device(fake.blank(20), 0, 20)
    region = region_from(device, 4, 12)
    for at in range(0, 4096, 256):
        region.program(2 * 4096 + at, bytes([at >> 8]) * 256)
    assert device.data[6 * 4096 :][:4096] == b"".join(bytes([i]) * 256 for i in range(16))
    region.program(2 * 4096 + 256, b"\xf0" * 256)
    assert device.data[6 * 4096 + 256 :][:256] == b"\x00" * 256, "bits go to 0 alone"
    device.writeblocks(6, b"\xaa" * 256)
    assert device.data[6 * 4096 :][:4096] == b"\xaa" * 256 + b"\xff" * 3840


def test_a_chip_that_refuses_stops_nothing(fake: Any) -> None:
    """What was to be written does not pass for written, and the board goes on."""
    from turgor.app.journal import Journal
    from turgor.boards.flash import region_from

    device = fake.Device(fake.blank(20), 0, 20)
    region = region_from(device, 0, 12)
    journal = Journal(region, 0, 4)
    device.broken = True
    page = bytearray(b"\x55" * 256)
    region.program(0, page)
    region.erase(0)
    region.read(0, page)
    assert page == bytes(256)
    journal.begin(6, 1, 1)
    for _ in range(100):
        if journal.saving:
            journal.step()
    assert journal.failed
    assert not journal.saving


def test_a_chip_that_cannot_be_read_has_no_region(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    device = fake.Device(fake.blank(40), 0, 40)
    _files(monkeypatch, device, 0, 20)
    device.broken = True
    assert _find(device) is None


def test_boots_twice_from_it(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from turgor.app.keep import Keep

    device = fake.Device(fake.blank(40), 0, 40)
    _files(monkeypatch, device, 2, 20)
    before = bytes(device.data[: 22 * 4096])
    assert [Keep(_find(device)).boot for _ in range(3)] == [1, 2, 3]
    assert device.data[: 22 * 4096] == before


def _run(micropython: str, folder: Path, *args: str) -> str:
    path = os.pathsep.join([str(_HERE), str(_ROOT / "firmware"), ".frozen"])
    done = subprocess.run(
        [micropython, "-X", "heapsize=16M", str(_HERE / "run_flash.py"), *args],
        cwd=folder,
        env={**os.environ, "MICROPYPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


_NONE = "flash None boot 1 b'flash=none'\nflash None boot 2 b'flash=none'\nboot file True\nwhole True\n"


def _found(sectors: int) -> str:
    line = f"flash {sectors} boot 0 b'flash={sectors}'\n"
    return f"{line}keep 1\n{line}keep 2\nboot file False\nsame True\nwhole True\n"


@pytest.mark.parametrize("board", ["rp2", "esp32"])
@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("stock", "files 352\n" + _NONE),
        ("front:52", "files 52\n" + _found(300)),
        ("front:340", "files 340\n" + _found(12)),
        ("front:341", "files 341\n" + _NONE),
        # Where such a file system begins nobody can tell.
        ("back:52", "files 52\n" + _NONE),
    ],
)
def test_on_littlefs(micropython: str, tmp_path: Path, board: str, layout: str, expected: str) -> None:
    assert _run(micropython, tmp_path, board, layout) == expected


@pytest.mark.parametrize(("sectors", "expected"), [(64, _found(64)), (11, _NONE)])
def test_an_esp32_has_a_partition_for_it(micropython: str, tmp_path: Path, sectors: int, expected: str) -> None:
    assert _run(micropython, tmp_path, "esp32", f"partition:{sectors}") == "files 352\n" + expected


def test_what_the_readme_types_at_a_pico(micropython: str, tmp_path: Path) -> None:
    """Its lines, typed at a stock board; then the board starts as MicroPython does, twice."""
    block = re.search(r"```python\n(import rp2.*?)```", (_ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block
    script = tmp_path / "lines.py"
    script.write_text(block[1])
    assert _run(micropython, tmp_path, "rp2", "script", str(script)) == "files 70\n" + _found(280)


def test_a_stock_board_formats_what_is_smaller_than_its_device(micropython: str, tmp_path: Path) -> None:
    """Why the README's way has a boot file system: littlefs refuses to mount, and MicroPython takes the flash back."""
    script = tmp_path / "lines.py"
    script.write_text(
        "import rp2, vfs\nvfs.umount('/')\nvfs.VfsLfs2.mkfs(rp2.Flash(len=204800), progsize=256)\n"
        "vfs.mount(vfs.VfsLfs2(rp2.Flash(len=204800), progsize=256), '/')\n"
    )
    assert _run(micropython, tmp_path, "rp2", "script", str(script)).startswith("formats anew\nfiles 352\nflash None")
