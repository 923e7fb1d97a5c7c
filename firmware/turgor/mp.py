"""The only place that knows which Python runs: `micropython`, `const` and viper's pointer names.

MicroPython's compiler knows `@micropython.viper`, `const(...)` and `ptr32(...)` by name. Elsewhere they are stand-ins
that leave integers and arrays as they are, so that one source gives the same integers everywhere.
"""

import sys

try:
    import micropython
    from micropython import const

    if sys.platform in ("rp2", "esp32"):
        import gc

        # What modules leave behind while they load lies between what they keep: collected late, there is no place in
        # one piece for the log any more. `turgor.main` sets it back.
        gc.threshold(8192)

    ptr8 = ptr16 = ptr32 = None
except ImportError:

    class micropython:
        # The compiler knows the decorators by this very name.
        @staticmethod
        def viper(function):
            return function

        @staticmethod
        def native(function):
            return function

    def const(value):
        return value

    def ptr8(buffer):
        return buffer

    ptr16 = ptr32 = ptr8
