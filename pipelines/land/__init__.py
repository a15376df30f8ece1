"""Pages become one Parquet file per partition, whole or not at all; nothing here interprets a value or asks the network."""

from __future__ import annotations

from pipelines.land.landing import LINEAGE, Pulled, Target, land, landed, verify
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
    "verify",
]
