"""Short names: the same one everywhere, and nothing else touched."""

import ast

import pytest

from turgor_host.errors import TurgorError
from turgor_host.flash.shorten import shorten


def shortened(*sources: str) -> list[str]:
    trees = [ast.parse(source) for source in sources]
    shorten(trees)
    return [ast.unparse(tree) for tree in trees]


def test_by_hand() -> None:
    """The most frequent private name becomes the shortest; public and double ones stay."""
    found = shortened(
        "class Base:\n    def _long(self, _first=1):\n        self._value = _first\n        self.public = self._value",
        "from base import Base, _helper as _other\nclass Sub(Base):\n    def __init__(self):\n"
        "        self._value = self._long(_first=_other(self._value))",
    )
    assert found == [
        "class Base:\n\n    def _c(self, _b=1):\n        self._a = _b\n        self.public = self._a",
        "from base import Base, _e as _d\n\nclass Sub(Base):\n\n    def __init__(self):\n"
        "        self._a = self._c(_b=_d(self._a))",
    ]


def test_texts_stay() -> None:
    assert shortened("_name = '_name'") == ["_a = '_name'"]


def test_many_names_stay_apart() -> None:
    (found,) = shortened("\n".join(f"_n{i} = {i}" for i in range(3000)))
    scope: dict[str, int] = {}
    exec(found, scope)
    assert sorted(value for name, value in scope.items() if name[:2] != "__") == list(range(3000))


def test_a_private_global_is_refused() -> None:
    with pytest.raises(TurgorError, match="line 2"):
        shortened("def f():\n    global _count\n    _count = 1")
