"""Few files of many: what a board loads at once is one file there, with one table of names.

Each file of its own has the text of every name that it shares with others, on the flash and in its table, a dictionary
of its own and a module in the heap. `main` with all that it imports at its top becomes one file; what only a function
imports stays apart, with what nobody else needs, so that a board that can do without it never loads it.
"""

import ast
from collections.abc import Mapping

from turgor_host.errors import TurgorError
from turgor_host.flash.names import COMPILERS, PACKAGE, SHIM, File, Names, is_compilers
from turgor_host.flash.scopes import COMPREHENSIONS, alias_of, bound, imports, own_names


def join(modules: Mapping[str, ast.Module]) -> dict[str, ast.Module]:
    """The files of a program, by their names in the package (`core.ticks`; empty: its own), by such names.

    TurgorError for a module that is used as a value.
    """
    names = Names({name: File(name, tree, modules) for name, tree in modules.items() if name})
    joined: dict[str, ast.Module] = {name: tree for name, tree in modules.items() if not name}
    for part, members in names.parts.items():
        body: list[ast.stmt] = []
        imported: dict[tuple[str, str, str], None] = {}
        for member in members:
            body += _Renamed(names.files[member], names, imported).body()
        head = [_import(*each) for each in imported]
        joined[part] = ast.fix_missing_locations(ast.Module([*head, *body], []))
    return joined


def _import(origin: str, name: str, alias: str) -> ast.stmt:
    names = [ast.alias(name, None if alias == name.partition(".")[0] else alias)]
    return ast.ImportFrom(origin, names, 0) if origin else ast.Import(names)


class _Renamed(ast.NodeTransformer):
    """A file by the program's names. Its imports go; what is still to be imported is put into `imported`."""

    def __init__(self, file: File, names: Names, imported: dict[tuple[str, str, str], None]) -> None:
        self._file = file
        self._names = names
        self._part = names.part_of[file.name]
        self._imported = imported
        # The names of each scope that is neither the file's own nor a class's around a method; what it imports of this
        # very part is no name of its own.
        self._scopes: list[set[str]] = []
        self._near: dict[str, str] = {}

    def body(self) -> list[ast.stmt]:
        tree = self._file.tree
        if self._file.name == SHIM:
            tree.body = [node for node in tree.body if not COMPILERS.intersection(bound([node]))]
        return self._visited(tree.body)

    def _visited(self, nodes: list[ast.stmt]) -> list[ast.stmt]:
        body = ast.Module(nodes, [])
        self.generic_visit(body)
        return body.body

    def _is_local(self, name: str) -> bool:
        return any(name in scope for scope in self._scopes)

    def _name(self, name: str) -> str:
        if self._is_local(name):
            return self._near.get(name, name)
        if name not in self._file.things:
            return name
        module, inner = self._names.thing((self._file.name, name))
        if not inner and module in self._names.files:
            raise TurgorError(f"{self._file.name} uses the module {name} as a value; import names of it")
        return self._names.of((module, inner))

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._name(node.id), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load) and not self._is_local(node.value.id):
            module, inner = self._file.things.get(node.value.id, ("", ""))
            if module in self._names.files and not inner:
                return ast.Name(self._names.of((module, node.attr)), node.ctx)
        return self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> ast.Global:
        return ast.Global([self._names.of((self._file.name, name)) for name in node.names])

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        node.name = node.name and self._name(node.name)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        node.name = self._name(node.name)
        node.bases = [self.visit(each) for each in node.bases]
        own = set(bound(node.body))
        for each in node.body:
            self._scopes.append(own)
            if isinstance(each, ast.FunctionDef):
                self._visit_head(each)
                self._scopes.pop()
                self._visit_body(each)
            else:
                self.visit(each)
                self._scopes.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.name = self._name(node.name)
        self._visit_head(node)
        self._visit_body(node)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        self.visit(node.args)
        self._scopes.append(own_names(node))
        node.body = self.visit(node.body)
        self._scopes.pop()
        return node

    def _visit_head(self, node: ast.FunctionDef) -> None:
        """What belongs to the scope around a function."""
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.returns = node.returns and self.visit(node.returns)
        self.visit(node.args)

    def _visit_body(self, node: ast.FunctionDef) -> None:
        around = self._near
        own = own_names(node)
        self._near = {name: meant for name, meant in around.items() if name not in own} | self._imported_near(node)
        self._scopes.append(own)
        node.body = self._visited(node.body) or [ast.Pass()]
        self._scopes.pop()
        self._near = around

    def _imported_near(self, node: ast.FunctionDef) -> dict[str, str]:
        """What a function imports of its own part, by its names there: that is loaded."""
        near = {}
        for statement in imports(node.body):
            for each in statement.names:
                thing = self._file.taken(statement, each)
                if self._names.part_of.get(thing[0]) == self._part and thing[1]:
                    near[alias_of(each)] = self._names.of(thing)
        return near

    def generic_visit(self, node: ast.AST) -> ast.AST:
        inner = isinstance(node, COMPREHENSIONS)
        if inner:
            self._scopes.append(own_names(node))
        super().generic_visit(node)
        if inner:
            self._scopes.pop()
        if isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While) and not node.body:
            # An import was all there was.
            node.body = [ast.Pass()]
        return node

    def visit_Import(self, node: ast.Import) -> ast.Import | None:
        if self._scopes:
            return node
        for each in node.names:
            self._imported["", each.name, self._names.of((self._file.name, alias_of(each)))] = None
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        kept: list[ast.stmt] = []
        for each in node.names:
            thing = self._file.taken(node, each)
            part = self._names.part_of.get(thing[0])
            if part and not thing[1]:
                if self._scopes:
                    raise TurgorError(f"{self._file.name} imports {each.name}, a module, in a function; import names")
            elif part != self._part and not is_compilers(thing):
                origin, name = (f"{PACKAGE}.{part}", self._names.of(thing)) if part else (node.module or "", each.name)
                if self._scopes:
                    kept.append(_import(origin, name, alias_of(each)))
                else:
                    self._imported[origin, name, self._names.of((self._file.name, alias_of(each)))] = None
        return kept
