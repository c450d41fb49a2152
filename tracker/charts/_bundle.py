"""The script that draws pictures in browsers: our own few lines behind the libraries that vl-convert carries.

It is made once for each version of either, in a process of its own that gives its memory back, and kept packed in the
state folder. Nothing is fetched, and its name is the digest of what it is made of.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

_LONGEST = 60  # seconds


def key(source: str) -> str:
    """The name of the bundle of our own lines and the libraries that are installed."""
    made_of = f"{version('vl-convert-python')}\n{source}"
    return sha256(made_of.encode()).hexdigest()[:20]


def packed(source: Path, folder: Path) -> bytes:
    """The bundle as gzip, from `folder` where it was made before. Raises OSError and subprocess.SubprocessError."""
    file = folder / f"{key(source.read_text())}.js.gz"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tracker.charts._bundle", str(source), str(file)]
        subprocess.run(command, check=True, timeout=_LONGEST)  # noqa: S603  (our own module, our own paths)
    return file.read_bytes()


def make(source: Path, file: Path) -> None:
    """Write the bundle; whoever reads at the same time sees the old file or the new one, whole."""
    import vl_convert  # noqa: PLC0415  (a JavaScript engine)

    script = vl_convert.javascript_bundle(source.read_text())
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_bytes(gzip.compress(script.encode(), mtime=0))
    partial.replace(file)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
