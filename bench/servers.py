"""The contestants of `bench.redirect`: the least that a Python server can do, and what Flask alone would cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, redirect
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LANDING = "https://shop.example.com/p?rk=0123456789abcdef0123456789abcdef"
_HEADERS = [("Location", LANDING), ("Cache-Control", "no-store"), ("Content-Length", "0")]


def raw(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A raw WSGI function that only returns the 302."""
    start_response("302 Found", _HEADERS)
    return (b"",)


flask = Flask("bare")


@flask.get("/r/<slug>")
def bare(slug: str) -> Response:
    """A bare Flask view that only returns `redirect()`."""
    return redirect(LANDING)
