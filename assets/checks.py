"""The SQL checks as asset checks: sentences in sql/checks/ that no row may break; one that does stops publication.

What a landing proves of itself is checked in `raw`.
"""

from collections.abc import Iterator

import dagster as dg

from pipelines.errors import CheckFailed
from pipelines.model import read_project

PROJECT = read_project()


def asset_key(full_name: str) -> dg.AssetKey:
    """Return the asset of a model or dataset, by the name that SQL reads it by: `staging.stg_customers`."""
    return dg.AssetKey(full_name.split("."))


_KEYS = {model.name: asset_key(model.full_name) for model in PROJECT.models}

SPECS = [
    dg.AssetCheckSpec(check.name, asset=_KEYS[check.model], description=check.description) for check in PROJECT.checks
]


def results(broken: CheckFailed | None) -> Iterator[dg.AssetCheckResult]:
    """Report every check as passed, or only the one that was broken: those after it did not run."""
    for check in PROJECT.checks:
        if broken is None or check.name == broken.check:
            yield dg.AssetCheckResult(
                asset_key=_KEYS[check.model],
                check_name=check.name,
                passed=broken is None,
                description=None if broken is None else str(broken),
            )
