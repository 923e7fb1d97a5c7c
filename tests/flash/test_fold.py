"""The firmware folded into one program: constants in place, what nothing uses left out, and the same results."""

import subprocess
import sys
from pathlib import Path

import pytest
from small_firmware import FIRMWARE

from turgor_host.flash.board import PLATFORMS
from turgor_host.flash.fold import fold
from turgor_host.flash.payload import program

PACKAGE = {
    "__init__.py": '__version__ = "1"\n',
    "kinds.py": "from turgor.mp import const\n\nA = const(3)\nB = A + 4\nNEGATIVE = -1\nNAMES = ('a', 'b')\n",
    "mp.py": "def const(value):\n    return value\n",
    "parts.py": "from turgor.kinds import A\nLIMIT = A << 2\ntable = [LIMIT]\n\ndef far():\n    return near()\n\n"
    "def near():\n    return A\n\ndef unused():\n    return NAMES\n\nclass Unused:\n    pass\n",
    "unreached.py": "from turgor.parts import unused\n",
    "main.py": '"""Head."""\nimport os\nimport sys\nfrom turgor import parts\nfrom turgor.kinds import A as KIND\n'
    "from turgor.kinds import B, NEGATIVE\n\nsys.exit\n\n"
    "def main(B=B):\n    return KIND + NEGATIVE, parts.LIMIT, parts.far(), B\n",
}


def test_constants_stand_where_they_are_used_and_the_rest_goes() -> None:
    folded = fold(PACKAGE)
    assert folded.keys() == {"__init__.py", "kinds.py", "main.py", "parts.py"}
    assert folded["main.py"] == (
        "import sys\nfrom turgor import parts\nfrom turgor.kinds import B\nsys.exit\n\n"
        "def main(B=B):\n    return (3 + -1, 12, parts.far(), B)"
    )
    # Of `B` the default stays a name: a parameter has it too.
    assert folded["kinds.py"] == "B = 3 + 4"
    assert folded["parts.py"] == "def far():\n    return near()\n\ndef near():\n    return 3"
    assert folded["__init__.py"] == "__version__ = '1'"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_name_of_the_firmware_is_lost(platform: str, tmp_path: Path) -> None:
    sources = program(FIRMWARE, platform)
    assert f"boards/{platform}.py" in sources
    for name, text in sources.items():
        path = tmp_path / "turgor" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    # Names that are not defined, and imports of what is not used.
    ruff = Path(sys.executable).with_name("ruff")
    words = [ruff, "check", "--isolated", "--select", "F", tmp_path]
    checked = subprocess.run(words, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # Every import finds its names; the rest of main and the boards' files want MicroPython's own modules.
    names = [name.removesuffix(".py").replace("/", ".") for name in sources]
    script = "\n".join(f"import turgor.{name}" for name in names if name != "main" and not name.startswith("boards."))
    done = subprocess.run(
        [sys.executable, "-c", script.replace(".__init__", "")],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
