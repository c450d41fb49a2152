"""Stories in plain words, acted out on a real ledger: `tests/stories/*.txt` are read by this, line by line.

A story begins with `# its title`; lines at the margin are prose, indented lines are the story, under the headings
`partners`, `campaigns`, `links`, `codes`, `rules`, `terms`, `story` and `expect`, which may come in any sequence and
again. The sentences that are understood stand in `SENTENCES`, each with what it does; anything else is an error that
names its line.

    partners
      Alice: influence creator
    codes
      ALICE10: Alice
    story
      day 1 09:00  Zoe clicks Alice
      day 3 10:00  Zoe orders A for 100.00 with ALICE10
    expect
      A: Alice 100.00
      A rule: sole_partner

Day 0 is 1 March 2026, times are UTC. Whoever clicks is a visitor who gave consent, on one device unless told otherwise;
an order carries the last click of its customer on any device unless told otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.conftest import Ledger
from tests.given import World
from tracker import pipeline
from tracker.catalog import Desk, campaigns, commissions, payouts, terms
from tracker.domain.codes import normal
from tracker.domain.ids import derived_id
from tracker.domain.money import minor_units
from tracker.domain.orders import (
    NET_FORMULA,
    Amounts,
    Change,
    Refund,
    RefundStatus,
    Snapshot,
    Status,
    StatusChange,
    order_event,
)
from tracker.domain.presets import PRESETS
from tracker.domain.rules import Rules
from tracker.errors import Conflict
from tracker.ledger import due, orders, rules
from tracker.ledger.tables import Click, CodeOwner, Link, Receipt
from tracker.reports._shape import models

DAY_ZERO = datetime(2026, 3, 1, tzinfo=UTC)
STORIES = Path(__file__).parent / "stories"
HEADINGS = ("partners", "campaigns", "links", "codes", "rules", "terms", "story", "expect")
SHOP_ZONE = "Europe/Paris"

MOMENT = r"day (?P<day>-?\d+)(?: (?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))?)?"


class Unclear(AssertionError):
    """A line that says nothing we know, or a story that did not go as it says."""


def titles() -> Mapping[str, Path]:
    """Every story by the name of its file."""
    return {path.stem: path for path in sorted(STORIES.glob("*.txt"))}


@dataclass
class Told:
    """An order as its shop would tell it, so that it can be told again with a change."""

    snapshot: Snapshot
    external_id: str
    refunds: int = 0


@dataclass
class Storyteller:
    """Acts a story out. `now` is the story's own time."""

    ledger: Ledger
    world: World = field(init=False)
    now: datetime = DAY_ZERO
    links: dict[str, str] = field(default_factory=dict)
    clicks: dict[str, str] = field(default_factory=dict)
    last_click: dict[str, str] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    campaigns: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world = World(self.ledger, now=DAY_ZERO)
        self.world.names.clear()

    def tell(self, path: Path) -> None:
        """Act the whole story. Raises Unclear with the file and line."""
        lines = list(_lines(path.read_text()))
        if not any(heading == "expect" for _, heading, _ in lines):
            raise Unclear(f"{path.name} expects nothing")
        for number, heading, text in lines:
            try:
                self._act(heading, text)
            except Exception as error:
                raise Unclear(f"{path.name}:{number}: {text}\n  {error}") from error

    def _act(self, heading: str, text: str) -> None:
        if heading == "expect":
            self._settle()
        for pattern, action in SENTENCES[heading].items():
            if found := re.fullmatch(pattern, text):
                said = {name: value for name, value in found.groupdict().items() if value is not None}
                if heading == "story":
                    self.now = _moment(said)
                    self.world.now = self.now
                action(self, {name: value for name, value in said.items() if name not in _PARTS})
                return
        raise Unclear(f"under {heading!r} this is no sentence that we know")

    def _settle(self) -> None:
        """Everything that the workers would do by now."""
        self.world.attribute()
        while pipeline.accrue_commissions(self.ledger.session, 50, self.now):
            pass
        pipeline.approve_commissions(self.ledger.session, 1000, self.now)

    # --- who there is -------------------------------------------------------------------------------------------------

    def partner(self, said: Mapping[str, str]) -> None:
        partner_id = self.world.partner(said["name"], said["channel"], said["kind"])
        self.links[said["name"]] = self.world.link(partner_id)

    def campaign(self, said: Mapping[str, str]) -> None:
        with self.ledger.writing() as session:
            view = campaigns.add(self._desk(session), campaigns.NewCampaign(name=said["name"]))
        self.campaigns[said["name"]] = view.id

    def link(self, said: Mapping[str, str]) -> None:
        self.links[said["name"]] = link_id = self.world.link(self.id_of(said["partner"]), said.get("channel"))
        with self.ledger.writing() as session:
            campaign = self.campaigns[said["campaign"]] if "campaign" in said else None
            session.execute(update(Link).where(Link.id == link_id).values(campaign_id=campaign))

    def terms(self, said: Mapping[str, str]) -> None:
        partner = None if said["partner"] == "everybody" else self.id_of(said["partner"])
        wanted = {
            "partner": partner,
            "campaign": self.campaigns[said["campaign"]] if "campaign" in said else None,
            "hold_days": int(said.get("hold", 30)),
            "valid_from": (_when(said["since"]) if "since" in said else DAY_ZERO).isoformat(),
            **{name: said[name] for name in _RATES if name in said},
        }
        with self.ledger.writing() as session:
            terms.add(self._desk(session), terms.NewTerms.model_validate(wanted))

    def new_terms(self, said: Mapping[str, str]) -> None:
        self.terms({**said, "since": f"day {(self.now - DAY_ZERO).days} {self.now:%H:%M:%S}"})

    def code(self, said: Mapping[str, str]) -> None:
        since, until = (_when(said[word]) if word in said else None for word in ("since", "until"))
        owner = None if said["partner"] == "nobody" else self.id_of(said["partner"])
        with self.ledger.writing() as session:
            if said.get("again"):  # whoever owned it until now owns it no longer
                session.execute(
                    update(CodeOwner)
                    .where(CodeOwner.code_id == self._code_id(said["code"]))
                    .values(valid_to=since or self.now)
                )
        begin = since or (self.now if said.get("again") else DAY_ZERO - timedelta(days=400))
        self.world.code(said["code"], owner, since=begin, until=until)
        if "campaign" in said:
            with self.ledger.writing() as session:
                session.execute(
                    update(CodeOwner)
                    .where(CodeOwner.partner_id == owner, CodeOwner.code_id == self._code_id(said["code"]))
                    .values(campaign_id=self.campaigns[said["campaign"]])
                )

    def rule(self, said: Mapping[str, str]) -> None:
        with self.ledger.session() as session:
            row = rules.current(session, self.world.brand)
        settings = Rules.from_json(row.version, row.settings).to_json()
        self._put(settings, said)
        Rules.from_json(1, settings)  # what is no rule is refused here
        self.world.rules(**settings)

    def preset(self, said: Mapping[str, str]) -> None:
        with self.ledger.session() as session:
            settings = rules.current(session, self.world.brand).settings
        self.world.rules(**PRESETS[said["preset"]].over(settings))

    def new_rules(self, said: Mapping[str, str]) -> None:
        with self.ledger.writing() as session:
            row = rules.current(session, self.world.brand)
            settings = Rules.from_json(row.version, row.settings).to_json()
            self._put(settings, said)
            rules.add_version(session, self.world.brand, Rules.from_json(row.version + 1, settings), self.now)

    # --- what happens -------------------------------------------------------------------------------------------------

    def click(self, said: Mapping[str, str]) -> None:
        at = _when(said["at"]) if "at" in said else self.now
        name = said.get("click") or f"{said['who']} {said['what']} {at.isoformat()}"
        program = said["who"] == "a bot"
        visitor = None if program or "unknown" in said else f"{said['who']} {said.get('device', '')}"
        self.clicks[name] = self.world.click(
            self.links[said["what"]],
            at=at,
            visitor=visitor,
            verdict="bot" if program else "human",
            reason="library" if program else "",
            click_id=self._click_id(name),
        )
        if not program:
            self.last_click[said["who"]] = self.clicks[name]

    def order(self, said: Mapping[str, str]) -> None:
        who, currency = said["who"], said.get("currency", "EUR")
        amount = minor_units(said["amount"], currency)
        snapshot = Snapshot(
            status=Status.PENDING if "unpaid" in said else Status.PAID,
            currency=currency,
            amounts=Amounts(total=amount, goods=amount),
            placed_at=self.now,
            number=said["order"],
            test="test" in said,
            codes=tuple(_words(said.get("codes", ""))),
            click_ids=self._carried(who, said.get("carrying")),
            customer=None if "guest" in said else sha256(who.encode()).hexdigest(),
            source=said.get("source", ""),
        )
        self.told[said["order"]] = told = Told(snapshot, said["order"])
        self._tell_shop(told, snapshot)

    def refund(self, said: Mapping[str, str]) -> None:
        told = self.told[said["order"]]
        told.refunds += 1
        amount = (
            minor_units(said["amount"], told.snapshot.currency) if "amount" in said else told.snapshot.amounts.total
        )
        self._tell_shop(told, Refund(f"refund {told.refunds}", amount, RefundStatus.DONE))

    def edit(self, said: Mapping[str, str]) -> None:
        amount = minor_units(said["amount"], self.told[said["order"]].snapshot.currency)
        self._retell(said["order"], amounts=Amounts(total=amount, goods=amount))

    def merge(self, said: Mapping[str, str]) -> None:
        self._retell(said["order"], customer=sha256(said["who"].encode()).hexdigest())

    def status(self, said: Mapping[str, str]) -> None:
        self._tell_shop(self.told[said["order"]], StatusChange(Status(said["status"])))

    def unmask(self, said: Mapping[str, str]) -> None:
        """A later look at a click finds a program behind it: as the re-judging of clicks leaves the ledger."""
        click_id = self._click_id(said["click"])
        with self.ledger.writing() as session:
            session.execute(update(Click).where(Click.id == click_id).values(verdict="bot", reason="library"))
            due.mark_due_for_clicks(session, [click_id], self.now)

    def payout(self, said: Mapping[str, str]) -> None:
        self._settle()
        with self.ledger.writing() as session:
            payouts.add(
                self._desk(session), payouts.NewPayout(partner=self.id_of(said["partner"]), reference="transfer")
            )

    def no_payout(self, said: Mapping[str, str]) -> None:
        with pytest.raises(Conflict):
            self.payout(said)

    def _tell_shop(self, told: Told, change: Change) -> None:
        event = order_event(told.external_id, self.now, change)
        home = orders.Home(self.world.shop, self.world.brand, SHOP_ZONE, NET_FORMULA)
        with self.ledger.writing() as session:
            orders.record(session, home, [event], delivery_id=None, now=self.now, wall=self.now)

    def _retell(self, order: str, **changes: Any) -> None:
        told = self.told[order]
        values = {name: getattr(told.snapshot, name) for name in told.snapshot.__dataclass_fields__}
        told.snapshot = Snapshot(**{**values, **changes})
        self._tell_shop(told, told.snapshot)

    # --- what comes of it ---------------------------------------------------------------------------------------------

    def credited(self, said: Mapping[str, str]) -> None:
        expected = _amounts(said["credits"])
        wanted = models() if said.get("model") == "every model" else [said.get("model")]
        for model in wanted:
            _same(f"credited under {model}" if model else "credited", self._credits(said["order"], model), expected)

    def ruled(self, said: Mapping[str, str]) -> None:
        _same("rule", self._receipt(said["order"])["rule"]["name"], said["rule"])

    def came_out(self, said: Mapping[str, str]) -> None:
        _same("outcome", self._receipt(said["order"])["outcome"], said["outcome"])

    def journeyed(self, said: Mapping[str, str]) -> None:
        stops = [self.world.names[stop["partner"]] for stop in self._receipt(said["order"])["journey"]]
        _same("journey", stops, [] if said["partners"] == "nobody" else _words(said["partners"]))

    def lost(self, said: Mapping[str, str]) -> None:
        """Why a partner's touchpoint weighs nothing, or why a click or code stands in no journey."""
        receipt, loser = self._receipt(said["order"]), said["loser"]
        if loser in self.world.names.values():
            found = [stop.get("reason") for stop in receipt["journey"] if self.world.names[stop["partner"]] == loser]
        else:
            known = self.clicks.get(loser, loser)
            found = [one.get("reason") for one in receipt["candidates"] if known in (one.get("click"), one.get("code"))]
        _same("reasons", found, [said["reason"]] * max(1, len(found)))

    def drawn(self, said: Mapping[str, str]) -> None:
        query = (
            select(Receipt.version, Receipt.cause)
            .where(Receipt.order_id == self._order_id(said["order"]))
            .order_by(Receipt.version)
        )
        with self.ledger.session() as session:
            causes = [row.cause for row in session.execute(query)]
        _same("causes of the receipts", causes, _words(said["causes"]))

    def owed(self, said: Mapping[str, str]) -> None:
        """What is pending, approved and paid, signed: what was taken back lowers the state in which it stands."""
        with self.ledger.session() as session:
            query = commissions.CommissionQuery(partner=self.id_of(said["partner"]), limit=200)
            rows = commissions.page(self._desk(session), query).data
        sums: dict[str, Decimal] = {}
        for row in rows:
            sums[row.state] = sums.get(row.state, Decimal(0)) + Decimal(row.amount)
        found = {state: str(amount) for state, amount in sums.items() if amount}
        _same("owed", found, {state: amount for amount, state in _pairs(said["owed"])})

    def rows(self, said: Mapping[str, str]) -> None:
        with self.ledger.session() as session:
            query = commissions.CommissionQuery(partner=self.id_of(said["partner"]), limit=200)
            found = [(row.kind.value, row.amount) for row in commissions.page(self._desk(session), query).data]
        _same("commissions", found, _pairs(said["rows"]))

    def _credits(self, order: str, model: str | None) -> dict[str, str]:
        if model is None:
            receipt = self._receipt(order)
            model = next((name for name, one in receipt["models"].items() if one["paying"]), None)
        return self.world.credits(self._order_id(order), model or "last_click")

    def _receipt(self, order: str) -> Mapping[str, Any]:
        return self.world.receipt(self._order_id(order))

    # --- names --------------------------------------------------------------------------------------------------------

    def id_of(self, partner: str) -> str:
        """The id of a partner by name."""
        found = [partner_id for partner_id, name in self.world.names.items() if name == partner]
        if not found:
            raise Unclear(f"who is {partner}? The partners are {', '.join(self.world.names.values())}")
        return found[0]

    def _put(self, settings: dict[str, Any], said: Mapping[str, str]) -> None:
        """Set what is said at its dotted place; a campaign's name stands for its id."""
        *path, last = (self.campaigns.get(key, key) for key in said["key"].split("."))
        for key in path:
            settings = settings.setdefault(key, {})
        settings[last] = _value(said["value"])

    def _desk(self, session: Session) -> Desk:
        return Desk(session, self.world.brand, self.now, self.now, "https://go.example.com", "0" * 64)

    def _order_id(self, order: str) -> str:
        return orders.order_id(self.world.shop, self.told[order].external_id)

    def _code_id(self, code: str) -> str:
        return derived_id(self.world.brand, "code", normal(code))

    def _click_id(self, name: str) -> str:
        return derived_id(self.world.name, "story", name)

    def _carried(self, who: str, carrying: str | None) -> tuple[str, ...]:
        if carrying == "nothing":
            return ()
        if carrying is None:
            return (self.last_click[who],) if who in self.last_click else ()
        return tuple(self._click_id(name) for name in _words(carrying))


Action = Callable[[Storyteller, Mapping[str, str]], None]

_AT = rf"{MOMENT}\s+"
_PARTS = ("day", "hour", "minute", "second")
_WORDS = r"[\w.]+(?:(?:, | and )[\w.]+)*"
_SOME_DAY = r"day -?\d+(?: \d\d:\d\d(?::\d\d)?)?"
_RATES = ("percent", "flat", "returning_percent", "returning_flat", "assist_percent")
_TERMS = (
    r"(?P<partner>\w+)(?: in (?P<campaign>\w+))?: "
    r"(?:(?P<percent>[\d.]+) %|(?P<flat>[\d.]+) an order)"
    r"(?:, (?:(?P<returning_percent>[\d.]+) %|(?P<returning_flat>[\d.]+)) of returning customers)?"
    r"(?:, (?P<assist_percent>[\d.]+) % for an assist)?(?:, held (?P<hold>\d+) days)?"
)
_SETTING = r"(?P<key>[\w.:]+) = (?P<value>.+)"

SENTENCES: dict[str, dict[str, Action]] = {
    "partners": {r"(?P<name>\w+): (?P<channel>\w+) (?P<kind>\w+)": Storyteller.partner},
    "campaigns": {r"(?P<name>\w+)": Storyteller.campaign},
    "links": {
        r"(?P<name>\w+): (?P<partner>\w+)(?: as (?P<channel>\w+))?(?: in (?P<campaign>\w+))?": Storyteller.link,
    },
    "codes": {
        r"(?P<code>\w+): (?P<partner>\w+)(?: in (?P<campaign>\w+))?"
        rf"(?: from (?P<since>{_SOME_DAY}))?(?: until (?P<until>{_SOME_DAY}))?": Storyteller.code,
    },
    "rules": {_SETTING: Storyteller.rule, r"as (?P<preset>\w+)": Storyteller.preset},
    "terms": {_TERMS: Storyteller.terms},
    "story": {
        rf"{_AT}(?P<who>a bot|\w+) clicks (?P<what>\w+)(?: on (?P<device>[\w ]+?))?(?P<unknown> without consent)?"
        r"(?: as (?P<click>\w+))?": Storyteller.click,
        rf"{_AT}late: (?P<who>a bot|\w+) clicked (?P<what>\w+)(?: on (?P<device>[\w ]+?))?"
        rf"(?P<unknown> without consent)? at (?P<at>{_SOME_DAY})(?: as (?P<click>\w+))?": Storyteller.click,
        rf"{_AT}(?P<who>\w+) orders (?P<order>\w+) for (?P<amount>[\d.]+)(?: (?P<currency>[A-Z]{{3}}))?"
        rf"(?: with (?P<codes>{_WORDS}))?(?: carrying (?P<carrying>{_WORDS}))?(?P<guest> as a guest)?"
        r"(?: from (?P<source>\w+))?(?P<unpaid> unpaid)?(?P<test> as a test)?": Storyteller.order,
        rf"{_AT}(?:(?P<amount>[\d.]+) of )?(?P<order>\w+) is refunded": Storyteller.refund,
        rf"{_AT}(?P<order>\w+) is edited to (?P<amount>[\d.]+)": Storyteller.edit,
        rf"{_AT}(?P<order>\w+) is (?P<status>paid|cancelled|deleted)": Storyteller.status,
        rf"{_AT}(?P<order>\w+) turns out to be (?P<who>\w+)'s": Storyteller.merge,
        rf"{_AT}(?P<click>\w+) turns out to be a bot": Storyteller.unmask,
        rf"{_AT}(?P<code>\w+) (?P<again>now )?belongs to (?P<partner>\w+)(?: since (?P<since>{_SOME_DAY}))?": (
            Storyteller.code
        ),
        rf"{_AT}from now on {_TERMS}": Storyteller.new_terms,
        rf"{_AT}(?P<partner>\w+) is given what is approved": Storyteller.payout,
        rf"{_AT}there is nothing to give to (?P<partner>\w+)": Storyteller.no_payout,
        rf"{_AT}the rules change: {_SETTING}": Storyteller.new_rules,
    },
    "expect": {
        r"(?P<order>\w+)(?: under (?P<model>\w+|every model))?: (?P<credits>nobody|\w+ [\d.]+(?:, \w+ [\d.]+)*)": (
            Storyteller.credited
        ),
        r"(?P<order>\w+) rule: (?P<rule>\w+)": Storyteller.ruled,
        r"(?P<order>\w+) outcome: (?P<outcome>\w+)": Storyteller.came_out,
        rf"(?P<order>\w+) journey: (?P<partners>{_WORDS})": Storyteller.journeyed,
        r"(?P<loser>\w+) loses (?P<order>\w+): (?P<reason>\w+)": Storyteller.lost,
        rf"(?P<order>\w+) receipts: (?P<causes>{_WORDS})": Storyteller.drawn,
        r"(?P<partner>\w+) is owed (?P<owed>nothing|-?[\d.]+ \w+(?:, -?[\d.]+ \w+)*)": Storyteller.owed,
        r"(?P<partner>\w+) commissions: (?P<rows>\w+ -?[\d.]+(?:, \w+ -?[\d.]+)*)": Storyteller.rows,
    },
}


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Line number, heading and text of every indented line that is no remark."""
    heading = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() in HEADINGS and not line.startswith(" "):
            heading = line.strip()
        elif line.startswith("  ") and line.strip():
            if not heading:
                raise Unclear(f"line {number} stands under no heading")
            yield number, heading, line.strip()


def _moment(said: Mapping[str, str]) -> datetime:
    hour, minute, second = (int(said.get(part, 0)) for part in ("hour", "minute", "second"))
    return DAY_ZERO + timedelta(days=int(said["day"]), hours=hour, minutes=minute, seconds=second)


def _when(text: str) -> datetime:
    found = re.fullmatch(MOMENT, text)
    assert found, text
    return _moment({name: value for name, value in found.groupdict().items() if value is not None})


def _words(text: str) -> list[str]:
    return [word for word in re.split(r", | and ", text) if word]


def _amounts(text: str) -> dict[str, str]:
    return {} if text == "nobody" else dict(_pairs(text))


def _pairs(text: str) -> list[tuple[str, str]]:
    return [] if text == "nothing" else [cast("tuple[str, str]", tuple(one.split(" "))) for one in text.split(", ")]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Unclear(f"{what}: {found}, expected {expected}")
