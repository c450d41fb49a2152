"""A link's address as a QR code: black on white with its quiet zone, so that it scans wherever it is put or printed."""

from __future__ import annotations

import io
from typing import Any

SVG, PNG = "image/svg+xml", "image/png"

_RECOVERY = "m"  # a seventh of it may be dirty or hidden
_QUIET = 4  # modules around it: ISO/IEC 18004
_PIXELS = 24  # a module's side: the code of a short address is a thousand wide, sharp in print up to eight centimetres


def svg(address: str) -> bytes:
    """The code as SVG, which scales to any size."""
    return _saved(address, "svg", scale=10, title=address, xmldecl=True)


def png(address: str) -> bytes:
    """The code as PNG, large enough to print."""
    return _saved(address, "png", scale=_PIXELS)


def _saved(address: str, kind: str, **options: Any) -> bytes:
    import segno  # noqa: PLC0415  (only those who ask for a code need it)

    out = io.BytesIO()
    segno.make_qr(address, error=_RECOVERY).save(out, kind=kind, border=_QUIET, dark="black", light="white", **options)
    return out.getvalue()
