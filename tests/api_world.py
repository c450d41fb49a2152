"""Two brands behind the REST API, each with one of everything, and a client for each: what is one's is not the other's.

world = ApiWorld(settings)
world.alice.get("/links").json["data"]
world.alice.post("/links", {"partner": world.alice.ids["partner"], …}, idempotency="k1")
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from apiflask import APIFlask
from werkzeug.test import TestResponse

from tests.conftest import NOW
from tests.sample_books import drawn_receipt
from tracker import catalog, pipeline
from tracker.catalog import (
    Desk,
    benchmarks,
    brands,
    campaigns,
    codes,
    commissions,
    conversions,
    costs,
    decisions,
    drafts,
    goals,
    holdouts,
    keys,
    links,
    messages,
    partners,
    people,
    placements,
    shops,
    snapshots,
    terms,
)
from tracker.catalog.decisions import About
from tracker.domain.costs import Kind
from tracker.domain.ids import derived_id
from tracker.domain.objectives import Metric
from tracker.domain.orders import NET_FORMULA
from tracker.domain.roles import Role
from tracker.estimates import meant
from tracker.jobs import imports
from tracker.ledger import accounts
from tracker.ledger.estimates import ask
from tracker.ledger.paths import Level
from tracker.ledger.tables import Credit, CreditSet, Dispute, OrderRow, Payout
from tracker.outgoing import schedules, shared_links
from tracker.settings import Settings
from tracker.web import create_app
from tracker.wiring import Wiring

HOLDOUT: dict[str, Any] = {
    "starts_on": "2026-03-01",
    "ends_on": "2026-03-28",
    "held_out": ["FR-01", "FR-02", "FR-03", "FR-04"],
    "compared": ["FR-05", "FR-06", "FR-07", "FR-08"],
}


@dataclass
class Client:
    """Somebody with a key to one brand. `ids` are of one thing of each kind: shop, secret, partner, order …"""

    app: APIFlask
    brand: str
    key: str
    ids: dict[str, str] = field(default_factory=dict)

    def send(
        self, method: str, path: str, json: object = None, idempotency: str | None = None, **more: Any
    ) -> TestResponse:
        """A request with the key; `path` is below /api/v1."""
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        if idempotency is not None:
            headers["Idempotency-Key"] = idempotency
        if json is not None:
            more["json"] = json
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **more)

    def get(self, path: str, **more: Any) -> TestResponse:
        """GET."""
        return self.send("GET", path, **more)

    def post(self, path: str, json: object = None, **more: Any) -> TestResponse:
        """POST."""
        return self.send("POST", path, json, **more)

    def patch(self, path: str, json: object = None, **more: Any) -> TestResponse:
        """PATCH."""
        return self.send("PATCH", path, json, **more)


class ApiWorld:
    """An installation with the brands of Alice and Bob."""

    def __init__(self, settings: Settings) -> None:
        self.wiring = Wiring(settings)
        self.app = create_app(self.wiring)
        self.alice, self.bob = self._brand("alice"), self._brand("bob")

    def close(self) -> None:
        """Let go of everything that is open."""
        self.wiring.engine.dispose()
        self.wiring.hasty_engine.dispose()
        self.wiring.redis.close()
        self.wiring.hasty_redis.close()

    @contextmanager
    def desk(self, brand_id: str) -> Iterator[Desk]:
        """A desk of a brand, in a transaction that is committed."""
        settings = self.wiring.settings
        with catalog.changing(self.wiring.sessions, self.wiring.hasty_redis) as session:
            yield Desk(session, brand_id, NOW, NOW, settings.public_url, settings.secret_key)

    def _brand(self, name: str) -> Client:
        """A brand with one of everything; every text that could give it away holds its name."""
        wanted = brands.NewBrand(name=name, hosts=(f"{name}.example.com",), landing_domains=(f"{name}.example.org",))
        with catalog.changing(self.wiring.sessions, self.wiring.hasty_redis) as session:
            brand = brands.add(session, wanted, now=NOW, public_url=self.wiring.settings.public_url)
        with self.desk(brand.id) as desk:
            client = Client(self.app, brand.id, keys.add(desk, keys.NewKey(name=name)).key)
            client.ids = self._one_of_each(desk, name)
        pipeline.accrue_commissions(self.wiring.sessions, 10, NOW)
        with self.desk(brand.id) as desk:
            (commission,) = commissions.page(desk, commissions.CommissionQuery()).data
        client.ids["commission"] = commission.id
        return client

    def _one_of_each(self, desk: Desk, name: str) -> dict[str, str]:
        shop = shops.add(desk, shops.NewShop(platform="shopify", name=name, secret="shpss_" + name.ljust(32, "0")))
        partner = partners.add(desk, partners.NewPartner(name=name)).id
        campaign = campaigns.add(desk, campaigns.NewCampaign(name=name)).id
        placement = placements.add(desk, placements.NewPlacement(partner=partner, campaign=campaign, network=name)).id
        counted = snapshots.add(desk, snapshots.NewSnapshot(placement=placement, views=1000)).id
        landing = f"https://{name}.example.org/"
        link = links.add(desk, links.NewLink(partner=partner, landing_url=landing, slug=name)).id
        code = codes.add(desk, codes.NewCode(code=f"{name}10", partner=partner)).id
        order = _add_order(desk, shop.id, partner, link, name)
        held = holdouts.add(desk, holdouts.NewHoldout(campaign=campaign, name=name, **HOLDOUT)).id
        ask(desk.session, meant(desk.session, desk.brand_id, Level.CHANNEL, (None, None), self.wiring.clock.now()), NOW)
        aim = goals.NewGoal(campaign=campaign, metric=Metric.CLICKS, target="500", ends_on=NOW.date())
        agreed = terms.add(desk, terms.NewTerms(partner=partner, percent="10", hold_days=0)).id
        return {
            "shop": shop.id,
            "secret": shop.secrets[0].id,
            "partner": partner,
            "campaign": campaign,
            "placement": placement,
            "snapshot": counted,
            "link": link,
            "code": code,
            "order": order,
            "terms": agreed,
            "holdout": held,
            "goal": goals.add(desk, aim).id,
            "decision": _add_decision(desk, campaign, name),
            "conversion": conversions.add(
                desk, conversions.NewConversion(kind=conversions.Action.LEAD, external_id=name, code=name)
            ).id,
            "benchmark": benchmarks.add(desk, benchmarks.NewBenchmark(metric=Metric.CVR, value="2", source=name)).id,
            "schedule": schedules.add(
                desk, schedules.NewSchedule(report="channels", recipients=(f"{name}@example.com",))
            ).id,
            "shared_link": shared_links.add(desk, shared_links.NewSharedLink(report="channels")).id,
            "job": imports.ask(
                desk, imports.NewImport(shop=shop.id, name=name, mapping={}), b"id;total", draft=True
            ).id,
            "cost": costs.add(desk, costs.NewCost(kind=Kind.FEE, amount="5.00", partner=partner, note=name)).id,
            "draft": _add_draft(desk, name),
            "payout": _add_payout(desk, partner, name),
            "dispute": _add_dispute(desk, order, partner, name),
            "message": messages.add(desk, messages.NewMessage(partner=partner, text=name)).id,
            "member": _add_member(desk, f"{name}@example.com"),
            "invitation": people.invite(
                desk, people.NewInvitation(email=f"guest@{name}.example", role=Role.PARTNER, partner=partner)
            ).id,
        }


def _add_decision(desk: Desk, campaign: str, name: str) -> str:
    return decisions.add(desk, decisions.NewDecision(campaign=campaign, about=About.MESSAGE, text=name)).id


def _add_member(desk: Desk, email: str) -> str:
    nobody_signs_in_with_it = accounts.PasswordHash("!")
    account = accounts.open_account(desk.session, email, nobody_signs_in_with_it, NOW)
    return people.add_member(desk, account, people.MemberChange(role=Role.OWNER)).id


def _add_draft(desk: Desk, name: str) -> str:
    draft = drafts.add(desk, drafts.NewDraft(name=name))
    return drafts.edit(desk, draft.id, drafts.DraftChange(settings={"paying_model": "linear"})).id


def _add_order(desk: Desk, shop: str, partner: str, link: str, name: str, number: str = "1001") -> str:
    """A paid order of 90.00 whose whole net is the partner's, sealed, with a receipt."""
    order, credit_set = derived_id(name, "order", number), derived_id(name, "credits", number)
    desk.session.add(
        OrderRow(id=order, brand_id=desk.brand_id, shop_id=shop, external_id=f"{name}-{number}", number=number,
                 status="paid", test=False, currency="EUR", total=10800, goods=9000, refunded=0, net=9000,
                 net_formula=NET_FORMULA, placed_at=NOW, placed_day=NOW.date(), customer=None, customer_is_new=None,
                 codes=[f"{name}10"], click_ids=[], flags=[], rule_set=1, folded_at=NOW, attributed_at=NOW)
    )  # fmt: skip
    desk.session.flush()
    desk.session.add(
        CreditSet(id=credit_set, order_id=order, model="last_click", model_version=1, rule_set=1,
                  net_formula=NET_FORMULA, net=9000, currency="EUR", paying=True, sealed=True)
    )  # fmt: skip
    desk.session.flush()
    desk.session.add(
        Credit(set_id=credit_set, position=0, order_id=order, brand_id=desk.brand_id, partner_id=partner,
               channel="influence", link_id=link, code=f"{name}10", campaign_id=None, placement_id=None,
               evidence=["click", "code"], weight="1", amount=9000)
    )  # fmt: skip
    desk.session.add(drawn_receipt(desk.brand_id, order, {"candidates": [name]}, NOW))
    desk.session.flush()
    return order


def _add_dispute(desk: Desk, order: str, partner: str, name: str) -> str:
    """An open dispute of the partner about the order."""
    dispute = derived_id(name, "dispute")
    desk.session.add(
        Dispute(id=dispute, brand_id=desk.brand_id, order_id=order, partner_id=partner, receipt_version=1, state="open",
                due_on=NOW.date(), opened_at=NOW)
    )  # fmt: skip
    desk.session.flush()
    return dispute


def _add_payout(desk: Desk, partner: str, name: str) -> str:
    """A payout of long ago."""
    payout = derived_id(name, "payout")
    desk.session.add(
        Payout(id=payout, brand_id=desk.brand_id, partner_id=partner, currency="EUR", amount=100, reference=name,
               paid_at=NOW, created_at=NOW)
    )  # fmt: skip
    desk.session.flush()
    return payout


def add_orders(world: ApiWorld, client: Client, count: int) -> None:
    """More orders of the brand, of one moment."""
    with world.desk(client.brand) as desk:
        for number in range(count):
            _add_order(desk, client.ids["shop"], client.ids["partner"], client.ids["link"], client.brand, str(number))
