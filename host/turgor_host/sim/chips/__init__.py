"""Register models of the sensor chips, one chip a file; they run under MicroPython and CPython alike."""
