"""With an arterial line at 320 samples a second beside the usual six, kept by a Pico whose flash is divided.

TURGOR_RP2_UF2=RPI_PICO.uf2 .venv/bin/pytest -n 0 tests/emulated/test_arterial.py
"""

from collections.abc import Callable
from typing import Any

import pytest
from pico import BOOT_S, PROMPT, SECONDS

from turgor_host.configuration.file import default_configuration
from turgor_host.recording.info import describe
from turgor_host.recording.reader import open_recording

_NAMES = ("calf_l", "calf_r", "forearm_l", "forearm_r", "calf_z", "thorax_z", "art")


@pytest.fixture(scope="module")
def found(
    board: Any, tmp_path_factory: pytest.TempPathFactory, say: Callable[[str], None]
) -> tuple[dict[str, Any], float]:
    """What a recording with the line says of itself, and the CPU's share while it went on."""
    folder = tmp_path_factory.mktemp("arterial")
    config = folder / "line.toml"
    config.write_text("".join(f"[channels.{name}]\n" for name in _NAMES))
    pico, _ = board(False, default_configuration(with_line=True))
    pico.run(BOOT_S)
    assert not pico.received, bytes(pico.received).decode()
    pico.turgor("record", folder / "first.turgor", "--seconds", 3, "--config", config)
    # It runs from the next start on.
    pico.send(b"\x03")
    assert pico.run(2, lambda: pico.received.endswith(PROMPT)), bytes(pico.received)
    pico.send(b"\x04")
    pico.run(BOOT_S)
    # What the boot before has left goes out first.
    pico.turgor("record", folder / "line.turgor", "--seconds", 8)
    before = pico.busy_us(), pico.clock.us
    pico.turgor("record", folder / "line.turgor", "--seconds", SECONDS)
    share = (pico.busy_us() - before[0]) / (pico.clock.us - before[1])
    say(f"CPU share with an arterial line {100 * share:.1f} %")
    with open_recording(folder / "line.turgor") as recording:
        return describe(recording), share


def test_no_conversion_passes_unread(found: tuple[dict[str, Any], float]) -> None:
    channels = {channel["name"]: channel for channel in found[0]["channels"]}
    assert list(channels) == list(_NAMES)
    assert found[0]["lost"] == 0
    assert {name: channel["missed"] for name, channel in channels.items()} == dict.fromkeys(_NAMES, 0)
    assert channels["art"]["samples"] > 310 * (SECONDS + 3)


def test_cpu_share(found: tuple[dict[str, Any], float]) -> None:
    assert found[1] <= 0.6
