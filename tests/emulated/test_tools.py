"""`turgor doctor` and `turgor bench` on the emulated Pico: on a board that watches, which `--stop` interrupts."""

from collections.abc import Callable
from typing import Any

import pytest
from pico import BOOT_S, Pico

from turgor import __version__
from turgor_host.bench.run import ROUTINES

LIMBS = ("calf_l", "calf_r", "forearm_l", "forearm_r")


@pytest.fixture(scope="module")
def watching(board: Callable[[bool], Any]) -> Pico:
    """A board whose firmware has started and that nobody has asked for anything."""
    pico, _ = board(False)
    pico.run(BOOT_S)
    return pico


@pytest.fixture
def doctor(watching: Pico, say: Callable[[str], None]) -> Callable[..., dict[str, str]]:
    """What `turgor doctor` finds, by name; under "" what it did not look at."""

    def run(*options: str) -> dict[str, str]:
        found = watching.turgor("doctor", *options)
        for finding in found["findings"]:
            say(f"doctor: {finding['name']}: {finding['said']}")
        return {"": found["not_looked_at"], **{finding["name"]: finding["said"] for finding in found["findings"]}}

    return run


def test_doctor_asks_a_board_that_watches(doctor: Callable[..., dict[str, str]]) -> None:
    findings = doctor()
    assert "--stop interrupts it" in findings[""]
    assert findings["Turgor"].startswith(__version__)
    assert findings["last reset"] == "power-on"
    for name in LIMBS:
        assert "mmHg rms" in findings[f"{name} noise"]


def test_doctor_stops_it_looks_and_starts_it_again(doctor: Callable[..., dict[str, str]]) -> None:
    findings = doctor("--stop")
    assert not findings[""]
    assert findings["I2C bus 0"] == "0x68 0x69 0x70; " + "; ".join(f"port {port}: 0x2A" for port in range(4))
    for number, name in enumerate(LIMBS):
        assert findings[name].startswith(f"NAU7802 at 0x2A on bus 0 port {number}, revision 0x0F: ")
    assert "Turgor runs again" in findings["start"]


def test_bench_times_the_core(watching: Pico, say: Callable[[str], None]) -> None:
    found = watching.turgor("bench", "--stop")
    assert found["machine"] == "Raspberry Pi Pico with RP2040"
    assert found["architecture"] == "armv6m"
    timings = {timing["name"]: timing["median_ns"] for timing in found["timings"]}
    assert list(timings) == list(ROUTINES)
    for name, ns in timings.items():
        say(f"bench: {ROUTINES[name][0]}: {ns / 1000:.2f} us")
    assert all(ns > 0 for ns in timings.values())
    # A block shares the cost of a call.
    assert timings["chain_block"] < timings["chain_one"] / 4
