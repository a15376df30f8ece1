"""A local stand-in for the Partner API over HTTP on loopback, for demos and tests. It is strict where the API is known.

It shares no signing, pacing or decoding code with the client. Its data is invented from a seed: equal requests get
equal answers, in any order and in any process.
"""

from __future__ import annotations

from pipelines.sandbox.faults import Fault, Faults
from pipelines.sandbox.paging import PagingQuirk
from pipelines.sandbox.serving import Sandbox, serve
from pipelines.sandbox.signatures import Principal
from pipelines.sandbox.world import World

__all__ = ["Fault", "Faults", "PagingQuirk", "Principal", "Sandbox", "World", "serve"]
