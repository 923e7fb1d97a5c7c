"""Modules for a board's prompt that its flash never holds: compiled for it, and imported from its memory."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path

from turgor_host.flash.board import Board
from turgor_host.flash.payload import compile_files, package_folder
from turgor_host.flash.repl import Repl

# Bytes in one command: they stand in the board's heap as base64 and as bytes.
_CHUNK = 1536
# A file system of files in pieces: none needs more of the heap in one place than a piece does, and what is read is let
# go of. A short read would be the end of a module; request 11 asks how much to read at once. Garbage is collected
# early, so that what stays lies close together.
_LENDER = """\
import gc,io,sys,vfs
gc.threshold(8192)
class _Pieces(io.IOBase):
 def __init__(s,c):s.c=c;s.i=0
 def readinto(s,b):
  n=0
  while s.c and n<len(b):
   c=s.c[0];i=s.i;m=min(len(b)-n,len(c)-i)
   b[n:n+m]=c[i:i+m];n+=m;s.i=i+m
   if s.i==len(c):s.c.pop(0);s.i=0
  return n
 def ioctl(s,q,a):return 255 if q==11 else 0
class _Lent:
 def __init__(s):s.d={}
 def mount(s,*a):pass
 def umount(s):pass
 def stat(s,p):
  p=p.strip('/')
  if p in s.d:return (0x8000,)+(0,)*9
  if any(k.startswith(p+'/') for k in s.d):return (0x4000,)+(0,)*9
  raise OSError(2)
 def open(s,p,m):return _Pieces(s.d.pop(p.strip('/')))
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
        repl.run(f"_b=_lent.d[{path!r}]=[]")
        for at in range(0, len(content), _CHUNK):
            repl.run(f"_b.append(a2b_base64({b64encode(content[at : at + _CHUNK])!r}))")
