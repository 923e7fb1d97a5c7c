"""What the fuzz targets share: how bytes are spoiled, how memory is watched, the command line. Runs on both Pythons.

A target has `feed()`, which makes one input, hands it over and raises where a promise is broken, `restart()`, which
begins anew with what it tests, after `life` inputs each time, and `counts()`, what it has seen.
"""

import gc
import random
import sys

# A tenth of the inputs come before the memory is looked at first: by then every table and cache is filled.
WARM_PART = 10
# What may be in use at the end over what was then, each time with all that is tested begun anew. In 10^7 inputs a leak
# of one object in a thousand of them would be more.
MOST_BLOCKS = 1000
# The process itself, at the end.
MOST_RSS_BYTES = 8000000
# And at any moment: an answer may tell of 65 535 boots whose logs nobody has, some 200 bytes each.
MOST_PEAK_BYTES = 24000000
_PAGE_BYTES = 4096
_BLOCK_BYTES = 64
_MAGIC = (0, 1, 3, 10, 13, 33, 61, 127, 128, 254, 255)


def random_bytes(n):
    return bytes([random.getrandbits(8) for _ in range(n)])


def spoiled(data, times):
    """`data` with so many changes: a bit flipped, a byte set, lost or put in, a stretch lost or repeated."""
    data = bytearray(data)
    for _ in range(times):
        at = random.randrange(len(data) + 1)
        end = min(len(data), at + 1 + random.getrandbits(random.getrandbits(2) + 1))
        fate = random.getrandbits(3)
        if fate < 3 and at < len(data):
            data[at] ^= 1 << random.getrandbits(3)
        elif fate == 3 and at < len(data):
            data[at] = random.choice(_MAGIC)
        elif fate == 4:
            data = data[:at] + data[end:]
        elif fate == 5:
            data = data[:end] + data[at:]
        elif fate == 6:
            data = data[:at] + random_bytes(1 + random.getrandbits(2)) + data[at:]
        else:
            data = data[:at] + data[at + 1 :]
    return bytes(data)


def _blocks():
    gc.collect()
    if sys.implementation.name == "micropython":
        return gc.mem_alloc() // _BLOCK_BYTES
    return sys.getallocatedblocks()


def _rss_bytes():
    """What the process holds; 0 where nobody says, and on MicroPython, whose heap is one piece that grows in leaps."""
    if sys.implementation.name == "micropython":
        return 0
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0


def _peak_bytes():
    """The most that the process has ever held; 0 where nobody says."""
    try:
        import resource
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def fuzz(target, inputs, seed):
    """Feed `inputs` inputs; returns by how many blocks and bytes of process the memory has grown, and its peak.

    A broken promise is an exception, after a line that says which input broke it.
    """
    random.seed(seed)
    warm = inputs // WARM_PART
    for i in range(inputs):
        if i % target.life == 0:
            target.restart()
        if i == warm:
            target.restart()
            blocks, rss, peak = _blocks(), _rss_bytes(), _peak_bytes()
        try:
            target.feed()
        except Exception:
            print("input", i, "of seed", seed)
            raise
    target.restart()
    return _blocks() - blocks, _rss_bytes() - rss, _peak_bytes() - peak


def main(target):
    """`--inputs N --seed S`; exit 1 when a promise is broken."""
    options = {"--inputs": 100000, "--seed": 1}
    words = sys.argv[1:]
    while words:
        name = words.pop(0)
        if name not in options or not words or not words[0].isdigit():
            print("usage: " + sys.argv[0] + " [--inputs N] [--seed S]")
            sys.exit(2)
        options[name] = int(words.pop(0))
    blocks, rss, peak = fuzz(target, options["--inputs"], options["--seed"])
    print(options["--inputs"], "inputs of seed", options["--seed"])
    for name, count in target.counts():
        print(count, name)
    print(blocks, "blocks and", rss, "bytes of process more than after a tenth, at most", peak)
    if blocks > MOST_BLOCKS or rss > MOST_RSS_BYTES or peak > MOST_PEAK_BYTES:
        print("the memory is not flat; allowed are", MOST_BLOCKS, MOST_RSS_BYTES, "and", MOST_PEAK_BYTES)
        sys.exit(1)
