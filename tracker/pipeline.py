"""The picture in code: how a click and an order become credits. Read this first.

Every function here is one transaction, safe to repeat, and leaves the ledger either before or after it.
"""

from __future__ import annotations
