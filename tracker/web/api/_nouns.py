"""The catalog over HTTP: each noun's routes come from its operations, so that none has rules of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apiflask import APIBlueprint
from flask import Response

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
    disputes,
    goals,
    holdouts,
    links,
    messages,
    partners,
    payouts,
    people,
    placements,
    rules,
    shops,
    snapshots,
    terms,
)
from tracker.catalog.fields import Input, ListQuery, Output, Page
from tracker.outgoing import schedules, shared_links
from tracker.web.api import _doors
from tracker.web.api._doors import Door


@dataclass(frozen=True, slots=True)
class Noun:
    """What a noun's routes call."""

    name: str
    plural: str
    view: type[Output]
    query: type[ListQuery]
    new: type[Input] | None
    change: type[Input] | None
    page: Callable[[Desk, Any], Page[Any]]
    one: Callable[[Desk, str], Output]
    add: Callable[[Desk, Any], Output] | None
    edit: Callable[[Desk, str, Any], Output] | None
    added: type[Output] | None = None  # what the answer to `add` shows, where it is not the view
    removed: type[Output] | None = None
    remove: Callable[[Desk, str], Output] | None = None


NOUNS = (
    Noun("shop", "shops", shops.ShopView, shops.ShopQuery, shops.NewShop, shops.ShopChange,
         shops.page, shops.one, shops.add, shops.edit, shops.AddedShop),
    Noun("partner", "partners", partners.PartnerView, partners.PartnerQuery, partners.NewPartner,
         partners.PartnerChange, partners.page, partners.one, partners.add, partners.edit),
    Noun("campaign", "campaigns", campaigns.CampaignView, campaigns.CampaignQuery, campaigns.NewCampaign,
         campaigns.CampaignChange, campaigns.page, campaigns.one, campaigns.add, campaigns.edit),
    Noun("placement", "placements", placements.PlacementView, placements.PlacementQuery, placements.NewPlacement,
         placements.PlacementChange, placements.page, placements.one, placements.add, placements.edit),
    Noun("snapshot", "snapshots", snapshots.SnapshotView, snapshots.SnapshotQuery, snapshots.NewSnapshot, None,
         snapshots.page, snapshots.one, snapshots.add, None),
    Noun("link", "links", links.LinkView, links.LinkQuery, links.NewLink, links.LinkChange,
         links.page, links.one, links.add, links.edit),
    Noun("code", "codes", codes.CodeView, codes.CodeQuery, codes.NewCode, None,
         codes.page, codes.one, codes.add, None),
    Noun("holdout", "holdouts", holdouts.HoldoutView, holdouts.HoldoutQuery, holdouts.NewHoldout, None,
         holdouts.page, holdouts.one, holdouts.add, None),
    Noun("terms", "terms", terms.TermsView, terms.TermsQuery, terms.NewTerms, None,
         terms.page, terms.one, terms.add, None),
    Noun("schedule", "schedules", schedules.ScheduleView, schedules.ScheduleQuery, schedules.NewSchedule,
         schedules.ScheduleChange, schedules.page, schedules.one, schedules.add, schedules.edit),
    Noun("shared_link", "shared-links", shared_links.SharedLinkView, shared_links.SharedLinkQuery,
         shared_links.NewSharedLink, shared_links.SharedLinkChange, shared_links.page, shared_links.one,
         shared_links.add, shared_links.edit, shared_links.FreshSharedLink),
    Noun("cost", "costs", costs.CostView, costs.CostQuery, costs.NewCost, costs.CostChange,
         costs.page, costs.one, costs.add, costs.edit),
    Noun("goal", "goals", goals.GoalView, goals.GoalQuery, goals.NewGoal, goals.GoalChange,
         goals.page, goals.one, goals.add, goals.edit, None, goals.RemovedGoal, goals.remove),
    Noun("decision", "decisions", decisions.DecisionView, decisions.DecisionQuery, decisions.NewDecision,
         decisions.DecisionChange, decisions.page, decisions.one, decisions.add, decisions.edit),
    Noun("benchmark", "benchmarks", benchmarks.BenchmarkView, benchmarks.BenchmarkQuery, benchmarks.NewBenchmark, None,
         benchmarks.page, benchmarks.one, benchmarks.add, None, None, benchmarks.RemovedBenchmark, benchmarks.remove),
    Noun("conversion", "conversions", conversions.ConversionView, conversions.ConversionQuery,
         conversions.NewConversion, None, conversions.page, conversions.one, conversions.add, None),
    Noun("commission", "commissions", commissions.CommissionView, commissions.CommissionQuery, None, None,
         commissions.page, commissions.one, None, None),
    Noun("member", "members", people.MemberView, ListQuery, None, None, people.page, people.one, None, None),
    Noun("invitation", "invitations", people.InvitationView, ListQuery, people.NewInvitation, None,
         people.invitation_page, people.invitation, people.invite, None, people.FreshInvitation),
    Noun("payout", "payouts", payouts.PayoutView, payouts.PayoutQuery, payouts.NewPayout, None,
         payouts.page, payouts.one, payouts.add, None),
    Noun("dispute", "disputes", disputes.DisputeView, disputes.DisputeQuery, None, disputes.DisputeChange,
         disputes.page, disputes.one, None, disputes.answer),
    Noun("message", "messages", messages.MessageView, messages.MessageQuery, messages.NewMessage, None,
         messages.page, messages.one, messages.add, None),
)  # fmt: skip


class SecretList(Output):
    """A shop's secrets in force."""

    data: list[shops.SecretView]


class OwnerList(Output):
    """A code's owners in time order."""

    data: list[codes.OwnerView]


def register(blueprint: APIBlueprint, door: Door) -> None:
    """Add the routes of the catalog."""
    _brand(blueprint, door)
    _rules(blueprint, door)
    for noun in NOUNS:
        _list(blueprint, door, noun)
        _one(blueprint, door, noun)
        _add(blueprint, door, noun)
        _edit(blueprint, door, noun)
        _remove(blueprint, door, noun)
    _secrets(blueprint, door)
    _owners(blueprint, door)


def _brand(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.get("/brand")
    @blueprint.output(brands.BrandView)
    @blueprint.doc(summary="The key's brand", tags=["brand"])
    def read_brand() -> Response:
        return _doors.json(door.read(brands.one))

    @blueprint.patch("/brand")
    @blueprint.input(brands.BrandChange)
    @blueprint.output(brands.BrandView)
    @blueprint.doc(summary="Change the key's brand", tags=["brand"])
    def change_brand(json_data: brands.BrandChange) -> Response:
        return door.write(lambda desk: brands.edit(desk, json_data))


def _rules(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.get("/rules")
    @blueprint.output(rules.RulesView)
    @blueprint.doc(summary="The rules under which orders are credited now", tags=["rules"])
    def read_rules() -> Response:
        return _doors.json(door.read(rules.current))

    @blueprint.post("/rules")
    @blueprint.input(rules.NewRules)
    @blueprint.output(rules.RulesView, status_code=201)
    @blueprint.doc(summary="A new version of the rules, for orders placed from now on", tags=["rules"], responses=[409])
    def change_rules(json_data: rules.NewRules) -> Response:
        return door.write(lambda desk: rules.change(desk, json_data), status=201)


def _list(blueprint: APIBlueprint, door: Door, noun: Noun) -> None:
    @blueprint.get(f"/{noun.plural}", endpoint=f"list_{noun.plural}")
    @blueprint.input(noun.query, location="query")
    @blueprint.output(Page[noun.view])  # type: ignore[name-defined]
    @blueprint.doc(summary=f"A page of the brand's {noun.plural}", tags=[noun.plural])
    def read(query_data: Any) -> Response:
        return _doors.json(door.read(lambda desk: noun.page(desk, query_data)))


def _one(blueprint: APIBlueprint, door: Door, noun: Noun) -> None:
    @blueprint.get(f"/{noun.plural}/<{noun.name}_id>", endpoint=f"read_{noun.name}")
    @blueprint.output(noun.view)
    @blueprint.doc(summary=f"One of the brand's {noun.plural}", tags=[noun.plural])
    def read(**path: str) -> Response:
        (row_id,) = path.values()
        return _doors.json(door.read(lambda desk: noun.one(desk, row_id)))


def _add(blueprint: APIBlueprint, door: Door, noun: Noun) -> None:
    new, add_one = noun.new, noun.add
    if new is None or add_one is None:
        return
    added = noun.name if noun.name == noun.plural else f"a {noun.name}"

    @blueprint.post(f"/{noun.plural}", endpoint=f"add_{noun.name}")
    @blueprint.input(new)
    @blueprint.output(noun.added or noun.view, status_code=201)
    @blueprint.doc(
        summary=f"Add {added}",
        tags=[noun.plural],
        responses=[409],
    )
    def add(json_data: Any) -> Response:
        location = f"{blueprint.url_prefix}/{noun.plural}"
        return door.write(lambda desk: add_one(desk, json_data), status=201, location=location)


def _edit(blueprint: APIBlueprint, door: Door, noun: Noun) -> None:
    change, edit = noun.change, noun.edit
    if change is None or edit is None:
        return

    @blueprint.patch(f"/{noun.plural}/<{noun.name}_id>", endpoint=f"change_{noun.name}")
    @blueprint.input(change)
    @blueprint.output(noun.view)
    @blueprint.doc(summary=f"Change a {noun.name}", tags=[noun.plural], responses=[409])
    def change_it(json_data: Any, **path: str) -> Response:
        (row_id,) = path.values()
        return door.write(lambda desk: edit(desk, row_id, json_data))


def _remove(blueprint: APIBlueprint, door: Door, noun: Noun) -> None:
    removed, remove = noun.removed, noun.remove
    if removed is None or remove is None:
        return

    @blueprint.delete(f"/{noun.plural}/<{noun.name}_id>", endpoint=f"remove_{noun.name}")
    @blueprint.output(removed)
    @blueprint.doc(summary=f"Take a {noun.name} back", tags=[noun.plural])
    def remove_it(**path: str) -> Response:
        (row_id,) = path.values()
        return door.write(lambda desk: remove(desk, row_id))


def _secrets(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.get("/shops/<shop_id>/secrets")
    @blueprint.output(SecretList)
    @blueprint.doc(summary="A shop's secrets in force, by their last characters", tags=["shops"])
    def list_secrets(shop_id: str) -> Response:
        return _doors.json(door.read(lambda desk: SecretList(data=shops.secrets(desk, shop_id))))

    @blueprint.post("/shops/<shop_id>/secrets")
    @blueprint.input(shops.NewSecret)
    @blueprint.output(shops.SecretView, status_code=201)
    @blueprint.doc(summary="Let a shop sign with one more secret", tags=["shops"], responses=[409])
    def add_secret(shop_id: str, json_data: shops.NewSecret) -> Response:
        location = f"{blueprint.url_prefix}/shops/{shop_id}/secrets"
        return door.write(lambda desk: shops.add_secret(desk, shop_id, json_data), status=201, location=location)

    @blueprint.delete("/shops/<shop_id>/secrets/<secret_id>")
    @blueprint.output(shops.ShopView)
    @blueprint.doc(summary="Take a secret out of force", tags=["shops"], responses=[409])
    def remove_secret(shop_id: str, secret_id: str) -> Response:
        return door.write(lambda desk: shops.remove_secret(desk, shop_id, secret_id))


def _owners(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.get("/codes/<code_id>/owners")
    @blueprint.output(OwnerList)
    @blueprint.doc(summary="Whose a code was, is and will be", tags=["codes"])
    def list_owners(code_id: str) -> Response:
        return _doors.json(door.read(lambda desk: OwnerList(data=codes.owners(desk, code_id))))

    @blueprint.post("/codes/<code_id>/owners")
    @blueprint.input(codes.NewOwner)
    @blueprint.output(codes.CodeView, status_code=201)
    @blueprint.doc(summary="Give a code to a partner, or to nobody, from a moment on", tags=["codes"])
    def give_code(code_id: str, json_data: codes.NewOwner) -> Response:
        return door.write(lambda desk: codes.give(desk, code_id, json_data), status=201)
