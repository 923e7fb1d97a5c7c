"""The only place that knows which Python runs: `micropython`, `const` and viper's pointer names.

MicroPython's compiler knows `@micropython.viper`, `const(...)` and `ptr32(...)` by name. Elsewhere they are stand-ins
that leave integers and arrays as they are, so that one source gives the same integers everywhere.
"""

import gc
import sys

try:
    import micropython
    from micropython import const

    if sys.platform in ("rp2", "esp32"):
        # What modules leave behind while they load lies between what they keep: collected late, there is no place in
        # one piece for the log any more.
        gc.threshold(4096)

    # So many blocks in a row are the heap's free end.
    _END = const(32)
    _fillers = []

    def settle():
        """All is loaded: collect once more, and from here on only when the heap is full.

        What a call takes for a moment is looked for from the first hole in the heap on, at every call anew, which can
        take longer than the call. So the holes are filled.
        """
        # Those of a run before this one, which Ctrl-C has ended.
        _fillers.clear()
        gc.collect()
        gc.threshold(-1)
        # Elsewhere an address may be no small integer, and would take a block by itself.
        if sys.platform != "rp2":
            return
        filler = None
        before = step = together = 0
        while together < _END:
            filler = (filler,)
            at = id(filler)
            together = together + 1 if at - before == step else 0
            step = at - before
            before = at
        # Those at the free end fill no hole.
        for _ in range(_END):
            filler = filler[0]
        _fillers.append(filler)
        gc.collect()

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

    def settle():
        """CPython minds its own heap."""


# Viper reads these names by itself.
def ptr8(buffer):
    return buffer


ptr16 = ptr32 = ptr8
