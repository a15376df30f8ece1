"""Everything made for readers: releases, and from them reports, statements, exports and generated pages."""

from __future__ import annotations

from pipelines.publish.release import Release, build_and_publish, is_current
from pipelines.publish.summary import summary

__all__ = ["Release", "build_and_publish", "is_current", "summary"]
