"""Core, link and app give the same bytes on CPython and on MicroPython, over every script of this folder."""

import ast
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import turgor.core
import turgor.link

HERE = Path(__file__).parent
SCRIPTS = sorted(HERE.glob("run_*.py"))


def output(command: list[str], script: Path, variable: str, *folders: str) -> bytes:
    """What `script` prints; it fails with what it said when it ends badly."""
    env = {**os.environ, variable: os.pathsep.join(folders)}
    done = subprocess.run([*command, str(script)], env=env, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout


@pytest.fixture(scope="session")
def on_cpython(root: Path) -> dict[str, bytes]:
    """What each script prints under this Python."""
    return {script.name: output([sys.executable], script, "PYTHONPATH", str(root / "firmware")) for script in SCRIPTS}


def test_by_hand(on_cpython: dict[str, bytes]) -> None:
    """`split` takes a number apart 100 000 times, and a script says so in a line."""
    name, calls, digest = on_cpython["run_impedance.py"].split(b"\n")[0].split()
    assert (name, calls, len(digest)) == (b"core.fixed.split", b"100000", 64)


@pytest.mark.parametrize("name", [script.name for script in SCRIPTS])
def test_micropython_gives_the_same(root: Path, micropython: str, on_cpython: dict[str, bytes], name: str) -> None:
    got = output([micropython], HERE / name, "MICROPYPATH", str(root / "firmware"), ".frozen")
    assert got
    assert got.decode() == on_cpython[name].decode()


def public(package: object) -> set[str]:
    """The public functions and classes of a package's modules, as `core.module.name`."""
    found = set()
    for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        module = importlib.import_module(info.name)
        for name, thing in inspect.getmembers(module, lambda t: inspect.isfunction(t) or inspect.isclass(t)):
            if thing.__module__ == info.name and not name.startswith("_"):
                found.add(f"{info.name.removeprefix('turgor.')}.{name}")
    return found


def test_every_routine_of_core_and_link_takes_part(on_cpython: dict[str, bytes]) -> None:
    lines = b"".join(on_cpython.values()).decode().splitlines()
    assert public(turgor.core) | public(turgor.link) <= {line.split()[0] for line in lines}


def test_the_apps_run_is_no_idle_one(on_cpython: dict[str, bytes]) -> None:
    """It raises alarms, has them acknowledged, overflows its log and frees it."""
    log, alarms = on_cpython["run_app.py"].decode().splitlines()[-2:]
    _, first, _, _, dropped = log.split()
    assert int(dropped) > 0
    assert int(first) > int(dropped)
    levels = [level for _, level in ast.literal_eval(alarms.removeprefix("alarms "))]
    assert 3 in levels
    assert 0 in levels
