"""A local stand-in for the API over HTTP on loopback, to try things out and for tests; strict where the API is known.

It shares no signing, pacing or decoding code with the client that talks to it. What it answers is made up, and all of
it follows from a seed: equal questions get equal answers, in any order and any process.
"""

from __future__ import annotations

from pipelines.sandbox.faults import Fault, Faults
from pipelines.sandbox.paging import PagingQuirk
from pipelines.sandbox.serving import Sandbox, serve
from pipelines.sandbox.signatures import Principal
from pipelines.sandbox.world import World

__all__ = ["Fault", "Faults", "PagingQuirk", "Principal", "Sandbox", "World", "serve"]
