"""Short names for what is private: a board keeps each name as text, in every file that uses it and in its heap.

One name becomes the same short one everywhere, so that a subclass still meets what its base calls its own. Parameters
that no call names get the names that others have already.
"""

import ast
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from string import ascii_letters, digits

from turgor_host.flash.scopes import COMPREHENSIONS, FUNCTIONS, alias_of, bound, own_names

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
        for node in ast.walk(tree):
            if isinstance(node, ast.Global | ast.Nonlocal):
                node.names = [short.get(name, name) for name in node.names]
    named = {node.arg for tree in trees for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                _shorten_parameters(node, named)


def _shorten_parameters(function: ast.FunctionDef, named: Container[str | None]) -> None:
    """Rename those that are not `named` by any call, nor names of a scope within."""
    inside = [node for statement in function.body for node in ast.walk(statement)]
    scopes = [node for node in inside if isinstance(node, (*FUNCTIONS, *COMPREHENSIONS))]
    kept = set().union(*map(own_names, scopes), bound(node for node in inside if isinstance(node, ast.ClassDef)))
    kept.update(
        alias_of(each) for node in inside if isinstance(node, ast.Import | ast.ImportFrom) for each in node.names
    )
    parameters = [each for each in function.args.args if each.arg != "self" and each.arg not in kept]
    parameters = [each for each in parameters if each.arg not in named]
    taken = (
        {node.id for node in inside if isinstance(node, ast.Name)} | kept | {each.arg for each in function.args.args}
    )
    free = (name for name in _short() if name not in taken)
    new = {each.arg: next(free) for each in parameters}
    for each in parameters:
        each.arg = new[each.arg]
    for node in inside:
        if isinstance(node, ast.Name):
            node.id = new.get(node.id, node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            node.name = new.get(node.name, node.name)


def _private(tree: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
    """Node, field and name of everything that begins with one underscore."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for each in node.names:
                yield from (
                    (each, field, name) for field in ("name", "asname") if _is_private(name := getattr(each, field))
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
