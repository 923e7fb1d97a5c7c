"""The firmware folded into one program: constants in place, what nothing uses left out, few files, the same results."""

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
    assert folded.keys() == {"__init__.py", "main.py"}
    # Of `B` the default stays a name: a parameter has it too.
    assert folded["main.py"] == (
        "import sys\n\ndef far():\n    return near()\n\ndef near():\n    return 3\n_a = 3 + 4\nsys.exit\n\n"
        "def main(_a=_a):\n    return (3 + -1, 12, far(), _a)"
    )
    assert folded["__init__.py"] == "__version__ = '1'"


def test_bytes_of_numbers_are_bytes() -> None:
    main = "N = 1\nT = bytes((N, 2 + 3)) + bytes((255,))\nU = bytes((256,)), bytes(4)\ndef main():\n    return T, U"
    assert "_a = b'\\x01\\x05\\xff'\n_b = (bytes((256,)), bytes(4))\n" in fold({"main.py": main})["main.py"]


def test_methods_that_nobody_asks_for_go() -> None:
    """Also those that only they called, and those that only call each other by way of a subclass."""
    main = (
        "def far():\n    pass\nclass A:\n    def __init__(self):\n        self.kept()\n    def kept(self):\n"
        "        pass\n"
        "    def gone(self):\n        return self.gone_too(), far()\n    def gone_too(self):\n        pass\n"
        "    def asked(self):\n        pass\nclass B(A):\n    def gone(self):\n        A.gone(self)\n"
        "def main():\n    return A(), B(), 'asked'"
    )
    assert fold({"main.py": main})["main.py"] == (
        "class A:\n\n    def __init__(self):\n        self.kept()\n\n    def kept(self):\n        pass\n\n"
        "    def asked(self):\n        pass\n\nclass B(A):\n    pass\n\ndef main():\n    return (A(), B(), 'asked')"
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_name_of_the_firmware_is_lost(platform: str, tmp_path: Path, micropython: str) -> None:
    sources = program(FIRMWARE, platform)
    assert {"main.py", f"boards/{platform}.py"} < sources.keys()
    for name, text in sources.items():
        path = tmp_path / "turgor" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    # Names that are not defined, and imports of what is not used.
    ruff = Path(sys.executable).with_name("ruff")
    known = 'builtins = ["micropython", "const", "ptr8", "ptr16", "ptr32"]'
    words = [ruff, "check", "--isolated", "--select", "F", "--config", known, tmp_path]
    checked = subprocess.run(words, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # Every import finds its names; the boards' files want modules of their own.
    names = [name.removesuffix(".py").replace("/", ".") for name in sources if not name.startswith("boards/")]
    script = "\n".join(f"import turgor.{name}" for name in names).replace(".__init__", "")
    done = subprocess.run(
        [micropython, "-c", script],
        env={"MICROPYPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


IMPORT = "from turgor.kinds import A\n"
MODULE = "from turgor import kinds\n"


# A builtin's name, a class whose names are not those of its methods; and two that want it.
OWN = {
    "own.py": "x = 3\ndef min():\n    return 9\ndef least():\n    return min()\ndef twice(x):\n    return 2 * x\n"
    "class K:\n    x = 4\n    y = x\n    def get(self, of=x):\n        return self.y, x\n",
    "far.py": "from turgor.own import twice\ndef six():\n    return twice(3)\n",
    "near.py": "from turgor.own import K as min\ndef five():\n    return min.y + 3\n",
}


def _run(sources: dict[str, str], folder: Path) -> str:
    """What `main()` of such a package gives, or how it fails."""
    for name, text in sources.items():
        path = folder / "turgor" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    script = "import builtins\nbuiltins.const = int\nfrom turgor.main import main\nprint(main())"
    words = [sys.executable, "-c", script]
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
        (MODULE + "def main():\n    class kinds:\n        A = 6\n    return kinds.A", "6"),
        (MODULE + "def main():\n    return kinds.NAMES", "('a', 'b')"),
        # Names that mean something else, or nothing, in another file.
        ("from turgor.parts import far as near\ndef main():\n    return near()", "3"),
        ("from turgor.parts import far\ndef near():\n    return 5\ndef main():\n    return far(), near()", "(3, 5)"),
        ("from turgor.parts import far as g\ndef main(far=4):\n    return g() + far", "7"),
        ("from turgor.own import least\ndef main():\n    return min(2, 1), least()", "(1, 9)"),
        ("from turgor.own import K\nclass L(K):\n    x = 5\ndef main():\n    return L.x, L().get(3)", "(5, (4, 3))"),
        ("from turgor.own import twice\ndef main(of=twice):\n    return [of(least) for least in (1, 2)]", "[2, 4]"),
        (
            IMPORT + "T = bytes((A, A << 1)) + bytes((2 + 3,))\ndef main():\n    return T, bytes((1, -A + 3))",
            r"(b'\x03\x06\x05', b'\x01\x00')",
        ),
        (IMPORT + "def main(n=A):\n    return bytes((n, 1)) + bytes(A)", r"b'\x03\x01\x00\x00\x00'"),
        # Imports in functions: of what is loaded at the start, and of what waits.
        ("from turgor.own import K\ndef main():\n    from turgor.own import twice\n    return twice(K.x)", "8"),
        ("def main():\n    from turgor.own import twice as least\n    return least(3)", "6"),
        ("from turgor.own import K\ndef main():\n    from turgor.far import six\n    return six(), K.x", "(6, 4)"),
        (
            "def main():\n    from turgor.far import six\n    from turgor.near import five\n    return six(), five()",
            "(6, 7)",
        ),
    ],
)
def test_what_is_hard_to_fold_gives_the_same(main: str, gives: str, tmp_path: Path) -> None:
    sources = {**PACKAGE, **OWN, "main.py": main}
    assert _run(sources, tmp_path / "plain") == gives + "\n"
    assert _run(fold(sources), tmp_path / "folded") == gives + "\n"


@pytest.mark.parametrize(
    "body", ["kinds.A = 5", "return getattr(kinds, 'NAMES')", "from turgor import kinds\n    return kinds.NAMES"]
)
def test_a_module_as_a_value_is_refused(body: str) -> None:
    text = MODULE + "\ndef main():\n    " + body
    with pytest.raises(TurgorError, match=r"^main \w+ (the module )?kinds"):
        fold({**PACKAGE, "main.py": text})


@pytest.mark.parametrize("text", ["from turgor.kinds import *", "import turgor.kinds", "from .kinds import A"])
def test_an_import_that_hides_what_it_takes_is_refused(text: str) -> None:
    with pytest.raises(TurgorError, match=r"^main\.py:1: .* hides what it takes; write `from turgor"):
        fold({**PACKAGE, "main.py": text + "\ndef main():\n    return 1\n"})
