"""Every page that the application has, with something to show on each; a page without an example is found out.

A page that is added takes its place here by itself where its address has no parts to fill in; else it needs an example
in `furnish`. What is no page stands in `DOWNLOADS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from apiflask import APIFlask
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from tests.desk import EMAIL
from tracker.catalog import (
    Desk,
    benchmarks,
    campaigns,
    conversions,
    costs,
    decisions,
    disputes,
    documents,
    drafts,
    goals,
    messages,
    people,
    placements,
    shops,
    snapshots,
    terms,
)
from tracker.catalog.decisions import About
from tracker.domain import totp
from tracker.domain.costs import Kind
from tracker.domain.objectives import Metric
from tracker.domain.roles import Role
from tracker.jobs import imports, replays
from tracker.ledger import accounts, resets, second_factor
from tracker.ledger.database import writing
from tracker.ledger.tables import Link, OrderRow, Partner
from tracker.outgoing import schedules, shared_links
from tracker.reports import _shape
from tracker.wiring import Wiring

MARCH = "from=2026-03-01&to=2026-03-31"
PASSWORD = "correct horse battery"
PARTNER, CAREFUL = "alice@example.com", "nadia@example.com"
DOWNLOADS = {
    *("static", "charts.script", "snippet.serve", "health.live", "health.ready", "costs.table", "bilan.paper"),
    *("pages.report_csv", "pages.report_xlsx", "pages.report_pdf", "pictures.show", "shared.download"),
    *("qr.png", "qr.svg", "portal.png", "portal.svg", "portal.document", "portal.statement", "partner.document"),
    "people.elsewhere",  # leads to another page
}

ON_BOOKS = ("channels", "codes", "customers", "days", "links", "models", "owed", "partners", "paths", "crossing", "lag")


class Reader(StrEnum):
    """Who opens a page."""

    NOBODY = "nobody"
    MARKETER = "marketer"
    PARTNER = "partner"
    CAREFUL = "careful"  # has sent the password and is asked for a code


OPEN = {"auth.sign_in", "forgotten.show", "forgotten.sent", "forgotten.choose", "invitation.show", "shared.show"}


@dataclass
class House:
    """What the parts of addresses are filled with, by the part's name or by the endpoint.

    `books` is the brand of `write_books`, for reports that say more of it.
    """

    brand: str
    books: str = "b" * 32
    parts: dict[str, list[str]] = field(default_factory=dict)
    of: dict[str, dict[str, list[str]]] = field(default_factory=dict)


def pages(app: APIFlask, house: House) -> dict[Reader, list[str]]:
    """The address of every page, by who reads it. Raises KeyError for a page without an example."""
    found: dict[Reader, list[str]] = {reader: [] for reader in Reader}
    for rule in sorted(app.url_map.iter_rules(), key=str):
        if "GET" in (rule.methods or ()) and _is_page(rule):
            found[_reader(rule.endpoint)] += [f"{path}?brand={house.brand}&{MARCH}" for path in _filled(rule, house)]
    of_books = ("/", "/orders", *(f"/reports/{name}" for name in ON_BOOKS))
    found[Reader.MARKETER] += [f"{path}?brand={house.books}&{MARCH}" for path in of_books]
    return found


def _is_page(rule: Rule) -> bool:
    return rule.endpoint not in DOWNLOADS and not rule.rule.startswith("/api/")


def _reader(endpoint: str) -> Reader:
    if endpoint in OPEN:
        return Reader.NOBODY
    if endpoint == "auth.code":
        return Reader.CAREFUL
    return Reader.PARTNER if endpoint.startswith("portal.") else Reader.MARKETER


def _filled(rule: Rule, house: House) -> list[str]:
    known: Mapping[str, list[str]] = house.parts | house.of.get(rule.endpoint, {})
    values: list[dict[str, str]] = [{}]
    for part in sorted(rule.arguments):
        values = [{**chosen, part: one} for chosen in values for one in known[part]]
    built = [rule.build(chosen) for chosen in values]
    return [path[1] for path in built if path]


def furnish(wiring: Wiring, brand: str) -> House:
    """Give the brand of `given.World` one of everything that has a page."""
    house = House(brand)
    with writing(wiring.sessions) as session:
        desk = wiring.desk(session, brand)
        named = select(Partner.id).where(Partner.brand_id == brand, Partner.name == "Alice")
        alice = session.execute(named).scalar_one()
        order = session.execute(select(OrderRow.id).where(OrderRow.brand_id == brand)).scalars().first()
        link = session.execute(select(Link.id).where(Link.partner_id == alice)).scalars().first()
        assert order is not None
        assert link is not None
        campaign = _campaign(desk, alice)
        session.execute(update(Link).where(Link.id == link).values(campaign_id=campaign))
        documents.add(desk, alice, "contract.pdf", b"%PDF-1.4\n%%EOF\n", campaign)
        messages.add(desk, messages.NewMessage(partner=alice, text="In daylight, please."))
        house.parts = {
            "campaign_id": [campaign],
            "shop_id": [shops.page(desk, shops.ShopQuery()).data[0].id],
            "draft_id": [_draft(desk)],
            "link_id": [link],
            "order_id": [order],
            "partner_id": [alice],
            "placement_id": [_placement(desk, alice, campaign)],
            "dispute_id": [disputes.add(desk, alice, _complaint(order), account=None).id],
        }
        jobs = _jobs(desk, house.parts["draft_id"][0])
        house.of = {
            "pages.report": {"name": [name for name in _shape.reports() if name not in ON_BOOKS]},
            "campaigns.step": {"name": ["about", "goals", "costs", "partners", "links", "placements", "report"]},
            "imports.mapping": {"job_id": jobs[:1]},
            "work.show": {"job_id": jobs},
            **_letters(desk, alice),
        }
        _people(session, wiring, brand, alice)
        house.of["forgotten.choose"] = {"token": [resets._add(session, _id_of(session, PARTNER), wiring.clock.wall())]}
    return house


def _complaint(order: str) -> disputes.NewDispute:
    return disputes.NewDispute(order=order, text="She came by my story.")


def _campaign(desk: Desk, partner: str) -> str:
    wanted = campaigns.NewCampaign(name="Summer", starts_on=date(2026, 3, 1), ends_on=date(2026, 12, 31), budget="1000",
                                   brief="In daylight.", mention="Publicité", target_return="3:1")  # fmt: skip
    campaign = campaigns.add(desk, wanted).id
    aim = goals.NewGoal(campaign=campaign, metric=Metric.CLICKS, target="500", ends_on=date(2026, 12, 31))
    goals.add(desk, aim)
    decisions.add(desk, decisions.NewDecision(campaign=campaign, about=About.MESSAGE, text="Say the price."))
    benchmarks.add(desk, benchmarks.NewBenchmark(metric=Metric.CVR, value="2", source="our own year"))
    fee = {"kind": Kind.FEE, "amount": "40.00", "partner": partner, "campaign": campaign, "on": "2026-03-15"}
    costs.add(desk, costs.NewCost.model_validate(fee))
    terms.add(desk, terms.NewTerms(partner=partner, percent="10", hold_days=0))
    conversions.add(desk, conversions.NewConversion(kind=conversions.Action.LEAD, external_id="l1", code="ALICE15"))
    return campaign


def _placement(desk: Desk, partner: str, campaign: str) -> str:
    wanted = placements.NewPlacement(
        partner=partner, campaign=campaign, network="TikTok", title="Unboxing", published_at=date(2026, 3, 17)
    )
    placement = placements.add(desk, wanted).id
    snapshots.add(desk, snapshots.NewSnapshot(placement=placement, views=1000, likes=80, taken_at=date(2026, 3, 18)))
    return placement


def _draft(desk: Desk) -> str:
    draft = drafts.add(desk, drafts.NewDraft(name="Linear")).id
    return drafts.edit(desk, draft, drafts.DraftChange(settings={"paying_model": "linear"})).id


def _jobs(desk: Desk, draft: str) -> list[str]:
    """A file of orders whose columns are to be named, and a replay that waits."""
    shop = shops.page(desk, shops.ShopQuery()).data[0].id
    orders = imports.ask(desk, _file_of(shop), b"number;sum\n1;2\n", draft=True)
    return [orders.id, replays.ask(desk, replays.NewReplay(draft=draft)).id]


def _file_of(shop: str) -> imports.NewImport:
    return imports.NewImport.model_validate({"shop": shop, "name": "orders.csv"})


def _letters(desk: Desk, partner: str) -> dict[str, dict[str, list[str]]]:
    """Schedules and links that are shared; the addresses of those that open doors."""
    schedules.add(desk, schedules.NewSchedule(report="channels", recipients=("boss@example.com",)))
    shared = shared_links.add(desk, shared_links.NewSharedLink(report="channels"))
    guest = people.NewInvitation(email="guest@example.com", role=Role.PARTNER, partner=partner)
    invited = people.invite(desk, guest)
    tokens = [(address or "").rpartition("/")[2] for address in (shared.url, invited.link)]
    return {"shared.show": {"token": tokens[:1]}, "invitation.show": {"token": tokens[1:]}}


def _people(session: Session, wiring: Wiring, brand: str, partner: str) -> None:
    """A partner, a colleague who is asked for a second step, and Marie, who is about to."""
    key, now, wall = wiring.settings.secret_key, wiring.clock.now(), wiring.clock.wall()
    accounts.join(session, accounts.create_account(session, PARTNER, PASSWORD, now), brand, Role.PARTNER, now,
                  partner=partner)  # fmt: skip
    careful = accounts.create_account(session, CAREFUL, PASSWORD, now)
    accounts.join(session, careful, brand, Role.VIEWER, now)
    second_factor.begin(session, key, careful)
    secret = second_factor.waiting(session, key, careful)
    second_factor.confirm(session, key, careful, totp.code_at(secret or "", totp.step_of(wall)), wall)
    second_factor.begin(session, key, _id_of(session, EMAIL))


def _id_of(session: Session, email: str) -> str:
    return accounts.by_email(session, email).id
