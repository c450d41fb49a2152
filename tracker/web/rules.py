"""The rules as pages: what is in force, what other rules would have made of past orders, and how they come in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apiflask import APIFlask
from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from sqlalchemy.orm import Session

from tracker import catalog, replay
from tracker.catalog import Desk, drafts
from tracker.catalog import rules as catalog_rules
from tracker.catalog.fields import problems
from tracker.domain.differences import Comparison, ranked
from tracker.domain.presets import PRESETS
from tracker.domain.reasons import RULE_SENTENCES
from tracker.domain.roles import Right
from tracker.errors import BadInput, Conflict
from tracker.reports import _shape
from tracker.web import _rule_form, auth, guard
from tracker.web._view import Names, View, to
from tracker.wiring import Wiring

MOST = 5000
"""How many orders a page replays: the latest ones, in a few seconds. The command line replays any number."""

_LISTED = 50


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, behind the sign-in."""
    blueprint = Blueprint("rules", __name__, url_prefix="/rules")
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)
    _add_overview(blueprint, wiring)
    _add_drafts(blueprint, wiring)
    _add_replay(blueprint, wiring)
    _add_publication(blueprint, wiring)
    app.register_blueprint(blueprint)


def _add_overview(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/")
    def overview() -> ResponseReturnValue:
        with wiring.sessions() as session:
            return _overview(session, wiring)

    @blueprint.post("/drafts")
    def begin() -> ResponseReturnValue:
        given = {"name": request.form.get("name", ""), "preset": request.form.get("preset") or None}
        try:
            with catalog.changing(wiring.sessions, wiring.hasty_redis) as session:
                draft = drafts.add(_planning(session, wiring), drafts.NewDraft.model_validate(given))
            return redirect(to("rules.draft", draft_id=draft.id))
        except (ValidationError, BadInput, Conflict) as error:
            with wiring.sessions() as session:
                return _overview(session, wiring, error=_said(error)), 422


def _add_drafts(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/drafts/<draft_id>")
    def draft(draft_id: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            return _draft(session, wiring, draft_id)

    @blueprint.post("/drafts/<draft_id>")
    def save(draft_id: str) -> ResponseReturnValue:
        errors: Mapping[str, str] = {}
        try:
            with catalog.changing(wiring.sessions, wiring.hasty_redis) as session:
                errors = _save(session, wiring, draft_id)
        except BadInput as error:
            errors = {error.field: str(error)}
        if not errors:
            return redirect(to("rules.replay", draft_id=draft_id))
        with wiring.sessions() as session:
            return _draft(session, wiring, draft_id, errors), 422

    @blueprint.post("/drafts/<draft_id>/drop")
    def drop(draft_id: str) -> ResponseReturnValue:
        with catalog.changing(wiring.sessions, wiring.hasty_redis) as session:
            drafts.drop(_planning(session, wiring), draft_id)
        return redirect(to("rules.overview"))


def _add_replay(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/drafts/<draft_id>/replay", endpoint="replay")
    def replayed(draft_id: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.required(session, wiring)
            desk = wiring.desk(session, view.brand.id)
            draft, rules = drafts.one(desk, draft_id), drafts.rules_of(desk, draft_id)
            names = Names.of(session, view.brand.id)
            wanted = replay.Range(view.brand.id, view.scope.start, view.scope.end, MOST)
            every = replay.count(session, replay.Range(view.brand.id, view.scope.start, view.scope.end))
        comparison = Comparison(keep=_LISTED, about=view.scope.partner_id)
        replay.replay(wiring.sessions, wanted, rules, comparison)
        return render_template(
            "rules_replay.html",
            view=view, draft=draft, names=names, comparison=comparison, every=every, most=MOST, listed=_LISTED,
            partners=ranked(comparison.partners), channel_rows=ranked(comparison.channels),
            rule_sentences=RULE_SENTENCES, model_titles=_shape.model_titles(),
        )  # fmt: skip


def _add_publication(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/drafts/<draft_id>/publish")
    def confirm(draft_id: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            return _confirm(session, wiring, draft_id)

    @blueprint.post("/drafts/<draft_id>/publish")
    def publish(draft_id: str) -> ResponseReturnValue:
        given = {name: request.form[name] for name in ("start", "past", "newest") if request.form.get(name)}
        try:
            with catalog.changing(wiring.sessions, wiring.hasty_redis) as session:
                drafts.publish(_planning(session, wiring), draft_id, drafts.Publication.model_validate(given))
            return redirect(to("rules.overview"))
        except (ValidationError, BadInput, Conflict) as error:
            with wiring.sessions() as session:
                return _confirm(session, wiring, draft_id, error=_said(error)), 422


# --- what the pages show ---------------------------------------------------------------------------------------------


def _overview(session: Session, wiring: Wiring, error: str = "") -> str:
    view = View.required(session, wiring)
    desk = wiring.desk(session, view.brand.id)
    versions, campaigns = catalog_rules.versions(desk), Names.of(session, view.brand.id).campaigns
    in_force = next(one for one in versions if one.standing is catalog_rules.Standing.IN_FORCE)
    return render_template(
        "rules.html",
        view=view, in_force=in_force, versions=versions, drafts=drafts.every(desk), presets=PRESETS.values(),
        lines_of=_lines_of(campaigns), left=catalog_rules.progress(desk), error=error,
    )  # fmt: skip


def _draft(session: Session, wiring: Wiring, draft_id: str, errors: Mapping[str, str] | None = None) -> str:
    view = View.required(session, wiring)
    desk = wiring.desk(session, view.brand.id)
    draft, campaigns = drafts.one(desk, draft_id), Names.of(session, view.brand.id).campaigns
    form = request.form if errors else None
    return render_template(
        "rules_draft.html",
        view=view, draft=draft, groups=_rule_form.groups(draft.settings, campaigns, form, errors), errors=errors,
        name=form.get("name", "") if form is not None else draft.name,
    )  # fmt: skip


def _save(session: Session, wiring: Wiring, draft_id: str) -> Mapping[str, str]:
    """Save what was filled in; by field what will not do: then nothing is saved."""
    desk = _planning(session, wiring)
    campaigns = Names.of(session, desk.brand_id).campaigns
    settings, errors = _rule_form.written(drafts.one(desk, draft_id).settings, request.form, campaigns)
    try:
        change = drafts.DraftChange(name=request.form.get("name", ""), settings=settings)
        if not errors:
            drafts.edit(desk, draft_id, change)
    except ValidationError as error:
        return {"name": _said(error), **errors}
    except Conflict as error:
        return {"name": str(error)}
    return errors


def _confirm(session: Session, wiring: Wiring, draft_id: str, error: str = "") -> str:
    view = View.required(session, wiring)
    desk = wiring.desk(session, view.brand.id)
    draft, versions = drafts.one(desk, draft_id), catalog_rules.versions(desk)
    in_force = next(one for one in versions if one.standing is catalog_rules.Standing.IN_FORCE)
    campaigns = Names.of(session, view.brand.id).campaigns
    return render_template(
        "rules_publish.html",
        view=view, draft=draft, newest=request.form.get("newest") or versions[0].version, error=error,
        changes=_rule_form.changes(in_force.settings, draft.settings, campaigns),
        start=request.form.get("start", ""), scheduled=[one for one in versions if one.standing == "scheduled"],
    )  # fmt: skip


def _lines_of(campaigns: Mapping[str, str]) -> Callable[[Mapping[str, Any]], list[_rule_form.Line]]:
    return lambda settings: _rule_form.lines(settings, campaigns)


def _planning(session: Session, wiring: Wiring) -> Desk:
    """The desk of somebody who may change the rules. Raises Forbidden."""
    view = View.required(session, wiring)
    auth.demand(Right.PLAN, view.brand.id)
    return wiring.desk(session, view.brand.id)


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{field}: {message}" for field, message in problems(error))
    return str(error)
