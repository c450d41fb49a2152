"""What partners say to the brand: their disputes, those that are due first, and a thread with each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from apiflask import APIFlask
from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from tracker.catalog import Desk, disputes, messages
from tracker.catalog.disputes import DisputeChange, NewDispute
from tracker.catalog.messages import NewMessage
from tracker.domain.disputes import DisputeState
from tracker.domain.roles import Right
from tracker.errors import NotFound
from tracker.ledger import talk as ledger
from tracker.ledger.database import writing
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._view import Names, View
from tracker.wiring import Wiring

_REFUSED = 422


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, behind the sign-in."""
    blueprint = Blueprint("talk", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)
    _add_disputes(blueprint, wiring)
    _add_messages(blueprint, wiring)
    app.register_blueprint(blueprint)


def _add_disputes(blueprint: Blueprint, wiring: Wiring) -> None:
    def page(dispute_id: str, refused: Problems) -> ResponseReturnValue:
        def ask(session: Session, desk: Desk) -> dict[str, object]:
            dispute = disputes.one(desk, dispute_id)
            return {"dispute": dispute, "said": messages.thread(desk, dispute.partner, dispute.id)}

        return _page(wiring, "dispute.html", ask, refused)

    @blueprint.get("/disputes", endpoint="disputes")
    def list_disputes() -> ResponseReturnValue:
        return _page(wiring, "disputes.html", lambda _session, desk: {"disputes": disputes.every(desk)}, [])

    @blueprint.get("/disputes/<dispute_id>")
    def dispute(dispute_id: str) -> ResponseReturnValue:
        return page(dispute_id, [])

    @blueprint.post("/disputes/<dispute_id>")
    def answer(dispute_id: str) -> ResponseReturnValue:
        """Closes the dispute where it is accepted or refused, else adds to what was said."""
        return _forms.answered(lambda: _answer(wiring, dispute_id), lambda refused: page(dispute_id, refused))


def _add_messages(blueprint: Blueprint, wiring: Wiring) -> None:
    def page(partner_id: str, refused: Problems) -> ResponseReturnValue:
        def ask(session: Session, desk: Desk) -> dict[str, object]:
            said = messages.thread(desk, partner_id)
            own = {one.id: one for one in disputes.every(desk, partner_id)}
            if g.person.may(Right.ANSWER, desk.brand_id):
                ledger.mark_read(session, desk.brand_id, partner_id, desk.now, from_partner=True)
            return {"partner_id": partner_id, "said": said, "own": own}

        return _page(wiring, "thread.html", ask, refused, partner_id)

    @blueprint.get("/messages", endpoint="messages")
    def list_messages() -> ResponseReturnValue:
        return _page(wiring, "messages.html", lambda _session, desk: {"threads": messages.threads(desk)}, [])

    @blueprint.get("/messages/<partner_id>")
    def thread(partner_id: str) -> ResponseReturnValue:
        return page(partner_id, [])

    @blueprint.post("/messages/<partner_id>")
    def write(partner_id: str) -> ResponseReturnValue:
        def done() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.ANSWER) as desk:
                wanted = NewMessage(partner=partner_id, text=request.form.get("text", ""))
                messages.add(desk, wanted, account=auth.account_id())
            return _to("talk.thread", partner_id=partner_id)

        return _forms.answered(done, lambda refused: page(partner_id, refused))


def _page(
    wiring: Wiring,
    template: str,
    ask: Callable[[Session, Desk], dict[str, object]],
    refused: Problems,
    partner_id: str | None = None,
) -> Response:
    """A page over the brand of the view; that of a partner notes what was read. Raises NotFound for another's."""
    with writing(wiring.sessions) if partner_id else wiring.sessions() as session:
        view = View.required(session, wiring)
        names = Names.of(session, view.brand.id)
        if partner_id is not None and partner_id not in names.partners:
            raise NotFound("no such partner")
        found = ask(session, wiring.desk(session, view.brand.id))
    typed = _forms.typed() if refused else {}
    text = render_template(template, view=view, names=names, refused=refused, typed=typed, **found)
    return Response(text, status=_REFUSED if refused else 200)


def _answer(wiring: Wiring, dispute_id: str) -> ResponseReturnValue:
    verdict, text = request.form.get("state", ""), request.form.get("text", "")
    with _forms.desk_for(wiring, Right.ANSWER) as desk:
        if verdict in (DisputeState.ACCEPTED, DisputeState.REFUSED):
            change = DisputeChange.model_validate({"state": verdict, "answer": text})
            disputes.answer(desk, dispute_id, change, account=auth.account_id())
        else:
            said = NewDispute(order=dispute_id, text=text).text
            disputes.write(desk, dispute_id, said, from_partner=False, account=auth.account_id())
    return _to("talk.dispute", dispute_id=dispute_id)


def _to(endpoint: str, **values: str) -> ResponseReturnValue:
    return redirect(url_for(endpoint, brand=request.args.get("brand"), **cast("dict[str, Any]", values)), code=303)
