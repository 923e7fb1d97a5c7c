"""The firmware on a real MicroPython for the Pico, emulated: files as a user puts them, a recording, what steps cost.

    TURGOR_RP2_UF2=RPI_PICO.uf2 .venv/bin/pytest -n 0 tests/emulated

The board records for 5 emulated seconds here and for 60 with TURGOR_FULL=1. Where steps are timed `measure.py` puts a
stop-watch around the same firmware; its times include the wire's at 400 kHz and the stop-watch's own.
"""

import json
import subprocess
import sys
from bisect import bisect_right
from pathlib import Path
from typing import Any

import pytest
from pico import BOOT_S, Pico

from turgor import __version__
from turgor.link.records import WATCHDOG_RESET, unpack
from turgor_host.wire import Replica

NUMBERS = {"calf_l": 0, "calf_r": 1, "forearm_l": 2, "forearm_r": 3}
SCRIPTS = Path(sys.executable).parent


def info(file: Path) -> dict[str, Any]:
    done = subprocess.run([SCRIPTS / "turgor", "info", file, "--check", "--json"], check=True, capture_output=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def first_record(pico: Pico) -> bytes:
    """The first record that the board's log gives a new host."""
    replica = Replica()
    pico.received.clear()
    replica.hello(pico.clock.us / 1e6)
    for _ in range(100):
        for line in replica.lines:
            pico.send(line)
        replica.lines.clear()
        pico.run(0.02)
        records = replica.feed(bytes(pico.received), pico.clock.us / 1e6)
        pico.received.clear()
        if records:
            return records[0]
        replica.poll(pico.clock.us / 1e6)
    raise AssertionError("the board gives no record")


def test_mpremote_copies_the_firmware_onto_a_new_board(uf2: Path, package: Path, tmp_path: Path) -> None:
    pico = Pico(uf2)
    pico.run(2)
    with pico.served(tmp_path / "clock") as url:
        for command in (["cp", "-r", f"{package}/lib", ":"], ["cp", f"{package}/main.py", ":"], ["ls", ":lib/turgor"]):
            done = subprocess.run(
                [SCRIPTS / "mpremote", "connect", url, "fs", *command],
                capture_output=True,
                check=False,
                text=True,
                timeout=3600,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    assert "modules.z" in done.stdout
    size = sum(path.stat().st_size for path in package.rglob("*") if path.is_file())
    # Erases and pages took their time.
    assert pico.stalled_us > size / 4096 * 45000


def test_turgor_flash_installs_it_over_the_usb_port(uf2: Path) -> None:
    """On a bare MicroPython; then the firmware answers, and a second time there is nothing to do."""
    pico = Pico(uf2)
    pico.run(2)
    for changed in (True, False):
        flashed = pico.turgor("flash")
        assert (flashed["version"], flashed["changed"]) == (__version__, changed)
        assert flashed["board"]["architecture"] == "armv6m"


def test_record_over_usb_is_whole(plain: Any) -> None:
    found = info(plain.file)
    assert plain.summary["lost"] == 0
    assert found["lost"] == 0
    assert plain.summary["simulated"] is False
    assert (found["platform"], found["machine"]) == ("rp2", "rp2040")
    assert found["runtime"].startswith("MicroPython 1.")
    channels = {channel["name"]: channel for channel in found["channels"]}
    assert list(channels) == [*NUMBERS, "calf_z", "thorax_z"]


def test_no_conversion_passes_unread(plain: Any) -> None:
    for channel in info(plain.file)["channels"]:
        assert channel["missed"] == 0, channel


def test_ctrl_c_ends_at_the_prompt_with_the_drive_off(plain: Any) -> None:
    before, after = plain.driven_na
    assert any(before)
    assert not any(after)
    assert plain.end.endswith(b">>> ")
    assert "1764" in plain.ask("42 * 42")


def test_a_minute_at_the_prompt_without_a_reset(plain: Any) -> None:
    """The watchdog is stopped there; the next test shows one that is not."""
    plain.ask("kept = 42 * 42")
    plain.pico.run(60)
    assert "1764" in plain.ask("kept")


def test_a_copy_of_three_minutes_without_a_reset(plain: Any) -> None:
    """A piece a second, as a slow line would bring them."""
    piece = bytes(range(48, 112))
    plain.ask("copy = open('copy', 'wb')")
    begun_us = plain.pico.clock.us
    pieces = 0
    while plain.pico.clock.us - begun_us < 180e6:
        assert str(len(piece)) in plain.ask(f"copy.write({piece!r})").splitlines()[-2]
        plain.pico.run(1)
        pieces += 1
    plain.ask("copy.close()")
    assert str(pieces * len(piece)) in plain.ask("import os; os.stat('copy')[6]")
    plain.ask("os.remove('copy')")


def test_a_step_that_hangs_is_ended_by_the_watchdog_and_reported(plain: Any) -> None:
    plain.ask("import time, turgor.main")
    plain.ask("from turgor.drivers.nau7802 import Nau7802")
    plain.ask("Nau7802.step = lambda driver, now: time.sleep(100)")
    plain.pico.send(b"turgor.main.main()\r\n")
    # 8.4 s, and a start.
    plain.pico.run(9 + BOOT_S)
    header, body, _ = unpack(first_record(plain.pico))
    assert header["kind"] == "boot"
    assert body["reset_cause"] == WATCHDOG_RESET


def test_cpu_share(plain: Any) -> None:
    assert plain.cpu_share <= 0.35


def test_free_heap_after_boot(measured: Any) -> None:
    assert measured.report["heap"][0] >= 64 * 1024


def test_samples_take_no_room_on_the_heap(measured: Any) -> None:
    _, before, after, samples, _ = measured.report["heap"]
    assert samples > 500
    assert after == before


def test_ticks_are_those_of_the_data_ready_pins(measured: Any) -> None:
    ticks = measured.report["ticks"]
    late = []
    for name, number in NUMBERS.items():
        edges = measured.wired.edges[name]
        own = [tick for channel, tick in zip(ticks[::2], ticks[1::2], strict=True) if channel == number]
        assert len(own) > 50
        late += [tick - edges[bisect_right(edges, tick) - 1] for tick in own]
    assert max(late) <= 200


def test_a_sample_costs_at_most_250_us_beside_the_wire(measured: Any) -> None:
    count, altogether, _ = measured.report["samples"]
    # Multiplexer: 2 bytes; result: 6 bytes; with starts and stops, at 2.5 us a bit.
    wire_us = (2 * 9 + 2 + 6 * 9 + 3) * 2.5
    assert altogether / count - wire_us <= 250


@pytest.mark.parametrize("kind", ["PressureSampler", "ImpedanceSampler", "Wire", "Blocks", "Tick"])
def test_no_step_takes_longer_than_1500_us(measured: Any, kind: str) -> None:
    assert measured.report["kinds"][kind][2] <= 1500
