"""Requests to addresses that users can aim: no way into the operator's own network, and no way to hold us."""

from __future__ import annotations

from dynamic_api.outbound.client import Answer, Bounds, Outbound
from dynamic_api.outbound.resolve import Resolver, SystemResolver
from dynamic_api.outbound.tunnel import Tunnel

__all__ = ["Answer", "Bounds", "Outbound", "Resolver", "SystemResolver", "Tunnel"]
