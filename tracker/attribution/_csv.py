"""A file of paths becomes columns: what other packages read, read strictly, with the line named that cannot be read.

One row a path: `path`, its touches with ` > ` between them, in time order; `total_conversions`, journeys along it with
an order; `total_conversion_value`, what these brought; `total_null`, journeys along it without an order. The last two
may be missing, other columns are left alone, and an empty figure is 0. The same path may stand on several rows. Figures
are decimals with a point; value is in whatever unit the file has, and so is what a model makes of it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tracker.attribution._paths import Paths
from tracker.errors import BadInput

SEPARATOR = " > "

_FIGURES = ("total_conversions", "total_conversion_value", "total_null")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class PathFile:
    """Paths, whose `value` is in the file's own unit, and which columns the file had."""

    paths: Paths
    has_value: bool
    has_nulls: bool


def read(source: Path | bytes, separator: str = SEPARATOR) -> PathFile:
    """The paths of a CSV file. Raises BadInput, with the line where there is one."""
    if not separator.strip():
        raise BadInput("separator", "want a text between touches that is more than blanks")
    columns = _columns(source)
    frame = _frame(source, columns)
    _check(source, frame, separator)
    return PathFile(to_paths(frame, separator), _FIGURES[1] in columns, _FIGURES[2] in columns)


def to_paths(frame: pl.DataFrame, separator: str = SEPARATOR) -> Paths:
    """Rows with a `path` and its figures as unique paths. Names are trimmed, an empty path has no touch; a column of
    figures that is missing is 0. Raises BadInput for a path in which a name is empty."""
    held = [name for name in _FIGURES if name in frame.columns]
    unique = frame.group_by("path", maintain_order=True).agg(pl.col(held).sum())
    touched = (unique["path"].fill_null("").str.strip_chars() != "").to_numpy()
    touches = unique["path"].filter(pl.Series(touched)).str.split(separator)
    lengths = np.zeros(len(unique), np.int64)
    lengths[touched] = touches.list.len().to_numpy()
    names, codes = _numbered(touches.explode(empty_as_null=False, keep_nulls=False))
    if "" in names:
        raise BadInput("paths", f"a path has a touch without a name: two “{separator.strip()}” with nothing between")
    if names and lengths.max() == 1 and any(separator.strip() in name for name in names):
        raise BadInput("separator", f"no path has “{separator}” in it, but some have “{separator.strip()}”: say which")
    figures = [unique[name].to_numpy() if name in held else np.zeros(len(unique)) for name in _FIGURES]
    return Paths(names, codes, np.concatenate([[0], np.cumsum(lengths)]), *figures)


def _numbered(touches: pl.Series) -> tuple[tuple[str, ...], np.ndarray[tuple[int], np.dtype[np.int32]]]:
    """The names, trimmed and in alphabetical order, and for each touch its name's place."""
    written = touches.unique().sort()
    names = sorted(set(written.str.strip_chars()))
    place = {name: number for number, name in enumerate(names)}
    places = np.array([place[name] for name in written.str.strip_chars()], np.int32)
    return tuple(names), places[touches.cast(pl.Enum(written)).to_physical().to_numpy()]


def _columns(source: Path | bytes) -> list[str]:
    header = next(_rows(source), (0, []))[1]
    found = [name for name in header if name == "path" or name in _FIGURES]
    missing = {"path", _FIGURES[0]} - set(found)
    if missing:
        raise BadInput(
            "paths", f"line 1 names no column {' and no '.join(sorted(missing))}; it has {', '.join(header)}"
        )
    if len(found) > len(set(found)):
        raise BadInput("paths", "line 1 names a column twice")
    return found


def _frame(source: Path | bytes, columns: list[str]) -> pl.DataFrame:
    schema = {name: pl.Float64 if name in _FIGURES else pl.String for name in columns}
    try:
        frame = pl.read_csv(source, columns=columns, schema_overrides=schema)
    except pl.exceptions.PolarsError as error:
        _complain(source)
        raise BadInput("paths", f"cannot be read as CSV: {str(error).splitlines()[0]}") from None
    return frame.with_columns(pl.col(name).fill_null(0.0) for name in columns if name in _FIGURES)


def _check(source: Path | bytes, frame: pl.DataFrame, separator: str) -> None:
    """Raise BadInput for figures that are none or less than none, naming the line."""
    held = [name for name in _FIGURES if name in frame.columns]
    counts = [name for name in held if name != _FIGURES[1]]
    sound = frame.select(pl.all_horizontal(pl.col(held).is_finite().all(), (pl.col(counts) >= 0).all())).item()
    if not sound:
        _complain(source)


def _complain(source: Path | bytes) -> None:
    """Read the file anew, slowly, and raise BadInput for the first line that something is wrong with."""
    rows = _rows(source)
    header = next(rows)[1]
    for line, cells in rows:
        if len(cells) > len(header):
            raise BadInput("paths", f"line {line} has {len(cells)} cells, more than the {len(header)} of line 1")
        for name, cell in zip(header, cells, strict=False):
            if name in _FIGURES and cell:
                _complain_of(line, name, cell)


def _complain_of(line: int, name: str, cell: str) -> None:
    if not _NUMBER.fullmatch(cell):
        raise BadInput("paths", f"line {line}: {name} is “{cell}”, want a number such as 12 or 12.50")
    if name != _FIGURES[1] and float(cell) < 0:
        raise BadInput(
            "paths", f"line {line}: {name} is {cell}; fewer than none cannot be, a refund is a negative value"
        )


def _rows(source: Path | bytes) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of its last line. Raises BadInput."""
    opened = source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
    with opened, io.TextIOWrapper(opened, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        try:
            for cells in reader:
                yield reader.line_num, cells
        except UnicodeDecodeError:
            raise BadInput(
                "paths", f"line {reader.line_num + 1} is not UTF-8: save the file in that encoding"
            ) from None
        except csv.Error as error:
            raise BadInput("paths", f"line {reader.line_num} cannot be read as CSV: {error}") from None
