"""`turgor.mp` for the type checker: viper takes any buffer where it says ptr8, ptr16, ptr32."""

from builtins import ptr8 as ptr8
from builtins import ptr16 as ptr16
from builtins import ptr32 as ptr32
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")
_Function = TypeVar("_Function")

class micropython:
    @staticmethod
    def viper(function: Callable[..., _Result]) -> Callable[..., _Result]: ...
    @staticmethod
    def native(function: _Function) -> _Function: ...

def const(value: int) -> int: ...
def settle() -> None: ...
