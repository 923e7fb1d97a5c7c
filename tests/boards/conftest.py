"""Runs a script of this folder on a fake board."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_FIRMWARE = _HERE.parents[1] / "firmware"


def _run(interpreter: Path | str, script: str, folder: Path, *arguments: str) -> str:
    path = os.pathsep.join([str(_HERE), str(_FIRMWARE)])
    environment = {**os.environ, "MICROPYPATH": path + os.pathsep + ".frozen", "PYTHONPATH": path}
    done = subprocess.run(
        [str(interpreter), str(_HERE / script), *arguments],
        cwd=folder,
        env=environment,
        input="hi",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def run() -> Callable[..., str]:
    """What an interpreter printed for a script with arguments, in a folder."""
    return _run
