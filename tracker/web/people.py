"""The people of a brand: who has which role, who is invited, and the link of an invitation, shown once.

The link is in the answer that made it, for installations that send no letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tracker.catalog import Desk, people
from tracker.domain.roles import Right, Role
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._view import Names, View, to
from tracker.wiring import Wiring

ROLES = {
    Role.OWNER: ("Owner", "everything, people and shops included"),
    Role.MARKETER: ("Marketer", "campaigns, partners, links, costs, reports sent out"),
    Role.FINANCE: ("Finance", "terms, payouts, costs, reports sent out"),
    Role.VIEWER: ("Viewer", "sees every figure, changes nothing"),
    Role.PARTNER: ("Partner", "the partner's own page, nothing else"),
}
SENTENCES = tuple(text for pair in ROLES.values() for text in pair)


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page, for those who manage a brand."""
    blueprint = Blueprint("people", __name__, url_prefix="/people")
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)
    _add_members(blueprint, wiring)
    _add_invitations(blueprint, wiring)
    app.register_blueprint(blueprint)


def _add_members(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("")
    def show() -> ResponseReturnValue:
        return _page(wiring)

    @blueprint.post("/<account_id>/role")
    def change_role(account_id: str) -> ResponseReturnValue:
        change = {name: request.form.get(name) or None for name in ("role", "partner")}
        return _changed(
            wiring, lambda desk: people.change_role(desk, account_id, people.MemberChange.model_validate(change))
        )

    @blueprint.post("/<account_id>/remove")
    def remove(account_id: str) -> ResponseReturnValue:
        return _changed(wiring, lambda desk: people.remove(desk, account_id))


def _add_invitations(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.post("/invitations")
    def invite() -> ResponseReturnValue:
        def work(desk: Desk) -> people.FreshInvitation:
            return people.invite(desk, people.NewInvitation.model_validate(_typed()), by=auth.account_id())

        return _invited(wiring, work, typed=_typed())

    @blueprint.post("/invitations/<invitation_id>/resend")
    def resend(invitation_id: str) -> ResponseReturnValue:
        return _invited(wiring, lambda desk: people.resend(desk, invitation_id))

    @blueprint.get("/invitations")
    @blueprint.get("/invitations/<invitation_id>/resend")
    def elsewhere(invitation_id: str = "") -> ResponseReturnValue:
        """Whoever reloads the answer by its address, or asks for it in another language."""
        return redirect(to("people.show", query=request.args.to_dict()), code=303)

    @blueprint.post("/invitations/<invitation_id>/revoke")
    def revoke(invitation_id: str) -> ResponseReturnValue:
        return _changed(wiring, lambda desk: people.revoke(desk, invitation_id))


def _changed(
    wiring: Wiring, work: Callable[[Desk], object], typed: Mapping[str, str] | None = None
) -> ResponseReturnValue:
    """Do it and show the page; where it is refused, the page with the reasons and what was typed."""

    def act() -> ResponseReturnValue:
        with _forms.desk_for(wiring, Right.MANAGE) as desk:
            work(desk)
        return redirect(to("people.show"), code=303)

    return _forms.answered(act, lambda refused: _page(wiring, refused, typed))


def _invited(
    wiring: Wiring, work: Callable[[Desk], people.FreshInvitation], typed: Mapping[str, str] | None = None
) -> ResponseReturnValue:
    """The same for what makes a link, which the page then shows."""

    def act() -> ResponseReturnValue:
        with _forms.desk_for(wiring, Right.MANAGE) as desk:
            fresh = work(desk)
        return _page(wiring, fresh=fresh)

    return _forms.answered(act, lambda refused: _page(wiring, refused, typed))


def _page(
    wiring: Wiring,
    refused: Problems | None = None,
    typed: Mapping[str, str] | None = None,
    fresh: people.FreshInvitation | None = None,
) -> ResponseReturnValue:
    with wiring.sessions() as ledger:
        view = View.required(ledger, wiring)
        auth.demand(Right.MANAGE, view.brand.id)
        desk = wiring.desk(ledger, view.brand.id)
        found = {"members": people.members(desk), "invitations": people.pending(desk)}
        names = Names.of(ledger, view.brand.id)
    page = render_template(
        "people.html", view=view, names=names, roles=ROLES, fresh=fresh, refused=refused or [], typed=typed or {},
        wall=wiring.clock.wall(), **found,
    )  # fmt: skip
    return Response(page, status=_forms.status(refused or [], fresh))


def _typed() -> dict[str, str]:
    return {name: value for name in ("email", "role", "partner", "language") if (value := request.form.get(name, ""))}
