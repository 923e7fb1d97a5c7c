"""Modules for a board's prompt that its flash never holds: compiled for it, and imported from its memory."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path

from turgor_host.flash.board import Board
from turgor_host.flash.payload import compile_files, package_folder
from turgor_host.flash.repl import Repl

# Bytes in one command: they stand in the board's heap as base64 and as bytes.
_CHUNK = 1536
# A file system of bytes. A module's own are let go of once it is loaded.
_LENDER = """\
import io,sys,vfs
class _Lent:
 def __init__(s):s.d={}
 def mount(s,*a):pass
 def umount(s):pass
 def stat(s,p):
  p=p.strip('/')
  if p in s.d:return (0x8000,)+(0,)*9
  if any(k.startswith(p+'/') for k in s.d):return (0x4000,)+(0,)*9
  raise OSError(2)
 def open(s,p,m):return io.BytesIO(s.d.pop(p.strip('/')))
_lent=_Lent()
vfs.mount(_lent,'/lent')
sys.path.insert(0,'/lent')
for _k in list(sys.modules):
 if _k.split('.')[0]=='turgor':del sys.modules[_k]
"""


def lend(repl: Repl, board: Board, names: Iterable[str], scripts: Mapping[str, Path]) -> None:
    """Have `import` on the board find these files of the firmware's package, and scripts by their paths there.

    They hide a firmware that is on the board. They are gone with the next start.
    """
    folder = package_folder()
    paths = {f"turgor/{name}": folder / name for name in names} | dict(scripts)
    sources = {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
    repl.run(_LENDER)
    for path, content in compile_files(board, sources).items():
        repl.run(f"_b=_lent.d[{path!r}]=bytearray()")
        for at in range(0, len(content), _CHUNK):
            repl.run(f"_b.extend(a2b_base64({b64encode(content[at : at + _CHUNK])!r}))")
