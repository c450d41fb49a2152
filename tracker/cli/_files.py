"""What commands that read a table share: the file's bytes, and which column is which field."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from tracker.errors import BadInput


def content(file: str) -> bytes:
    """The bytes of a file, or of standard input for "-". Raises BadInput."""
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError:
        raise BadInput("file", f"there is no file {file} to read") from None


def mapping(columns: Iterable[str]) -> dict[str, str]:
    """Field → column, of `--column field=column`. Raises BadInput."""
    found = {}
    for said in columns:
        field, equals, column = said.partition("=")
        if not (equals and column.strip()):
            raise BadInput("column", "want field=column, such as views=Vues")
        found[field.strip()] = column.strip()
    return found
