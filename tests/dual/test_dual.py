"""Core, link and app give the same bytes wherever they run, over every script of this folder.

The core's scripts run on every runtime of `runtimes`, link's and the app's wherever these are not the core's own forms.
On the slowest, numba among them for what it compiles, a fifth of the calls is made; all of them on every runtime:
TURGOR_FULL=1 .venv/bin/pytest -n 0 tests/dual
"""

import ast
import difflib
import importlib
import inspect
import os
import pkgutil
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import runtimes

import turgor.core
import turgor.link

HERE = Path(__file__).parent
SCRIPTS = sorted(script.name for script in HERE.glob("run_*.py"))
# They use the core only in passing.
BEYOND_CORE = {"run_app.py", "run_keep.py", "run_link.py"}
LEAST_CALLS = 100_000
SHORT = {} if os.environ.get("TURGOR_FULL") else dict.fromkeys(("numba", "armv6m", "webassembly"), LEAST_CALLS // 5)
# Called with a name, or once for a state or its restart: the rest of the core takes samples, readings, commands.
FEW_CALLS = re.compile(
    r"core\.(channels\.|channel\.pressure_channel|judge_state\.|alarms\.idle_words|\w+\.\w+_state$|filter_words\.(take_flags|filtered)$|\w+\.(\w+_)?restart$)"
)
PLACES = [
    (name, script)
    for name in runtimes.NAMES
    if name != "cpython"
    for script in SCRIPTS
    if name not in runtimes.NEEDS or script not in BEYOND_CORE
]


@pytest.fixture(scope="session")
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """What a runtime printed for a script; those that tests of this session ask for run ahead, one a core."""
    micropython = runtimes.micropython()
    pool = ThreadPoolExecutor(os.cpu_count())
    started: dict[tuple[str, str, int | None], Future[str]] = {}

    def start(name: str, script: str, calls: int | None = None) -> Future[str]:
        key = name, script, calls
        if key not in started:
            target = tmp_path_factory.mktemp(name)
            started[key] = pool.submit(runtimes.output, name, HERE / script, micropython, target, calls)
        return started[key]

    for item in request.session.items:
        arguments: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
        if item.path == Path(__file__) and "script" in arguments:
            name, script = arguments["name"], arguments["script"]
            start("cpython", script, SHORT.get(name))
            if runtimes.missing(name) is None:
                start(name, script, SHORT.get(name))
    yield lambda name, script, calls=None: start(name, script, calls).result()
    pool.shutdown(cancel_futures=True)


def test_by_hand(run: Callable[..., str]) -> None:
    """`split` takes a number apart 100 000 times, and a script says so in a line."""
    lines = {line.split()[0]: line.split()[1:] for script in SCRIPTS for line in run("cpython", script).splitlines()}
    calls, digest = lines["core.fixed.split"]
    assert (calls, len(digest)) == ("100000", 64)


@pytest.mark.parametrize(("name", "script"), PLACES)
def test_the_same_bytes(run: Callable[..., str], name: str, script: str) -> None:
    lacks = runtimes.missing(name)
    if lacks:
        pytest.skip(lacks)
    got = run(name, script, SHORT.get(name))
    assert got
    assert got == run("cpython", script, SHORT.get(name))


@pytest.mark.parametrize("emitter", ["native", ""])
def test_a_copy_differs_in_nothing_but_decorators(tmp_path: Path, emitter: str) -> None:
    runtimes.copy_firmware(tmp_path, emitter)
    sources = sorted(path.relative_to(runtimes.FIRMWARE) for path in runtimes.FIRMWARE.rglob("*.py"))
    assert sources == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.py"))
    changed = 0
    for source in sources:
        before, after = ((folder / source).read_text().split("\n") for folder in (runtimes.FIRMWARE, tmp_path))
        for line in difflib.ndiff(before, after):
            if line[0] == "-":
                assert line.split() in (["-", "@micropython.viper"], ["-", "@micropython.native"])
                changed += 1
            elif line[0] == "+":
                assert line.split() == (["+", f"@micropython.{emitter}"] if emitter else ["+"])
    assert changed > 10


def public(package: Any) -> set[str]:
    """The public functions and classes of a package's modules, as `core.module.name`."""
    found = set()
    for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        module = importlib.import_module(info.name)
        for name, thing in inspect.getmembers(module, lambda t: inspect.isfunction(t) or inspect.isclass(t)):
            if thing.__module__ == info.name and not name.startswith("_"):
                found.add(f"{info.name.removeprefix('turgor.')}.{name}")
    return found


def test_every_routine_of_core_and_link_takes_part(run: Callable[..., str]) -> None:
    """Each has a line, those of the core with as many calls or samples as were promised."""
    calls: dict[str, int] = {}
    for script in SCRIPTS:
        for line in run("cpython", script).splitlines():
            name, *rest = line.split()
            if len(rest) == 2 and rest[0].isdigit():
                calls[name] = calls.get(name, 0) + int(rest[0])
    assert public(turgor.core) | public(turgor.link) <= calls.keys()
    few = {name for name in public(turgor.core) if calls[name] < LEAST_CALLS}
    assert [name for name in few if not FEW_CALLS.match(name)] == []


def test_the_apps_run_is_no_idle_one(run: Callable[..., str]) -> None:
    """It raises alarms, has them acknowledged, overflows its log and frees it."""
    log, alarms = run("cpython", "run_app.py").splitlines()[-2:]
    _, first, _, _, dropped = log.split()
    assert int(dropped) > 0
    assert int(first) > int(dropped)
    levels = [level for _, level in ast.literal_eval(alarms.removeprefix("alarms "))]
    assert 3 in levels
    assert 0 in levels
