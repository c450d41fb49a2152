"""An address is believed only as far as it was seen by somebody we trust, and kept only as a network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LONGEST_CHAIN = 1000


@lru_cache(maxsize=4096)
def client_address(remote: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Who sent the request: the right-most hop that is not a trusted proxy; "" where that is no address.

    `remote` is the other end of the connection, `forwarded` the `X-Forwarded-For` it sent: heard only if `remote` is
    trusted, and read from the right, for what stands further left anybody may have written.
    """
    hop = _parsed(remote)
    for text in reversed(forwarded[-_LONGEST_CHAIN:].split(",") if forwarded else []):
        if hop is None or not any(hop in network for network in trusted):
            break
        hop = _parsed(text)
    return str(hop) if hop is not None else ""


@lru_cache(maxsize=4096)
def truncated(address: str) -> str | None:
    """The /24 or /48 of an address, such as 203.0.113.0/24; None where it is none."""
    parsed = _parsed(address)
    if parsed is None:
        return None
    return str(ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


def _parsed(text: str) -> Address | None:
    """An address as proxies write it: perhaps with a port, in brackets, with a zone, or IPv4 in IPv6 clothes."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
