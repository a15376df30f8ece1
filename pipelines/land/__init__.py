"""Pages become one Parquet file per partition, whole or not at all; no value is interpreted, no network asked."""

from __future__ import annotations

from pipelines.land.disk import storage_failures
from pipelines.land.landing import LINEAGE, Pulled, Target, land, landed, texts, verify
from pipelines.land.manifest import LandedCustomer, LandedFile, Manifest, landed_files, read_manifest

__all__ = [
    "LINEAGE",
    "LandedCustomer",
    "LandedFile",
    "Manifest",
    "Pulled",
    "Target",
    "land",
    "landed",
    "landed_files",
    "read_manifest",
    "storage_failures",
    "texts",
    "verify",
]
