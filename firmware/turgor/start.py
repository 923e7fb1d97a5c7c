"""A board's `/main.py`: ends a change of versions that was cut short, then runs Turgor.

`turgor flash` uploads beside the running version and renames what it has verified to NEXT. littlefs cannot rename a
folder over another one, so the change takes two renames, which are made here: after a cut between them the next start
goes on. The version before stays as OLD until the next upload.
"""

import os

LIB = "/lib/"
NEW = "turgor.new"
NEXT = "turgor.next"
OLD = "turgor.old"


def finish():
    """Put the version in place that is to run; nothing happens while there is none in waiting."""
    try:
        names = os.listdir(LIB)
    except OSError:
        return
    here = "turgor" in names
    if NEXT in names and not (here and OLD in names):
        if here:
            os.rename(LIB + "turgor", LIB + OLD)
        os.rename(LIB + NEXT, LIB + "turgor")
    elif not here and OLD in names:
        os.rename(LIB + OLD, LIB + "turgor")


if __name__ == "__main__":
    finish()
    from turgor.main import main

    main()
