"""The words of a judgement: every loser has a reason and every judgement its rule, each with a sentence people read."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a candidate, a touchpoint or a whole order earns nothing. A new one goes to the end: its place numbers it."""

    NOT_HUMAN = "not_human"
    NO_PARTNER = "no_partner"
    AFTER_ORDER = "after_order"
    OUTSIDE_WINDOW = "outside_window"
    BEFORE_PREVIOUS_ORDER = "before_previous_order"
    CODE_WITHOUT_OWNER = "code_without_owner"
    ANOTHER_CODE_CAME_FIRST = "another_code_came_first"
    CHANNEL_EARNS_NOTHING = "channel_earns_nothing"
    CODE_OF_ANOTHER_PARTNER = "code_of_another_partner"
    CLICK_OF_ANOTHER_PARTNER = "click_of_another_partner"
    TEST_ORDER = "test_order"
    CANCELLED_ORDER = "cancelled_order"
    DELETED_ORDER = "deleted_order"
    EXCLUDED_SOURCE = "excluded_source"
    REPEATED_CLICK = "repeated_click"
    ANOTHER_CODE_CAME_LAST = "another_code_came_last"
    INFLUENCE_CODE_COUNTS = "influence_code_counts"
    CODE_OWNER_NOT_INVOLVED = "code_owner_not_involved"
    CODE_OWNER_NOT_WINNER = "code_owner_not_winner"
    CODE_UNEARNED = "code_unearned"
    ONLY_NEW_CUSTOMERS = "only_new_customers"
    ONLY_RETURNING_CUSTOMERS = "only_returning_customers"
    ANOTHER_CHANNEL_CAME_LAST = "another_channel_came_last"
    ANOTHER_CHANNEL_CAME_FIRST = "another_channel_came_first"
    INFLUENCE_IS_PROTECTED = "influence_is_protected"
    INFLUENCE_IN_JOURNEY = "influence_in_journey"
    WEAKER_EVIDENCE = "weaker_evidence"

    @property
    def number(self) -> int:
        """The number under which people cite the reason; it never changes."""
        return _NUMBERS[self]


_NUMBERS = {reason: number for number, reason in enumerate(Reason, start=1)}

SENTENCES: dict[Reason, str] = {
    Reason.NOT_HUMAN: "The click was made by a program, not by a person.",
    Reason.NO_PARTNER: "The click belongs to no partner's link.",
    Reason.AFTER_ORDER: "The click came after the order.",
    Reason.OUTSIDE_WINDOW: "The click is older than the lookback window allows.",
    Reason.BEFORE_PREVIOUS_ORDER: "The click came before the customer's previous order.",
    Reason.CODE_WITHOUT_OWNER: "The code belonged to nobody when the order was placed.",
    Reason.ANOTHER_CODE_CAME_FIRST: "Another partner's code stands before it on the order, and the first code counts.",
    Reason.CHANNEL_EARNS_NOTHING: "Its channel is shown in journeys but earns nothing.",
    Reason.CODE_OF_ANOTHER_PARTNER: "Another partner's code was used, and the code's owner wins.",
    Reason.CLICK_OF_ANOTHER_PARTNER: "There is a click in the journey, and a click wins over a code.",
    Reason.TEST_ORDER: "The order is a test.",
    Reason.CANCELLED_ORDER: "The order was cancelled.",
    Reason.DELETED_ORDER: "The order was deleted.",
    Reason.EXCLUDED_SOURCE: "Orders from this source are credited to nobody.",
    Reason.REPEATED_CLICK: "The same partner's next click came so soon after it that only that one counts.",
    Reason.ANOTHER_CODE_CAME_LAST: "Another partner's code stands after it on the order, and the last code counts.",
    Reason.INFLUENCE_CODE_COUNTS: "A code of an influence partner is on the order too, and counts before it.",
    Reason.CODE_OWNER_NOT_INVOLVED: "The code counts only if a click of its owner is in the journey, and none is.",
    Reason.CODE_OWNER_NOT_WINNER: "The code counts only if the last click is its owner's, and it is not.",
    Reason.CODE_UNEARNED: "A code was used that its owner did not earn this sale with: it is credited to nobody.",
    Reason.ONLY_NEW_CUSTOMERS: "Its channel earns from new customers only, and this one has bought before.",
    Reason.ONLY_RETURNING_CUSTOMERS: "Its channel earns from returning customers only; this one is not known as one.",
    Reason.ANOTHER_CHANNEL_CAME_LAST: "The other channel had the last touchpoint, and the last channel takes all.",
    Reason.ANOTHER_CHANNEL_CAME_FIRST: "The other channel had the first touchpoint, and the first channel takes all.",
    Reason.INFLUENCE_IS_PROTECTED: "The click came too shortly before the order to take anything from influence.",
    Reason.INFLUENCE_IN_JOURNEY: "Influence had a hand in this order, and affiliates earn only where it had none.",
    Reason.WEAKER_EVIDENCE: "Another touchpoint is tied to the order by stronger evidence.",
}


class Rule(StrEnum):
    """The rule that decided who may earn."""

    NO_TOUCHPOINT = "no_touchpoint"
    ORDER_EARNS_NOTHING = "order_earns_nothing"
    SOLE_PARTNER = "sole_partner"
    CODE_OWNER_WINS = "code_owner_wins"
    CLICK_WINS = "click_wins"
    ALL_SHARE = "all_share"
    STRONGEST_EVIDENCE = "strongest_evidence"
    LAST_CHANNEL = "last_channel"
    FIRST_CHANNEL = "first_channel"
    INFLUENCE_PROTECTED = "influence_protected"
    INFLUENCE_BEFORE_AFFILIATES = "influence_before_affiliates"
    KIND_OF_CUSTOMER = "kind_of_customer"
    NONE_MAY_EARN = "none_may_earn"


RULE_SENTENCES: dict[Rule, str] = {
    Rule.NO_TOUCHPOINT: "No touchpoint of a partner may earn from this order.",
    Rule.ORDER_EARNS_NOTHING: "This order earns nothing, whoever had a hand in it.",
    Rule.SOLE_PARTNER: "One partner alone had a hand in this order.",
    Rule.CODE_OWNER_WINS: "A partner's code was used: only its owner's touchpoints may earn.",
    Rule.CLICK_WINS: "Codes and clicks of several partners: only touchpoints with a click may earn.",
    Rule.ALL_SHARE: "Every touchpoint of the journey weighs.",
    Rule.STRONGEST_EVIDENCE: "Several partners had a hand in it: only touchpoints of the strongest evidence may earn.",
    Rule.LAST_CHANNEL: "Both channels had a hand in it: only touchpoints of the last one may earn.",
    Rule.FIRST_CHANNEL: "Both channels had a hand in it: only touchpoints of the first one may earn.",
    Rule.INFLUENCE_PROTECTED: "Influence had a hand in it: late clicks on sites such as coupons take nothing from it.",
    Rule.INFLUENCE_BEFORE_AFFILIATES: "Influence had a hand in it: only its touchpoints may earn.",
    Rule.KIND_OF_CUSTOMER: "Only channels that earn from this kind of customer, new or returning, may earn.",
    Rule.NONE_MAY_EARN: "Partners had a hand in this order, but none of their touchpoints may earn from it.",
}
