"""Short names: the same one everywhere, and nothing else touched."""

import ast

import pytest

from turgor_host.flash.shorten import shorten


def shortened(*sources: str) -> list[str]:
    trees = [ast.parse(source) for source in sources]
    shorten(trees)
    return [ast.unparse(tree) for tree in trees]


def test_by_hand() -> None:
    """The most frequent name becomes the shortest; what is called and not private stays, as double ones do."""
    found = shortened(
        "class Base:\n    def _long(self, _first=1):\n        self._value = _first\n        "
        "self.public = self._value\n        self.call()",
        "from base import Base, _helper as _other\nclass Sub(Base):\n    def __init__(self):\n"
        "        self._value = self._long(_first=_other(self._value))",
    )
    assert found == [
        "class Base:\n\n    def _c(self, _b=1):\n        self._a = _b\n        self._d = self._a\n        self.call()",
        "from base import Base, _c as _a\n\nclass Sub(Base):\n\n    def __init__(self):\n"
        "        self._a = self._c(_b=_a(self._a))",
    ]


@pytest.mark.parametrize(
    ("source", "gives"),
    [
        # Two classes, a class and a file.
        (
            "_one = 1\nclass A:\n    def _two(self):\n        return self._two\nclass B:\n    def f(self):\n"
            "        self._three = _one",
            "_a = 1\n\nclass A:\n\n    def _a(self):\n        return self._a\n\nclass B:\n\n    def f(self):\n"
            "        self._a = _a",
        ),
        # One of any object's is nobody else's in any class.
        (
            "class A:\n    def f(self, a):\n        self._one = a._two",
            "class A:\n\n    def f(self, _a):\n        self._a = _a._b",
        ),
        # Kin, also by a class between.
        (
            "class A:\n    def f(self):\n        self._one = 1\nclass B(A):\n    pass\nclass C(B):\n"
            "    def g(self):\n        self._two = self._one",
            "class A:\n\n    def f(self):\n        self._a = 1\n\nclass B(A):\n    pass\n\nclass C(B):\n\n"
            "    def g(self):\n        self._b = self._a",
        ),
        # A class's body sees the file's names and its own, a default of its methods too.
        (
            "_one = 1\nclass A:\n    _two = _one\n    def f(self, a=_one):\n        return self._two",
            "_a = 1\n\nclass A:\n    _b = _a\n\n    def f(self, _a=_a):\n        return self._b",
        ),
    ],
)
def test_names_that_never_meet_are_one(source: str, gives: str) -> None:
    assert shortened(source) == [gives]


@pytest.mark.parametrize(
    ("source", "gives"),
    [
        # By a class and by its objects; what a class's body reads, what only others have, and what is open.
        (
            "class A:\n    kind = 1\n    size = 2\n    twice = size + size\ndef f(a):\n    a.due = a.kind + a.size",
            "class A:\n    _a = 1\n    size = 2\n    _b = size + size\n\ndef f(_a):\n    _a.due = _a._a + _a.size",
        ),
        # A function, what is called, what an import and a string mean too.
        (
            "import os\ndef f(a):\n    a.f = a.g = a.name = a.text = os.name\n    return a.g(), 'text'",
            "import os\n\ndef f(_a):\n    _a.f = _a.g = _a.name = _a.text = os.name\n    return (_a.g(), 'text')",
        ),
        ("def f(a):\n    a.one = a.two", "def f(_a):\n    _a._a = _a.two"),
    ],
)
def test_data_of_objects_is_private(source: str, gives: str) -> None:
    assert shortened(source) == [gives]


@pytest.mark.parametrize(
    ("source", "gives"),
    [
        ("def f(one, two=two):\n    return one + two", "def f(_a, _b=two):\n    return _a + _b"),
        # What a call names, what a scope within has too, and what is taken.
        ("def f(one, two):\n    return f(one=two)", "def f(one, _a):\n    return f(one=_a)"),
        ("def f(a, b):\n    return [a for a in b]", "def f(a, _a):\n    return [a for a in _a]"),
        ("def f(a, b):\n    return (lambda c: a + c + b)(b)", "def f(_a, _b):\n    return (lambda c: _a + c + _b)(_b)"),
        ("def f(a):\n    _own = a\n    return _own", "def f(_b):\n    _a = _b\n    return _a"),
        ("def f(a):\n    import a\n    return a", "def f(a):\n    import a\n    return a"),
        (
            "class K:\n\n    def f(self, *all, x):\n        def g(y):\n            return x.y\n        return all",
            "class K:\n\n    def f(self, *all, x):\n\n        def g(_a):\n            return x.y\n        return all",
        ),
        (
            "def f(a):\n    try:\n        return a\n    except OSError as a:\n        return a",
            "def f(_a):\n    try:\n        return _a\n    except OSError as _a:\n        return _a",
        ),
    ],
)
def test_parameters_that_no_call_names(source: str, gives: str) -> None:
    assert shortened(source) == [gives]


def test_texts_stay() -> None:
    assert shortened("_name = '_name'") == ["_a = '_name'"]


def test_many_names_stay_apart() -> None:
    (found,) = shortened("\n".join(f"_n{i} = {i}" for i in range(3000)))
    scope: dict[str, int] = {}
    exec(found, scope)
    assert sorted(value for name, value in scope.items() if name[:2] != "__") == list(range(3000))


def test_a_private_global() -> None:
    source = "_count = 0\ndef f():\n    global _count\n    _count = 1"
    assert shortened(source) == ["_a = 0\n\ndef f():\n    global _a\n    _a = 1"]
