"""What the people of the demo's brand note while the four weeks pass, by the functions that their pages call.

Everything has its day: a cost, a snapshot or a message is of the day on which it happened, not of the day it is typed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker import alerts, catalog, pipeline
from tracker.catalog import (
    Desk,
    benchmarks,
    brands,
    conversions,
    costs,
    decisions,
    disputes,
    messages,
    partners,
    payouts,
    people,
    segments,
    shop_counts,
    snapshots,
)
from tracker.demo import cast, plans
from tracker.demo.player import Record
from tracker.demo.stage import PASSWORD, Api, Calendar, Scenery, Stage
from tracker.demo.story import Errand, Story
from tracker.domain.roles import Role
from tracker.errors import Conflict, NotFound
from tracker.ledger import accounts
from tracker.ledger.tables import Credit, Link, OrderRow, Placement, Shop, Touch
from tracker.wiring import Wiring

_EBB = 2.6  # days in which all but a third of those who will see a placement have seen it
_LAST_COUNT = 27.8  # the day of the last snapshots
_LATEST = 300  # commissions that are approved at once
_SIGN_UPS = 60  # one visit in so many leaves an address for the letter


def plan(api: Api, scenery: Scenery) -> None:
    """What is settled before the first day: goals, and where nothing will be amplified."""
    ids, day = scenery.campaigns, scenery.calendar.day
    for campaign, metric, target in plans.GOALS:
        api.add("goals", campaign=ids[campaign], metric=metric, target=target)
    api.add("holdouts", campaign=ids[cast.WINTER], starts_on=str(day(0)), ends_on=str(day(25)), **plans.HOLDOUT)


def keep_books(running: Stage, scenery: Scenery, script: Story, record: Record) -> None:
    """Everything that the brand noted during the four weeks, in one go."""
    built, brand_id = Wiring(running.settings), scenery.brand_id
    password = accounts.hashed(PASSWORD)
    with catalog.changing(built.sessions, built.redis) as session:
        books = _Books.of(built.desk(session, brand_id), scenery)
        brands.edit(books.desk, brands.BrandChange(margin=plans.MARGIN))
        for write in (_expenses, _snapshots, _decisions, _benchmarks, _counts_of_shops):
            write(books)
        _sign_ups(books, script, record)
        _segments(books, script)
        _people(books, password)
        _talk(books)
    _pay(built, brand_id)
    alerts.raise_due(built.sessions, alerts.Post(
        running.settings.secret_key, running.settings.public_url, built.clock.now(), built.clock.wall()
    ))  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Books:
    """The desk, when the days of the four weeks were, and the ids of what has a name."""

    desk: Desk
    calendar: Calendar
    campaigns: Mapping[str, str]
    partners: Mapping[str, str]
    placements: Mapping[str, str]

    @classmethod
    def of(cls, desk: Desk, scenery: Scenery) -> _Books:
        by_slug = select(Link.slug, Placement.id).join(Placement, Placement.id == Link.placement_id)
        slugs = desk.session.execute(by_slug.where(Link.brand_id == desk.brand_id))
        return cls(
            desk=desk,
            calendar=scenery.calendar,
            campaigns=scenery.campaigns,
            partners={one.name: partners.named(desk, one.name) for one in cast.PROMOTERS},
            placements=dict(slugs.tuples().all()),
        )

    def day(self, number: float) -> date:
        """The date of a day of the four weeks, none that is still to come."""
        return min(self.calendar.at(number), self.desk.now).date()

    def at(self, moment: datetime) -> Desk:
        """The desk at another moment, never one that is still to come."""
        return replace(self.desk, now=min(moment, self.desk.now))


# --- what was spent, counted and decided -----------------------------------------------------------------------------


def _expenses(books: _Books) -> None:
    for one in plans.EXPENSES:
        costs.add(books.desk, costs.NewCost.model_validate(_said({
            "kind": one.kind,
            "amount": one.amount,
            "retail": one.retail,
            "hours": one.hours,
            "rate": plans.HOUR if one.hours else None,
            "placement": books.placements[one.slug] if one.slug else None,
            "campaign": books.campaigns[one.campaign] if one.campaign else None,
            "spent_on": books.day(one.day),
            "spread": one.spread,
            "note": one.note,
        })))  # fmt: skip


def _snapshots(books: _Books) -> None:
    spots = [spot for promoter in cast.PROMOTERS for spot in promoter.spots if spot.slug in plans.COUNTED]
    for spot in spots:
        for age in (*plans.COUNTED_AFTER, _LAST_COUNT - spot.day):
            if spot.day + age <= _LAST_COUNT:
                _count(books, spot.slug, age, min(books.calendar.at(spot.day + age), books.desk.now))
    for slug in plans.TOLD_BY_AGENCY:
        _count(books, slug, _LAST_COUNT, books.calendar.at(_LAST_COUNT - 1), source="agency")


def _count(books: _Books, slug: str, age: float, moment: datetime, source: str = snapshots.BY_HAND) -> None:
    """What is shown at an age in days; an agency tells a little more than that."""
    seen = (1 - math.exp(-age / _EBB)) * (1 if source == snapshots.BY_HAND else 1.12)
    shown = plans.COUNTED[slug]
    counters = {field.name: getattr(shown, field.name) for field in fields(shown)}
    grown = {name: round(value * seen) for name, value in counters.items() if value is not None}
    wanted = {"placement": books.placements[slug], "taken_at": moment.isoformat(), "source": source, **grown}
    snapshots.add(books.desk, snapshots.NewSnapshot.model_validate(wanted))


def _decisions(books: _Books) -> None:
    for day, campaign, about, partner, text in plans.DECISIONS:
        decisions.add(books.desk, decisions.NewDecision.model_validate(_said({
            "campaign": books.campaigns[campaign],
            "about": about,
            "text": text,
            "partner": books.partners[partner] if partner else None,
            "made_on": books.day(day),
        })))  # fmt: skip


def _benchmarks(books: _Books) -> None:
    for metric, value, tier, source in plans.BENCHMARKS:
        wanted = _said({"metric": metric, "value": value, "tier": tier, "source": source})
        benchmarks.add(books.desk, benchmarks.NewBenchmark.model_validate(wanted))


def _counts_of_shops(books: _Books) -> None:
    """What each shop counts itself: the same as came, but for one day on which the first of them counts two more."""
    session, desk = books.desk.session, books.desk
    missed = books.day(19)
    shops = session.execute(select(Shop.id).where(Shop.brand_id == desk.brand_id).order_by(Shop.id)).scalars().all()
    for number, shop_id in enumerate(shops):
        query = select(OrderRow.placed_day, func.count()).where(OrderRow.shop_id == shop_id, OrderRow.test.is_(False))
        counted = dict(session.execute(query.group_by(OrderRow.placed_day)).tuples().all())
        told = [
            {"day": day.isoformat(), "orders": orders + (2 if day == missed and number == 0 else 0)}
            for day, orders in sorted((day, orders) for day, orders in counted.items() if day is not None)
            if day < books.desk.now.date()
        ]
        if told:
            shop_counts.tell(desk, shop_id, shop_counts.NewCounts.model_validate({"counts": told}))


def _sign_ups(books: _Books, script: Story, record: Record) -> None:
    """Some visitors leave their address for the shop's letter, which is a conversion and no purchase."""
    visits = [visit for visit in script.visits if visit.errand is Errand.PERSON]
    for visit in visits[::_SIGN_UPS]:
        conversions.add(books.desk, conversions.NewConversion.model_validate({
            "kind": "sign_up",
            "external_id": f"letter-{visit.number}",
            "click_id": record.clicks[visit.number],
            "at": min(record.clicked[visit.number], books.desk.now).isoformat(),
        }))  # fmt: skip


def _segments(books: _Books, script: Story) -> None:
    """Whom the brand's own list of customers knows: those of the letter, and those who buy for work."""
    buyers = sorted({purchase.customer for purchase in script.purchases})
    for name, whom in (("Abonnés à la lettre", buyers[::3]), ("Professionnels", buyers[1::9])):
        members = tuple(segments.Member(email=email) for email in whom)
        segments.add(books.desk, segments.NewMembers(segment=name, members=members, apply=True))


# --- people ----------------------------------------------------------------------------------------------------------


def _people(books: _Books, password: accounts.PasswordHash) -> None:
    for email, role, partner in plans.PEOPLE:
        account = accounts.open_account(books.desk.session, email, password, books.desk.now)
        change = people.MemberChange(role=Role(role), partner=books.partners[partner] if partner else None)
        people.add_member(books.desk, account, change)


def _talk(books: _Books) -> None:
    for days, partner, from_partner, text in plans.MESSAGES:
        desk, partner_id = books.at(books.desk.now - timedelta(days=days, hours=5)), books.partners[partner]
        if from_partner:
            messages.write(desk, partner_id, text, account=None)
        else:
            messages.add(desk, messages.NewMessage(partner=partner_id, text=text))
    for days, partner, text, answer in plans.DISPUTED:
        _dispute(books, books.partners[partner], books.desk.now - timedelta(days=days), text, answer)


def _dispute(books: _Books, partner: str, before: datetime, text: str, answer: str | None) -> None:
    """The partner disputes the last order before a moment in which he stands and which pays somebody else."""
    for order in _lost(books.desk.session, partner, before):
        try:
            wanted = disputes.NewDispute(order=order, text=text)
            opened = disputes.add(books.at(before + timedelta(hours=20)), partner, wanted, account=None)
        except (NotFound, Conflict):
            continue
        if answer:
            closing = disputes.DisputeChange(state="refused", answer=answer)
            disputes.answer(books.at(before + timedelta(days=2)), opened.id, closing)
        return


def _lost(session: Session, partner: str, before: datetime) -> Iterable[str]:
    paid = select(Credit.order_id).where(Credit.partner_id == partner)
    query = (
        select(OrderRow.id)
        .join(Touch, Touch.order_id == OrderRow.id)
        .where(Touch.partner_id == partner, OrderRow.placed_at < before, OrderRow.id.not_in(paid))
        .order_by(OrderRow.placed_at.desc())
    )
    return session.execute(query.limit(20)).scalars().all()


def _pay(built: Wiring, brand_id: str) -> None:
    """Approve what has waited long enough, and pay one partner what is then theirs."""
    while pipeline.approve_commissions(built.sessions, _LATEST, built.clock.now()):
        pass
    with catalog.changing(built.sessions, built.redis) as session:
        desk = built.desk(session, brand_id)
        reference = f"Virement {desk.now:%Y-%m} {plans.PAID}"
        wanted = payouts.NewPayout(partner=partners.named(desk, plans.PAID), reference=reference)
        with suppress(Conflict):  # a small demo may have nothing to pay yet
            payouts.add(desk, wanted)


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}
