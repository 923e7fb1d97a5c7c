"""The firmware onto a board: MicroPython's prompt, what is there, what has to go there, the change of versions."""
