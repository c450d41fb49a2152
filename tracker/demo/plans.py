"""What the brand of the demo plans, pays, counts and decides. Days are counted from the first of the four weeks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from tracker.demo.cast import COMPARED, GIFTS, HELD_OUT, LANTERNS, WINTER

# What is left of the net value once the goods are paid for, in percent; and what an hour of the brand's people costs.
MARGIN, HOUR = "55", "38.00"


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign: its days, what it is for and what it may cost."""

    name: str
    objective: str
    first: int
    last: int
    budget: str
    target_return: str
    tag: str
    brief: str
    mention: str = "Publicité"

    def fields(self, day: Callable[[float], date]) -> dict[str, object]:
        """As the API wants it; `day` tells the date of a day of the four weeks."""
        return {
            "name": self.name,
            "objective": self.objective,
            "starts_on": str(day(self.first)),
            "ends_on": str(day(self.last)),
            "budget": self.budget,
            "target_return": self.target_return,
            "brief": self.brief,
            "mention": self.mention,
            "utm": {"utm_source": "{partner}", "utm_campaign": self.tag},
        }


CAMPAIGNS = (
    Plan(
        WINTER,
        "sales",
        0,
        41,
        "7500.00",
        "5",
        "winter-lights",
        "Montrez la lumière chez vous, à la tombée du jour : une lampe, une histoire vraie, votre code à voix haute.\n"
        "À dire : réparable, garantie dix ans. À éviter : parler de prix avant d’avoir montré l’objet.",
    ),
    Plan(
        LANTERNS,
        "awareness",
        7,
        34,
        "3600.00",
        "5",
        "paper-lanterns",
        "Faites voler, plier, accrocher : que l’on voie cent lanternes en papier. #lanternesenpapier dans la légende.",
        "Collaboration commerciale",
    ),
    Plan(
        GIFTS,
        "new_customers",
        11,
        23,
        "1200.00",
        "5",
        "gift-sets",
        "Une idée cadeau pour quelqu’un qui ne nous connaît pas. Montrez le coffret ouvert ; le code dans les trois "
        "premières secondes.",
        "Collaboration commerciale",
    ),
)

# What is to be reached of a metric over a campaign's days.
GOALS = (
    (WINTER, "clicks", "5200"),
    (WINTER, "revenue", "48000.00"),
    (WINTER, "orders", "640"),
    (LANTERNS, "views", "1400000"),
    (LANTERNS, "return_ratio", "5"),
    (GIFTS, "new_customers", "55"),
)


@dataclass(frozen=True, slots=True)
class Expense:
    """Something spent on `day`: on the placement of a slug, or on a campaign, or on the brand as a whole."""

    day: int
    kind: str
    amount: str | None = None
    slug: str | None = None
    campaign: str | None = None
    retail: str | None = None
    hours: str | None = None
    note: str = ""
    spread: str = "equal"


EXPENSES = (
    Expense(1, "gift", "24.00", "noor", retail="59.00", note="Lanterne en laiton"),
    Expense(2, "gift", "31.00", "tomas-desk", retail="79.00", note="Lampe de bureau"),
    Expense(2, "fee", "340.00", "mei-tour"),
    Expense(8, "fee", "180.00", "mei-evening"),
    Expense(6, "fee", "320.00", "ines"),
    Expense(11, "fee", "160.00", "ines-box"),
    Expense(5, "gift", "46.00", "ines", retail="111.00", note="Bougies, trois parfums"),
    Expense(3, "fee", "240.00", "bilal-fix"),
    Expense(9, "fee", "150.00", "bilal-cosy"),
    Expense(5, "fee", "220.00", "saskia"),
    Expense(10, "fee", "240.00", "saskia-asmr"),
    Expense(13, "amplification", "180.00", "bilal-fix", note="Deux semaines, dix départements"),
    Expense(0, "hours", hours="12", campaign=WINTER, note="Choix des créateurs, briefs"),
    Expense(14, "hours", hours="9:30", campaign=WINTER, note="Suivi, deux décisions"),
    Expense(0, "production", "260.00", campaign=WINTER, note="Photos pour les partenaires"),
    Expense(8, "fee", "780.00", "juno"),
    Expense(11, "fee", "950.00", "ravi"),
    Expense(12, "amplification", "350.00", "juno"),
    Expense(7, "production", "320.00", campaign=LANTERNS, note="Cent lanternes pour la rue"),
    Expense(7, "hours", hours="8", campaign=LANTERNS),
    Expense(12, "fee", "90.00", "mei-story"),
    Expense(12, "fee", "180.00", "ines-live"),
    Expense(11, "gift", "54.00", "ines-live", retail="133.50", note="Coffrets pour le direct"),
    Expense(11, "hours", hours="3", campaign=GIFTS),
    Expense(4, "agency", "350.00", note="Conseil juridique, mentions obligatoires", spread="revenue"),
)


@dataclass(frozen=True, slots=True)
class Counted:
    """What a placement shows at the end; None is what its network does not show."""

    views: int
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    hashtag_uses: int | None = None


COUNTED = {
    "noor": Counted(11_800, 940, 61, 38, 52),
    "tomas-desk": Counted(6_200, 510, 24, 9, 31),
    "mei-tour": Counted(24_600, 1_480, 132, 61, None),
    "mei-evening": Counted(31_200, 2_050, 118, 140, 260),
    "mei-story": Counted(9_400, None, 85, None, None),
    "ines": Counted(58_000, 4_300, 260, 190, 880),
    "ines-box": Counted(41_500, 2_600, 150, 96, 310),
    "ines-live": Counted(12_700, 3_100, 640, None, None),
    "bilal-fix": Counted(38_400, 2_350, 210, 170, None),
    "bilal-cosy": Counted(27_900, 1_620, 74, 88, 190),
    "bilal-desk": Counted(22_300, 1_240, 58, 47, 150),
    "saskia": Counted(52_000, 5_200, 190, 260, 340),
    # Everybody liked it, hardly anybody bought.
    "saskia-asmr": Counted(412_000, 48_700, 1_350, 2_900, 3_100),
    "juno": Counted(690_000, 51_000, 2_100, 4_800, 5_400, 310),
    "ravi": Counted(505_000, 27_400, 3_050, 1_900, None, 140),
    "fern-ember": Counted(15_300, 720, 33, 12, 64),
    "shelf-lamps": Counted(7_900),
    "shelf-gifts": Counted(6_100),
}
TOLD_BY_AGENCY = ("juno", "ravi")
COUNTED_AFTER = (1, 2, 4, 7, 12)  # days since the publication

# Day, campaign, about what, whose, and in words.
DECISIONS = (
    (13, WINTER, "budget", "Bilal Fontaine", "Vidéo de Bilal amplifiée : elle vend deux fois mieux que la moyenne."),
    (17, WINTER, "influencer", "Saskia Thorne", "Pas de troisième vidéo avec Saskia : très aimée, presque rien vendu."),
    (18, WINTER, "message", None, "« Réparable » passe en première phrase dans tous les briefs."),
    (16, LANTERNS, "creative", "Juno Bakker", "Le prix et le code à l’écran dès la deuxième seconde."),
)

BENCHMARKS = (
    ("engagement_rate", "4.1", "micro", "Baromètre (exemple inventé), 2026"),
    ("cvr", "2.2", None, "Panel boutiques déco (exemple inventé), 2026"),
    ("cpm", "9.50", "macro", "Baromètre (exemple inventé), 2026"),
)

HOLDOUT = {
    "name": "Sans amplification dans cinq départements",
    "held_out": [f"FR-{department}" for department in HELD_OUT],
    "compared": [f"FR-{department}" for department in COMPARED],
}

# Days before today, whose, whether from the partner, and the words.
MESSAGES = (
    (20, "Mei Okafor", False, "Merci pour la visite guidée ! Le lien dans la description marche très bien."),
    (19, "Mei Okafor", True, "Avec plaisir. Est-ce que je peux faire une version courte pour TikTok ?"),
    (19, "Mei Okafor", False, "Oui, volontiers : cinq lampes, une soirée. Le brief est sur votre page."),
    (6, "Ines Carvalho", False, "Le direct a très bien marché : 640 commentaires. On en refait un en décembre ?"),
    (2, "Ines Carvalho", True, "Oui ! Mon code circule sur un site de bons de réduction, vous l’avez vu ?"),
    (1, "Bilal Fontaine", True, "Quand part le virement de ce mois-ci ?"),
)
DISPUTED = (
    (
        3,
        "Ines Carvalho",
        "Cette cliente m’a écrit pendant le direct, elle est venue par moi. Pouvez-vous regarder ?",
        None,
    ),
    (
        9,
        "Mei Okafor",
        "La commande vient de ma vidéo, pas du site de bons.",
        "Le reçu montre votre clic en premier et celui du site quatre jours plus tard : la règle paie le dernier.",
    ),
)
PAID = "Mei Okafor"

# Who signs in, beside the owner: address, role, and which partner.
PEOPLE = (
    ("marketer@example.com", "marketer", None),
    ("viewer@example.com", "viewer", None),
    ("mei@example.com", "partner", "Mei Okafor"),
    ("ines@example.com", "partner", "Ines Carvalho"),
)
