"""Short names for what is private and for the data of objects: a board keeps each name as text, in every file that uses
it and in its heap. Functions and classes keep their public names, which a traceback has.

One name becomes the same short one everywhere, so that a subclass still meets what its base calls its own. Names that
never meet, as those of two classes or of a class and a file, become one: a board has each text once. Parameters that no
call names get the names that others have already.
"""

import ast
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from string import ascii_letters, digits

from turgor_host.flash.scopes import COMPREHENSIONS, FUNCTIONS, alias_of, bound, own_names

_FIRST = ascii_letters
_NEXT = ascii_letters + digits
# By these names a stop-watch beside the program finds its way.
_OPEN = {"driver", "due", "event", "jobs", "order"}
# Before the name of data that is to be private: no source has such a name.
_DATA = "_."
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


# Where a name is looked up: in a file (its number), in a class and its kin (the class's name), in any object.
_Place = int | str
_ANY = ""


def shorten(trees: Iterable[ast.AST]) -> None:
    """Rename in place; the names used most often become the shortest."""
    trees = list(trees)
    _make_data_private(trees)
    short = _short_names(trees)
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


def _make_data_private(trees: Sequence[ast.AST]) -> None:
    """Rename what objects of the program keep and nobody calls, unless an import or a string means it too."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    bodies = [statement for node in nodes if isinstance(node, ast.ClassDef) for statement in node.body]
    fields = [
        target
        for statement in bodies
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    ]
    data = {node.id for node in fields} | {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
    imported = {
        alias_of(each) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for each in node.names
    }
    data -= _OPEN
    data -= {node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
    data -= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    data -= {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id in imported}
    data -= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    # What a class's body reads without an object.
    plain = [part for each in bodies for part in (each.args.defaults if isinstance(each, ast.FunctionDef) else [each])]
    read = (node for each in plain for node in ast.walk(each) if isinstance(node, ast.Name))
    data -= {node.id for node in read if isinstance(node.ctx, ast.Load)}
    for node in attributes:
        if node.attr in data and not _is_private(node.attr):
            node.attr = _DATA + node.attr
    for field in fields:
        if field.id in data and not _is_private(field.id):
            field.id = _DATA + field.id


def _short_names(trees: Sequence[ast.AST]) -> dict[str, str]:
    """A short name for each private one; two that share a place have two."""
    places = _places(trees)
    taken: dict[_Place, set[str]] = defaultdict(set)
    short = {}
    for name, _ in Counter(name for tree in trees for _, _, name in _private(tree)).most_common():
        here = [taken[place] for place in places[name]]
        short[name] = next(each for each in _short() if not any(each in names for names in here))
        for names in here:
            names.add(short[name])
    return short


def _places(trees: Sequence[ast.AST]) -> dict[str, set[_Place]]:
    """Where each private name is looked up."""
    kin = _kin(trees)
    places: dict[str, set[_Place]] = defaultdict(set)

    def walk(node: ast.AST, file: int, kind: str | None, in_body: bool) -> None:
        """`kind` is the class around a node, `in_body`: its names are looked up in the class too."""
        for each in ast.iter_child_nodes(node):
            here = in_body and not (isinstance(node, ast.FunctionDef) and each in node.body)
            for _, _, name in _own(each):
                if isinstance(each, ast.Attribute):
                    is_own = isinstance(each.value, ast.Name) and each.value.id == "self"
                    places[name].add(kind if kind and is_own else _ANY)
                else:
                    if not (here and isinstance(each, ast.FunctionDef)):
                        places[name].add(file)
                    if here and kind:
                        places[name].add(kind)
            if isinstance(each, ast.ClassDef):
                walk(each, file, kin[each.name], True)
            else:
                walk(each, file, kind, here)

    for file, tree in enumerate(trees):
        walk(tree, file, None, False)
    for found in places.values():
        if _ANY in found:
            found.update(kin.values())
    return places


def _kin(trees: Sequence[ast.AST]) -> dict[str, str]:
    """Of each class one name that it shares with those that it inherits from, and that inherit from it."""
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    kin = {node.name: node.name for node in nodes}
    for node in nodes:
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in kin:
                old, new = kin[node.name], kin[base.id]
                kin = {name: new if root == old else root for name, root in kin.items()}
    return kin


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
        yield from _own(node)


def _own(node: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
    """Those of a node itself."""
    fields = ("name", "asname") if isinstance(node, ast.alias) else (_FIELDS.get(type(node), ""),)
    for field in fields:
        if field and _is_private(name := getattr(node, field)):
            yield node, field, name


def _is_private(name: str | None) -> bool:
    return name is not None and len(name) > 1 and name[0] == "_" and name[1] != "_"


def _short() -> Iterator[str]:
    """_a, _b, ... _aa, _ab, ..."""
    yield from ("_" + letter for letter in _FIRST)
    for letter in _FIRST:
        yield from (f"_{letter}{other}" for other in _NEXT)
