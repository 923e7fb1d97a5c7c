"""Short names for what is private: a board keeps each name as text, in every file that uses it and in its heap.

One name becomes the same short one everywhere, so that a subclass still meets what its base calls its own.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from string import ascii_letters, digits

from turgor_host.errors import TurgorError

_FIRST = ascii_letters
_NEXT = ascii_letters + digits
# Where each kind of node has a name.
_FIELDS: dict[type[ast.AST], str] = {
    ast.Name: "id",
    ast.Attribute: "attr",
    ast.FunctionDef: "name",
    ast.ClassDef: "name",
    ast.arg: "arg",
    ast.keyword: "arg",
    ast.ExceptHandler: "name",
}


def shorten(trees: Iterable[ast.AST]) -> None:
    """Rename in place; the names used most often become the shortest."""
    trees = list(trees)
    counts = Counter(name for tree in trees for _, _, name in _private(tree))
    short = dict(zip((name for name, _ in counts.most_common()), _short(), strict=False))
    for tree in trees:
        for node, field, name in _private(tree):
            setattr(node, field, short[name])


def _private(tree: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
    """Node, field and name of everything that begins with one underscore."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for each in node.names:
                yield from (
                    (each, field, name) for field in ("name", "asname") if _is_private(name := getattr(each, field))
                )
        elif isinstance(node, ast.Global | ast.Nonlocal) and any(map(_is_private, node.names)):
            raise TurgorError(
                f"line {node.lineno}: a function sets a private name of its file, which gets no short one here"
            )
        elif (field := _FIELDS.get(type(node), "")) and _is_private(name := getattr(node, field)):
            yield node, field, name


def _is_private(name: str | None) -> bool:
    return name is not None and len(name) > 1 and name[0] == "_" and name[1] != "_"


def _short() -> Iterator[str]:
    """_a, _b, ... _aa, _ab, ..."""
    yield from ("_" + letter for letter in _FIRST)
    for letter in _FIRST:
        yield from (f"_{letter}{other}" for other in _NEXT)
