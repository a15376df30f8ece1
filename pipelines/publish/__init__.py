"""Everything made for readers: releases, and from them reports, statements, exports and generated pages."""

from __future__ import annotations

from pipelines.publish.release import Release, ReleaseState, build_and_publish, is_current, release_state
from pipelines.publish.summary import summary

__all__ = ["Release", "ReleaseState", "build_and_publish", "is_current", "release_state", "summary"]
