"""What a page is about: the brand and the scope that its URL says, what ids are called on it, and where it leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast
from urllib.parse import quote, quote_plus, urlencode

from flask import g, request, url_for
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tracker.domain.roles import Right
from tracker.errors import BadInput, NotFound, say
from tracker.ledger.accounts import Person
from tracker.ledger.database import once
from tracker.ledger.tables import Brand, Campaign, Link, Partner, Placement, Shop
from tracker.reports import _compare, _shape
from tracker.reports._shape import Part, Result, Scope
from tracker.web import _answers, auth
from tracker.wiring import Wiring

_ANY = "any-value-at-all"
_KEPT = ("brand", "from", "to", "model", "compare")  # what a link from page to page carries on


@dataclass(frozen=True, slots=True)
class View:
    """The brand and the scope that a page is about, and the links that keep them."""

    brand: Brand
    brands: Sequence[Brand]
    scope: Scope
    today: date
    compare: str | None = None  # beside which earlier period, one of `_compare.HOW`

    @classmethod
    def of_request(cls, session: Session, wiring: Wiring) -> View | None:
        """From the query string; None while there is no brand. Raises BadInput and NotFound."""
        person = auth.signed_in(wiring)
        known = session.execute(select(Brand).order_by(Brand.name)).scalars().all()
        for each in known:
            session.expunge(each)  # a page of what was refused tells it after the transaction was undone
        brands = [brand for brand in known if person is not None and person.may(Right.READ, brand.id)]
        if not brands:
            return None
        asked = request.args.get("brand") or brands[0].id
        brand = next((one for one in brands if one.id == asked), None)
        if brand is None:
            raise NotFound("no such brand")
        once(session, ("brand", brand.id), lambda: brand)
        now = wiring.clock.now()
        scope = _shape.scope_from(session, brand.id, request.args, now)
        g.zone = _shape.zone_of(session, brand.id)
        g.view = view = cls(brand, brands, scope, now.astimezone(g.zone).date(), _compared())
        return view

    @classmethod
    def required(cls, session: Session, wiring: Wiring) -> View:
        """From the query string. Raises BadInput, and NotFound also while there is no brand."""
        view = cls.of_request(session, wiring)
        if view is None:
            raise NotFound("there is no brand yet")
        return view

    def run(self, session: Session, name: str, part: Part | None = None) -> Result:
        """A report over the scope; of one that can be endless a `part` alone."""
        return _compare.run(session, name, self.scope, self.compare, part)

    def shown(self, session: Session, wiring: Wiring, name: str, part: Part | None = None) -> Result:
        """The same for a reader who waits: of a report that takes long what is kept, or a result that waits."""
        return _answers.run(wiring, session, name, self.scope, how=self.compare, part=part)

    def last(self, days: int) -> str:
        """This page over the `days` that end today."""
        start = self.today - timedelta(days=days - 1)
        return here(**{"from": start.isoformat(), "to": self.today.isoformat(), "after": None, "row": None})

    def is_last(self, days: int) -> bool:
        """Whether that is what it shows."""
        return self.scope.end == self.today and (self.scope.end - self.scope.start).days == days - 1

    def state(self, **changes: str | None) -> dict[str, str]:
        """The query string of this view, as a page that keeps it would have it."""
        state = {
            "brand": self.brand.id if len(self.brands) > 1 else None,
            "from": self.scope.start.isoformat(),
            "to": self.scope.end.isoformat(),
            "model": self.scope.model if self.scope.model != _shape.PAYING else None,
            "campaign": self.scope.campaign_id,
            "channel": self.scope.channel,
            "partner": self.scope.partner_id,
            "network": self.scope.network,
            "compare": self.compare,
        }
        return {name: value for name, value in {**state, **changes}.items() if value}


@dataclass(frozen=True, slots=True)
class Names:
    """What the ids on a page are called."""

    partners: Mapping[str, str]
    shops: Mapping[str, str]
    links: Mapping[str, str]
    campaigns: Mapping[str, str]
    networks: Mapping[str, str]

    @classmethod
    def of(cls, session: Session, brand_id: str, *, links: bool = False) -> Names:
        """The names of a brand's things; of its `links`, which are many, where a page shows them."""

        def named(query: Select[str, str]) -> dict[str, str]:
            return dict(session.execute(query).all())

        return cls(
            partners=named(select(Partner.id, Partner.name).where(Partner.brand_id == brand_id).order_by(Partner.name)),
            shops=named(select(Shop.id, Shop.name).where(Shop.brand_id == brand_id).order_by(Shop.name)),
            links=named(select(Link.id, Link.slug).where(Link.brand_id == brand_id)) if links else {},
            campaigns=named(
                select(Campaign.id, Campaign.name).where(Campaign.brand_id == brand_id).order_by(Campaign.name)
            ),
            networks=named(
                select(Placement.network, Placement.network)
                .where(Placement.brand_id == brand_id)
                .distinct()
                .order_by(Placement.network)
            ),
        )


def _compared() -> str | None:
    asked = request.args.get("compare") or None
    if asked is not None and asked not in _compare.HOW:
        raise BadInput("compare", say("want one of %(choices)s", choices=", ".join(_compare.HOW)))
    return asked


def may(right: str) -> bool:
    """Whether the role of who is signed in lets them, in the brand that the page is about or else in any of theirs."""
    person, view = cast("Person | None", g.get("person")), cast("View | None", g.get("view"))
    if person is None:
        return False
    return any(person.may(Right(right), brand) for brand in ([view.brand.id] if view else ["", *person.roles]))


def to(endpoint: str, *, query: Mapping[str, str | None] | None = None, **values: str) -> str:
    """The URL of a page in the present state of brand, days and model, with `query` over it."""
    state = {name: request.args.get(name) for name in _KEPT} if "view" in g else {}
    kept = {name: value for name, value in {**state, **(query or {})}.items() if value}
    return url_for(endpoint, **cast("dict[str, Any]", values)) + (f"?{urlencode(kept)}" if kept else "")


def to_each(endpoint: str, name: str, value: str, *, asked: bool = False) -> str:
    """`to` a page with a value in its path, or `asked` in its query; for many of them the rest is made once."""
    made: dict[str, str] = g.setdefault("made_urls", {})
    if endpoint + name not in made:
        made[endpoint + name] = to(endpoint, query={name: _ANY}) if asked else to(endpoint, query=None, **{name: _ANY})
    return made[endpoint + name].replace(_ANY, quote_plus(value) if asked else quote(value), 1)


def here(**changes: str | None) -> str:
    """This very page with another value of some parameters; None takes one away."""
    kept = {name: value for name, value in {**request.args.to_dict(), **changes}.items() if value}
    return request.path + (f"?{urlencode(kept)}" if kept else "")
