"""What each name in each file of a program means, and one name for it in all of them."""

import ast
from collections.abc import Mapping
from itertools import count

from turgor_host.errors import TurgorError
from turgor_host.flash.scopes import alias_of, bound, imports, looked_up, spoken

PACKAGE = "turgor"
_MAIN = "main"
# What MicroPython's compiler knows by itself comes from nowhere.
SHIM = "mp"
COMPILERS = {"micropython", "const", "ptr8", "ptr16", "ptr32"}

# What a name stands for: a module and its name there; of a whole module the name is empty.
Thing = tuple[str, str]


class File:
    """One file. `things` is what each name at its top stands for, `eager` and `lazy` the modules it imports there and
    in its functions."""

    def __init__(self, name: str, tree: ast.Module, modules: Mapping[str, ast.Module]) -> None:
        self.name = name
        self.tree = tree
        self._modules = modules
        self.eager: list[str] = []
        self.lazy: list[str] = []
        self.things: dict[str, Thing] = {each: (name, each) for each in bound(tree.body)}
        top = set(imports(tree.body))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for each in node.names:
                    thing = self.taken(node, each)
                    if node in top:
                        self.things[alias_of(each)] = thing
                    if thing[0] in modules:
                        (self.eager if node in top else self.lazy).append(thing[0])

    def taken(self, node: ast.Import | ast.ImportFrom, each: ast.alias) -> Thing:
        """What an import gives; a module that is not the package's has a name like `.array`."""
        if isinstance(node, ast.Import):
            return "." + (each.name if each.asname else alias_of(each)), ""
        package, _, origin = (node.module or "").partition(".")
        whole = f"{origin}.{each.name}".lstrip(".")
        if package == PACKAGE and whole in self._modules:
            return whole, ""
        return (origin if package == PACKAGE and origin else f".{node.module}"), each.name


def is_compilers(thing: Thing) -> bool:
    return thing[0] == SHIM and thing[1] in COMPILERS


def _called(thing: Thing) -> str:
    return thing[1] or thing[0].rpartition(".")[2]


class Names:
    """One name for each thing, the same in the whole program: its own one where that means nothing else anywhere.

    `parts` has the modules of each file to be, in the order in which they are loaded, by the name it gets.
    """

    def __init__(self, files: Mapping[str, File]) -> None:
        self.files = files
        self.parts = self._parts()
        self.part_of = {name: part for part, members in self.parts.items() for name in members}
        self._names: dict[Thing, str] = {(_MAIN, _MAIN): _MAIN, (".micropython", ""): "micropython"}
        self._wanting: dict[str, set[str]] = {}
        for file in files.values():
            for name in looked_up(file.tree):
                self._wanting.setdefault(name, set()).add(file.name)
        # Files that call a thing by another name than its own, and all their names.
        self._aliased: dict[Thing, set[str]] = {}
        for file in files.values():
            for name, origin in file.things.items():
                thing = self.thing(origin)
                if name != _called(thing):
                    self._aliased.setdefault(thing, set()).update(spoken(file.tree))
        for file in files.values():
            for name in file.things:
                self.of((file.name, name))

    def _parts(self) -> dict[str, list[str]]:
        roots = [_MAIN, *sorted({name for file in self.files.values() for name in file.lazy})]
        reached_from: dict[str, list[str]] = {}
        for root in roots:
            for name in self._loaded_with(root):
                reached_from.setdefault(name, []).append(root)
        parts: dict[tuple[str, ...], list[str]] = {}
        for name, wanting in reached_from.items():
            parts.setdefault((_MAIN,) if _MAIN in wanting else tuple(wanting), []).append(name)
        return {members[-1]: members for members in parts.values()}

    def _loaded_with(self, root: str) -> list[str]:
        """`root` with all that it imports at its top, in the order in which that is loaded."""
        found: list[str] = []

        def add(name: str, waiting: tuple[str, ...]) -> None:
            if name in waiting:
                raise TurgorError(f"{name} imports itself by way of {waiting[-1]}")
            if name not in found:
                for each in self.files[name].eager:
                    add(each, (*waiting, name))
                found.append(name)

        add(root, ())
        return found

    def thing(self, thing: Thing) -> Thing:
        """What is defined there, or where else what was imported there is."""
        while thing[1] and thing[0] in self.files and not is_compilers(thing):
            origin = self.files[thing[0]].things.get(thing[1])
            if origin is None:
                raise TurgorError(f"{thing[0]} has no {thing[1]}")
            if origin == thing:
                break
            thing = origin
        return thing

    def of(self, thing: Thing) -> str:
        """What the program calls it."""
        thing = self.thing(thing)
        if is_compilers(thing):
            return thing[1]
        if thing not in self._names:
            called = _called(thing)
            wanted = f"_{called}" if self._is_value(thing) else called
            for n in count(2):
                is_free = wanted not in self._names.values() and wanted not in self._aliased.get(thing, ())
                if is_free and all(self._means(each, wanted, thing) for each in self._wanting.get(wanted, ())):
                    break
                wanted = f"_{called.lstrip('_')}_{n}"
            self._names[thing] = wanted
        return self._names[thing]

    def _is_value(self, thing: Thing) -> bool:
        """Whether it is no function and no class, whose names a traceback has."""
        body = self.files[thing[0]].tree.body if thing[0] in self.files and thing[1][:1] not in ("", "_") else []
        return any(isinstance(node, ast.Assign) and thing[1] in bound([node]) for node in body)

    def _means(self, module: str, name: str, thing: Thing) -> bool:
        known = self.files[module].things.get(name)
        return known is not None and self.thing(known) == thing
