"""The script that a shop pastes: the same for every visitor, kept by caches, and never a reason for its page to fail.

It sets no cookie and reads no session. While the ledger does not answer it is served all the same, for only its
address depends on the brand; for a brand that there is not, the answer is a comment with status 404.
"""

from __future__ import annotations

import gzip
import re
from hashlib import sha256
from pathlib import Path

from apiflask import APIFlask
from flask import Blueprint, Response, request
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from tracker import log
from tracker.domain.ids import is_id
from tracker.ledger.tables import Brand
from tracker.wiring import Wiring

_SOURCE = Path(__file__).with_name("static") / "s.js"
_UNKNOWN = b"/* There is no such brand: `tracker brand list` shows the ids. */\n"
_KEPT = "public, max-age=3600, stale-while-revalidate=86400"
_HARDLY_KEPT = "public, max-age=60"

_BLANKS = re.compile(r" *([]{}()[,;:?=<>|&+*!-]) *")

# Any shop may load it, whatever it demands of the scripts of others.
_FOR_ALL = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add `/s.js?brand=<id>`."""
    whole = script(wiring.settings.click_parameter)
    packed = gzip.compress(whole, mtime=0)
    tag = sha256(whole).hexdigest()[:20]
    known: set[str] = set()  # brands found once: a brand is never taken away

    blueprint = Blueprint("snippet", __name__)

    @blueprint.get("/s.js")
    def serve() -> Response:
        if not _is_known(request.args.get("brand", ""), known, wiring):
            return _script(_UNKNOWN, _HARDLY_KEPT, status=404)
        if not request.accept_encodings["gzip"]:
            answer = _script(whole, _KEPT)
        else:
            answer = _script(packed, _KEPT)
            answer.headers["Content-Encoding"] = "gzip"
        answer.vary.add("Accept-Encoding")
        answer.set_etag(tag, weak=True)  # weak: the same for both encodings
        answer.make_conditional(request)
        return answer

    app.register_blueprint(blueprint)


def script(click_parameter: str) -> bytes:
    """The script as it is served: without comments and without the blanks that only people need.

    It is written so that this is safe: every statement ends with a semicolon, no text in it holds a blank.
    """
    lines = (line.strip() for line in _SOURCE.read_text("utf-8").splitlines())
    plain = " ".join(line for line in lines if not line.startswith("//"))
    return _BLANKS.sub(r"\1", plain).replace("{{click_parameter}}", click_parameter).encode()


def _script(body: bytes, kept: str, status: int = 200) -> Response:
    answer = Response(body, status, _FOR_ALL, content_type="text/javascript; charset=utf-8")
    answer.headers["Cache-Control"] = kept
    return answer


def _is_known(brand_id: str, known: set[str], wiring: Wiring) -> bool:
    """Whether there is such a brand. One that cannot be looked up now is taken for one."""
    if not is_id(brand_id):
        return False
    if brand_id in known:
        return True
    try:
        with wiring.hasty_sessions() as session:
            found = session.scalar(select(Brand.id).where(Brand.id == brand_id)) is not None
    except SQLAlchemyError as error:
        log.warning("snippet_brand_not_checked", error=type(error).__name__)
        return True
    if found:
        known.add(brand_id)
    return found
