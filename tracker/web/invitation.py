"""The page behind an invitation's link: somebody new chooses a password, whoever is known signs in and accepts."""

from __future__ import annotations

from apiflask import APIFlask
from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from tracker import log
from tracker.catalog import people
from tracker.errors import BadInput, Conflict, Forbidden, NotFound
from tracker.ledger import accounts, invitations
from tracker.ledger.accounts import Person
from tracker.ledger.database import writing
from tracker.ledger.tables import Invitation
from tracker.web import auth, guard
from tracker.wiring import Wiring


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page, for everybody who has the link."""
    blueprint = Blueprint("invitation", __name__, url_prefix="/invitation")
    blueprint.before_request(auth.keep_language)
    guard.show_errors_of(blueprint)

    @blueprint.get("/<token>")
    def show(token: str) -> ResponseReturnValue:
        return _page(wiring, token)

    @blueprint.post("/<token>")
    def accept(token: str) -> ResponseReturnValue:
        """Somebody new gets an account; whoever has one must be signed in as the address that was invited."""
        try:
            person = auth.signed_in(wiring)
            person = _accepted(wiring, token, person) if person else _opened(wiring, token)
        except BadInput as error:
            return _page(wiring, token, str(error))
        except (Conflict, NotFound) as error:
            return render_template("invitation.html", over=str(error)), error.status
        log.info("invitation_accepted", account=person.id)
        return redirect(auth.home(person), code=303)

    app.register_blueprint(blueprint)


def _accepted(wiring: Wiring, token: str, person: Person) -> Person:
    clock = wiring.clock
    with writing(wiring.sessions) as ledger:
        invited = invitations.by_token(ledger, token, clock.wall())
        if person.email != invited.email:
            raise Forbidden(people.ANOTHER_ADDRESS)
        invitations.accept(ledger, token, person.id, clock.now(), clock.wall())
        return _known(ledger, person.id, person.epoch)


def _opened(wiring: Wiring, token: str) -> Person:
    """A new account with the role that was offered, signed in. Raises Conflict where the address has one."""
    clock = wiring.clock
    with wiring.sessions() as ledger:
        invitations.by_token(ledger, token, clock.wall())  # nobody without a link has us reckon a hash
    password = accounts.hashed(request.form.get("password", ""))
    with writing(wiring.sessions) as ledger:
        invited = invitations.by_token(ledger, token, clock.wall())
        account = accounts.open_account(ledger, invited.email, password, clock.now(), language=invited.language)
        invitations.accept(ledger, token, account, clock.now(), clock.wall())
        person = _known(ledger, account, 0)
    auth.open_session(wiring, person)
    return person


def _known(ledger: Session, account_id: str, epoch: int) -> Person:
    person = accounts.person(ledger, account_id, epoch)
    if person is None:
        raise NotFound("no such account")
    return person


def _page(wiring: Wiring, token: str, refused: str = "") -> ResponseReturnValue:
    with wiring.sessions() as ledger:
        try:
            invited = invitations.by_token(ledger, token, wiring.clock.wall())
        except NotFound as error:
            return render_template("invitation.html", over=str(error)), 410
        found = {**people.told(ledger, invited), "role": invited.role, "email": invited.email}
        known = _is_known(ledger, invited)
    here = request.path
    page = render_template("invitation.html", known=known, here_path=here, refused=refused, **found)
    return page, 422 if refused else 200


def _is_known(ledger: Session, invited: Invitation) -> bool:
    try:
        return bool(accounts.by_email(ledger, invited.email))
    except NotFound:
        return False
