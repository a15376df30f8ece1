"""Pages become one Parquet file per partition, whole or not at all; no value is interpreted, no network asked."""

from __future__ import annotations

from pipelines.land.disk import storage_failures
from pipelines.land.drift import Sighting, drift_of
from pipelines.land.landing import LINEAGE, Target, land, landed, texts, verify
from pipelines.land.manifest import (
    LandedCustomer,
    LandedFile,
    Manifest,
    landed_digests,
    landed_files,
    read_manifest,
)
from pipelines.land.merging import Pulled
from pipelines.land.tables import file_pages

__all__ = [
    "LINEAGE",
    "LandedCustomer",
    "LandedFile",
    "Manifest",
    "Pulled",
    "Sighting",
    "Target",
    "drift_of",
    "file_pages",
    "land",
    "landed",
    "landed_digests",
    "landed_files",
    "read_manifest",
    "storage_failures",
    "texts",
    "verify",
]
