"""Tracker: a sale travels from an influencer's link to a credited report.

visitor ── GET /r/<slug> ──▶ web.redirect ──▶ journal ──▶ shipper ──▶ Redis stream ──▶ workers.clicks ──┐
shop ───── POST /webhooks ─▶ web.webhooks ──▶ inbox ───── (RQ rings) ────────────────▶ workers.orders ──┤
                                                                                                        ▼
marketer ◀─ reports, API ◀──────────────────────────── LEDGER: facts ▶ workers.attribution ▶ conclusions
"""

from __future__ import annotations

__version__ = "0.1.0"
