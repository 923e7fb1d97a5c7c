"""Which names belong to which scope of a Python file."""

import ast
from collections.abc import Iterable, Iterator
from symtable import SymbolTable, symtable

FUNCTIONS = (ast.FunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def alias_of(each: ast.alias) -> str:
    """The name that an import binds."""
    return each.asname or each.name.partition(".")[0]


def imports(nodes: Iterable[ast.AST]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Those of a scope's statements, also within its `if` and `try`."""
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from imports(ast.iter_child_nodes(node))


def bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that a scope's statements give a meaning; by an import also."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from map(alias_of, node.names)
        elif isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                yield node.id
        elif not isinstance(node, (*FUNCTIONS, *COMPREHENSIONS)):
            if isinstance(node, ast.ExceptHandler) and node.name:
                yield node.name
            yield from bound(ast.iter_child_nodes(node))


def own_names(node: ast.AST) -> set[str]:
    """The names of a function's, a lambda's or a comprehension's own."""
    if isinstance(node, COMPREHENSIONS):
        return set(bound(each.target for each in node.generators))
    assert isinstance(node, FUNCTIONS)
    names = {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
    if isinstance(node, ast.FunctionDef):
        names |= set(bound(node.body))
        names -= {name for each in ast.walk(node) if isinstance(each, ast.Global) for name in each.names}
    return names


def looked_up(tree: ast.Module) -> set[str]:
    """The names that a file has at its top or looks up beyond its functions: its own, those of imports and builtins."""

    def walk(table: SymbolTable) -> Iterator[str]:
        is_top = table.get_type() == "module"
        yield from (each.get_name() for each in table.get_symbols() if is_top or each.is_global())
        for inner in table.get_children():
            yield from walk(inner)

    return set(walk(symtable(ast.unparse(tree), "", "exec")))


def spoken(tree: ast.AST) -> set[str]:
    """Every name in a file that any of its scopes has or looks up."""
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names.union((node.arg for node in nodes if isinstance(node, ast.arg)), bound(nodes))
