"""The release that readers open: built from what landed, copied read-only, swapped whole."""

from __future__ import annotations

from pipelines.publish.release import Release, build_and_publish, is_current
from pipelines.publish.summary import summary

__all__ = ["Release", "build_and_publish", "is_current", "summary"]
