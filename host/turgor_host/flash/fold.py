"""The firmware as one program: constants stand where they are used, what nothing uses is left out, few files are left,
and what is private has a short name.

`const` reaches within one file alone; between files each name costs its text in both, an entry in two tables of the
board's heap and a look-up at each use. Functions, methods, classes and tables that only the host and tests use cost
theirs.
The package in source runs as it stands; both give the same.
"""

import ast
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from typing import Any

from turgor_host.errors import TurgorError
from turgor_host.flash.join import join
from turgor_host.flash.shorten import shorten

# What a board's start, its prompt and `turgor flash` ask for.
ROOTS = {"main": {"main"}, "": {"__version__"}}
_PACKAGE = "turgor"


def fold(sources: Mapping[str, str]) -> dict[str, str]:
    """The program of `main` in as few files as a board can load, by their paths in the package (`core/ticks.py`).

    TurgorError for an import of the package's own in a form that hides what it takes.
    """
    paths = {_name(path): path for path in sources}
    kept = join({name: module.tree for name, module in _reached(sources).items()})
    shorten(kept.values())
    return {paths[name]: ast.unparse(tree) for name, tree in kept.items()}


def reached(sources: Mapping[str, str]) -> set[str]:
    """Those of the files that `main` reaches; numbers alone are no reason to load one."""
    paths = {_name(path): path for path in sources}
    return {paths[name] for name in _reached(sources)}


def _reached(sources: Mapping[str, str]) -> "dict[str, _Module]":
    """What is left of the modules that `main` reaches, by their names."""
    modules = {_name(path): _Module(_as_on_a_board(ast.parse(text, path))) for path, text in sources.items()}
    paths = {_name(path): path for path in sources}
    for name, module in modules.items():
        _refuse(module, paths[name])
    for module in modules.values():
        _evaluate(module, modules)
    for module in modules.values():
        module.put_constants(modules)
    follow = True
    while follow:
        _keep_what_is_used(modules)
        # Without them others may be of no use.
        follow = _drop_methods(modules)
    return {name: module for name, module in modules.items() if module.used is not None}


def _name(path: str) -> str:
    """`core/ticks.py` -> `core.ticks`, of the package without its own name."""
    return path.removesuffix(".py").replace("/", ".").removesuffix("__init__").removesuffix(".")


def _as_on_a_board(tree: ast.Module) -> ast.Module:
    """A board has all that files import at their top: what stands there for others goes."""
    body: list[ast.stmt] = []
    for node in tree.body:
        kind = node.handlers[0].type if isinstance(node, ast.Try) and node.handlers else None
        if isinstance(node, ast.Try) and isinstance(kind, ast.Name) and kind.id == "ImportError":
            body += node.body
        else:
            body.append(node)
    tree.body = body
    return tree


def _inside(node: ast.stmt) -> str | None:
    """The module of the package that an import takes from, else None."""
    if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == _PACKAGE:
        return node.module.partition(".")[2]
    return None


class _Module:
    """One file. `constants` are its integers by name, own and imported; `used` the names that somebody wants of it."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.constants: dict[str, int] | None = None
        self.used: set[str] | None = None
        # A name that gets something else anywhere in the file, or is a parameter there, stays a name.
        stored = Counter(_stored(tree))
        self.changing = {name for name, times in stored.items() if times > 1}

    def put_constants(self, modules: Mapping[str, "_Module"]) -> None:
        """Numbers in place of names; the names of imports go, those of definitions wait for `_keep_what_is_used`."""
        constants = dict(self.constants or {})
        for node in ast.walk(self.tree):
            origin = _inside(node) if isinstance(node, ast.ImportFrom) else None
            if isinstance(node, ast.ImportFrom) and origin is not None:
                for each in node.names:
                    alias = each.asname or each.name
                    there = modules.get(f"{origin}.{each.name}" if origin else each.name)
                    if there and there.constants and alias not in self.changing:
                        constants.update({f"{alias}.{name}": value for name, value in there.constants.items()})
                node.names = [each for each in node.names if (each.asname or each.name) not in constants]
        # What is compiled to see its value has to have a place in the file.
        numbers = ast.fix_missing_locations(_Numbers(constants).visit(self.tree))
        self.tree = ast.fix_missing_locations(_Bytes().visit(numbers))


class _Numbers(ast.NodeTransformer):
    def __init__(self, constants: Mapping[str, int]) -> None:
        self._constants = constants

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._number(node.id) if isinstance(node.ctx, ast.Load) and node.id in self._constants else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        name = ast.unparse(node) if isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load) else ""
        return self._number(name) if name in self._constants else self.generic_visit(node)

    def _number(self, name: str) -> ast.expr:
        value = self._constants[name]
        return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | None:
        return node if node.names else None


class _Bytes(ast.NodeTransformer):
    """`bytes((1, 2)) + bytes((3,))` -> `b"..."`: a board would keep the tuples too."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "bytes" and len(node.args) == 1:
            given = node.args[0]
            numbers = [_integer(each, {}) for each in given.elts] if isinstance(given, ast.Tuple) else [None]
            if all(number is not None and 0 <= number < 256 for number in numbers):
                return ast.Constant(bytes(number for number in numbers if number is not None))
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        left, right = node.left, node.right
        if not (isinstance(node.op, ast.Add) and isinstance(left, ast.Constant) and isinstance(right, ast.Constant)):
            return node
        both = left.value, right.value
        return ast.Constant(both[0] + both[1]) if isinstance(both[0], bytes) and isinstance(both[1], bytes) else node


def _refuse(module: _Module, path: str) -> None:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            hides = any(each.name.partition(".")[0] == _PACKAGE for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            hides = node.level > 0 or (_inside(node) is not None and node.names[0].name == "*")
        else:
            continue
        if hides:
            text = ast.unparse(node)
            raise TurgorError(
                f"{path}:{node.lineno}: {text!r} hides what it takes; write `from turgor.... import NAME`"
            )


def _stored(tree: ast.Module) -> Iterator[str]:
    """Each name that something gives a meaning, as often as one does; an import of the same thing is one."""
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield from (node.arg, node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler) and node.name:
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            origin = node.module if isinstance(node, ast.ImportFrom) else None
            imported |= {(origin, each.name, each.asname or each.name.partition(".")[0]) for each in node.names}
    yield from (name for _, _, name in imported)


def _evaluate(module: _Module, modules: Mapping[str, _Module]) -> dict[str, int]:
    """The integers that `module` defines or imports at its top."""
    if module.constants is not None:
        return module.constants
    known = module.constants = {}
    for node in module.tree.body:
        origin = _inside(node)
        if isinstance(node, ast.ImportFrom) and origin is not None and origin in modules:
            there = _evaluate(modules[origin], modules)
            for each in node.names:
                name = each.asname or each.name
                if each.name in there and name not in module.changing:
                    known[name] = there[each.name]
        name, value = _assigned(node)
        if name and name not in module.changing and value:
            number = _integer(value, known)
            if number is not None:
                known[name] = number
    return known


def _assigned(node: ast.stmt) -> tuple[str, ast.expr | None]:
    """Name and value of `NAME = value`."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value
    return "", None


def _integer(node: ast.expr, known: Mapping[str, int]) -> int | None:
    """What an expression of integers, `const` and known names gives, else None."""
    scope: dict[str, Any] = {"__builtins__": {}, "const": lambda value: value, **known}
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    if not names <= scope.keys():
        return None
    try:
        value = eval(compile(ast.Expression(node), "", "eval"), scope)
    except (ArithmeticError, TypeError, ValueError):
        return None
    return value if type(value) is int else None


def _drop_methods(modules: Mapping[str, _Module]) -> bool:
    """Drop the methods whose name only methods of that name say, if any; whether there were any."""
    trees = [module.tree for module in modules.values() if module.used is not None]
    said = {name for tree in trees for name in _said(tree)}
    dropped = False
    for node in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        kept = [each for each in node.body if not isinstance(each, ast.FunctionDef) or _may_be_called(each, said)]
        dropped = dropped or len(kept) < len(node.body)
        node.body = kept or [ast.Pass()]
    return dropped


def _may_be_called(method: ast.FunctionDef, said: Container[str]) -> bool:
    return method.name in said or method.name.startswith("__")


def _said(node: ast.AST, method: str = "") -> Iterator[str]:
    """Attributes and strings, but for the name of the method that they stand in."""
    for each in ast.iter_child_nodes(node):
        name = each.attr if isinstance(each, ast.Attribute) else getattr(each, "value", None)
        if isinstance(each, ast.Attribute | ast.Constant) and isinstance(name, str) and name != method:
            yield name
        is_method = isinstance(node, ast.ClassDef) and isinstance(each, ast.FunctionDef)
        yield from _said(each, getattr(each, "name", "") if is_method else method)


def _keep_what_is_used(modules: dict[str, _Module]) -> None:
    """Follow the names from ROOTS; drop all other definitions at the top of a file, and the imports they needed."""
    for each in modules.values():
        each.used = None
    waiting = [(name, wanted) for name, names in ROOTS.items() for wanted in names]
    while waiting:
        place, wanted = waiting.pop()
        module = modules.get(place)
        if module is None:
            continue
        if module.used is None:
            module.used = set()
            parent = place.rpartition(".")[0]
            waiting += [(parent, "")] if place else []
            for node in module.tree.body:
                if not _droppable(node):
                    waiting += _needs(place, node, modules)
        if wanted in module.used:
            continue
        module.used.add(wanted)
        for node in module.tree.body:
            if wanted in _defines(node):
                waiting += _needs(place, node, modules, wanted)
    for module in modules.values():
        if module.used is not None:
            module.tree.body = [kept for node in module.tree.body if (kept := _kept(node, module.used))]


def _defines(node: ast.stmt) -> set[str]:
    """The names that a statement at a file's top gives it."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {each.asname or each.name.partition(".")[0] for each in node.names}
    name, _ = _assigned(node)
    return {name} if name else set()


def _droppable(node: ast.stmt) -> bool:
    """Whether a statement does nothing but define its names."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return bool(_defines(node))


def _needs(place: str, node: ast.stmt, modules: Mapping[str, _Module], wanted: str = "") -> Iterator[tuple[str, str]]:
    """Each (module, name) that a statement asks for; of an import just what it gives as `wanted`."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield place, each.id
        origin = _inside(each) if isinstance(each, ast.stmt) else None
        if isinstance(each, ast.ImportFrom) and origin is not None:
            for name in each.names:
                if each is node and wanted and (name.asname or name.name) != wanted:
                    continue
                whole = f"{origin}.{name.name}" if origin else name.name
                if whole in modules:
                    alias = name.asname or name.name
                    yield from ((whole, attribute) for attribute in _asked(modules[place], alias))
                yield origin, name.name


def _asked(module: _Module, alias: str) -> set[str]:
    """What a file wants of a module that it has as `alias`: what it says a `.NAME` of."""
    return {""}.union(
        each.attr
        for each in ast.walk(module.tree)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == alias
    )


def _kept(node: ast.stmt, used: set[str]) -> ast.stmt | None:
    if not _droppable(node):
        return node
    if isinstance(node, ast.Import | ast.ImportFrom):
        node.names = [each for each in node.names if (each.asname or each.name.partition(".")[0]) in used]
        return node if node.names else None
    return node if _defines(node) & used else None
