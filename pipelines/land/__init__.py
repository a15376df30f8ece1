"""Lands pulled pages as one Parquet file per partition, whole or not at all.

Values stay text as the API sent them. No requests are sent here.
"""

from __future__ import annotations

from pipelines.land.bill_files import file_pages
from pipelines.land.disk import storage_failures
from pipelines.land.drift import Sighting, drift_of
from pipelines.land.landing import LINEAGE, Partition, land, landed, texts, verify
from pipelines.land.manifest import (
    UNREADABLE_DIGEST,
    LandedFile,
    Manifest,
    SetAsideFile,
    SliceState,
    landed_digests,
    landed_files,
    read_manifest,
    set_aside,
    set_aside_unreadable,
    unreadable_files,
)
from pipelines.land.merging import Pulled

__all__ = [
    "LINEAGE",
    "UNREADABLE_DIGEST",
    "LandedFile",
    "Manifest",
    "Partition",
    "Pulled",
    "SetAsideFile",
    "Sighting",
    "SliceState",
    "drift_of",
    "file_pages",
    "land",
    "landed",
    "landed_digests",
    "landed_files",
    "read_manifest",
    "set_aside",
    "set_aside_unreadable",
    "storage_failures",
    "texts",
    "unreadable_files",
    "verify",
]
