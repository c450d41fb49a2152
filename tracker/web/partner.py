"""The page of one partner as the brand sees it: facts and notes, figures, links, terms, papers and an invitation."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from apiflask import APIFlask
from babel import dates
from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from sqlalchemy.orm import Session

from tracker.catalog import Desk, disputes, documents, messages, partners, partnerships, people
from tracker.domain.roles import Right, Role
from tracker.ledger import partnership
from tracker.reports import _sales
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._view import Names, View
from tracker.web.portal import file_of
from tracker.wiring import Wiring

_EDITED = ("name", "email", "language", "followers", "notes")
_REFUSED = 422


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page, behind the sign-in."""
    blueprint = Blueprint("partner", __name__, url_prefix="/partners/<partner_id>")
    blueprint.before_request(auth.required(wiring))
    blueprint.add_app_template_filter(lasted)
    guard.show_errors_of(blueprint)

    def page(partner_id: str, refused: Problems, link: str = "") -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.required(session, wiring)
            desk = wiring.desk(session, view.brand.id)
            found = _found(session, desk, partner_id)
            names = Names.of(session, view.brand.id)
        typed = _forms.typed() if refused else {}
        text = render_template(
            "partner.html", view=view, names=names, refused=refused, typed=typed, fresh=link, **found
        )
        return Response(text, status=_REFUSED if refused else 200)

    def act(partner_id: str, right: Right, change: str) -> ResponseReturnValue:
        def done() -> ResponseReturnValue:
            with _forms.desk_for(wiring, right) as desk:
                link = _ACTS[change](desk, partner_id)
            return page(partner_id, [], link) if link else _back(partner_id)

        return _forms.answered(done, lambda refused: page(partner_id, refused))

    @blueprint.get("")
    def show(partner_id: str) -> ResponseReturnValue:
        return page(partner_id, [])

    @blueprint.post("")
    def edit(partner_id: str) -> ResponseReturnValue:
        return act(partner_id, Right.PLAN, "edit")

    @blueprint.post("/documents")
    def add_document(partner_id: str) -> ResponseReturnValue:
        return act(partner_id, Right.PLAN, "add_document")

    @blueprint.post("/documents/<document_id>/remove")
    def remove_document(partner_id: str, document_id: str) -> ResponseReturnValue:
        with _forms.desk_for(wiring, Right.PLAN) as desk:
            documents.remove(desk, partner_id, document_id)
        return _back(partner_id)

    @blueprint.get("/documents/<document_id>")
    def document(partner_id: str, document_id: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.required(session, wiring)
            paper = documents.read(wiring.desk(session, view.brand.id), partner_id, document_id)
        return file_of(paper.content, paper.content_type, paper.name)

    @blueprint.post("/invite")
    def invite(partner_id: str) -> ResponseReturnValue:
        """An invitation to the partner's page opens nothing else: whoever plans with partners may send it."""
        return act(partner_id, Right.PLAN, "invite")

    app.register_blueprint(blueprint)


def lasted(time: timedelta) -> str:
    """How long something took, in the largest unit that says enough."""
    return str(dates.format_timedelta(time, locale=get_locale()))


def _back(partner_id: str) -> ResponseReturnValue:
    return redirect(url_for("partner.show", partner_id=partner_id, brand=request.args.get("brand")), code=303)


# --- what the page shows ----------------------------------------------------------------------------------------------


def _found(session: Session, desk: Desk, partner_id: str) -> dict[str, object]:
    partner = partners.one(desk, partner_id)
    links, papers = partnerships.own_links(desk, partner.id), documents.every(desk, partner.id)
    agreements = partnerships.agreements(desk, partner.id)
    since, disputed = desk.now - timedelta(days=30), disputes.every(desk, partner.id)
    return {
        "partner": partner,
        "links": links,
        "codes": partnerships.own_codes(desk, partner.id),
        "agreements": agreements,
        "papers": papers,
        "unwritten": partnerships.unwritten(links, len(papers), len(agreements)),
        "waited": partnerships.waited(desk, partner.id),
        "clicks": partnership.clicks_since(session, partner.id, [since])[0],
        "sold": _sales.sold(session, desk.brand_id, partner.id, since.date(), desk.now.date()),
        "owed": partnership.money(session, desk.brand_id, partner.id),
        "disputes": disputed,
        "own": {one.id: one for one in disputed},
        "said": messages.thread(desk, partner.id)[-3:],
        "members": [one for one in people.members(desk) if one.partner == partner.id],
        "invited": [one for one in people.pending(desk) if one.partner == partner.id],
    }


# --- what its forms do ------------------------------------------------------------------------------------------------


def _edit(desk: Desk, partner_id: str) -> str:
    change: dict[str, object] = {**_forms.said(_EDITED)}
    if "tags" in request.form:
        change["tags"] = [tag.strip() for tag in request.form["tags"].split(",") if tag.strip()]
    partners.edit(desk, partner_id, partners.PartnerChange.model_validate(change))
    return ""


def _add_document(desk: Desk, partner_id: str) -> str:
    sent = request.files.get("file")
    content = sent.stream.read(documents.LARGEST + 1) if sent else b""
    documents.add(desk, partner_id, (sent.filename if sent else None) or "", content)
    return ""


def _invite(desk: Desk, partner_id: str) -> str:
    """The link of the invitation, which is shown once: letters may not be set up."""
    partner = partners.one(desk, partner_id)
    asked = {"email": request.form.get("email", ""), "role": Role.PARTNER, "partner": partner.id}
    wanted = people.NewInvitation.model_validate({**asked, "language": partner.language})
    return people.invite(desk, wanted, by=cast("str", g.person.id)).link


_ACTS = {"edit": _edit, "add_document": _add_document, "invite": _invite}
