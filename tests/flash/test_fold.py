"""The firmware folded into one program: constants in place, what nothing uses left out, and the same results."""

import subprocess
import sys
from pathlib import Path

import pytest
from small_firmware import FIRMWARE

from turgor_host.errors import TurgorError
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


IMPORT = "from turgor.kinds import A\n"
MODULE = "from turgor import kinds\n"


def _run(sources: dict[str, str], folder: Path) -> str:
    """What `main()` of such a package gives, or how it fails."""
    for name, text in sources.items():
        path = folder / "turgor" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    words = [sys.executable, "-c", "from turgor.main import main\nprint(main())"]
    done = subprocess.run(words, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr[-200:]


@pytest.mark.parametrize(
    ("main", "gives"),
    [
        (IMPORT + "def main():\n    A = 7\n    return A", "7"),
        (IMPORT + "def main():\n    return [A for A in range(2)]", "[0, 1]"),
        (IMPORT + "def main():\n    for A in (8,):\n        return A", "8"),
        (IMPORT + "def main():\n    import os.path as A\n    return A.sep", "/"),
        (IMPORT + "def main():\n    from turgor.kinds import B as A\n    return A", "7"),
        (IMPORT + "def main():\n    from turgor.kinds import A\n    return A", "3"),
        (IMPORT + "def main():\n    def A():\n        pass\n    return A.__name__", "A"),
        (IMPORT + "def main():\n    class A:\n        pass\n    return A.__name__", "A"),
        (
            IMPORT + "def main():\n    try:\n        [][1]\n    except IndexError as A:\n        return A",
            "list index out of range",
        ),
        (IMPORT + "def main():\n    def f(A):\n        return A\n    return f(1) + A", "4"),
        (IMPORT + "def main(*A):\n    return (lambda **A: A)(x=A)", "{'x': ()}"),
        (IMPORT + "def main():\n    global A\n    A = 4\n    return f()\ndef f():\n    return A", "4"),
        (IMPORT + "class K:\n    A = 9\n    x = A\ndef main():\n    return K.A, K.x, A", "(9, 9, 3)"),
        (IMPORT + "def main():\n    return dict(A=A), f'{A}'", "({'A': 3}, '3')"),
        ("try:\n    from turgor.kinds import A\nexcept ImportError:\n    A = 1\ndef main():\n    return A", "3"),
        ("import sys\nif sys.path:\n    from turgor.kinds import A\ndef main():\n    return A", "3"),
        (MODULE + "def main():\n    kinds.A = 5\n    return kinds.A", "5"),
        (MODULE + "def main():\n    return getattr(kinds, 'A'), kinds.B", "(3, 7)"),
        (MODULE + "from turgor.reads import of\ndef main():\n    return of(kinds)", "('a', 'b')"),
        (MODULE + "def main(kinds=kinds):\n    return kinds.NEGATIVE", "-1"),
        (MODULE + "def main():\n    class kinds:\n        A = 6\n    return kinds.A", "6"),
    ],
)
def test_what_is_hard_to_fold_gives_the_same(main: str, gives: str, tmp_path: Path) -> None:
    sources = {**PACKAGE, "main.py": main, "reads.py": "def of(module):\n    return module.NAMES\n"}
    assert _run(sources, tmp_path / "plain") == gives + "\n"
    assert _run(fold(sources), tmp_path / "folded") == gives + "\n"


@pytest.mark.parametrize("text", ["from turgor.kinds import *", "import turgor.kinds", "from .kinds import A"])
def test_an_import_that_hides_what_it_takes_is_refused(text: str) -> None:
    with pytest.raises(TurgorError, match=r"^main\.py:1: .* hides what it takes; write `from turgor"):
        fold({**PACKAGE, "main.py": text + "\ndef main():\n    return 1\n"})
