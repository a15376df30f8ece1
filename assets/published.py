"""The release as an asset: the one file that analysts open, made of all models by one step (`models`)."""

import dagster as dg

from pipelines.publish import Release

RECONCILED = "every_month_is_complete_and_reconciled"
KEY = dg.AssetKey("release")


def spec(deps: list[dg.AssetKey]) -> dg.AssetSpec:
    """Return the release's asset, downstream of the tables it holds."""
    return dg.AssetSpec(
        KEY,
        deps=deps,
        group_name="published",
        skippable=True,
        kinds={"duckdb"},
        description="warehouse/billing.duckdb: a whole new file for each release, swapped in one step.",
    )


CHECK = dg.AssetCheckSpec(
    RECONCILED,
    asset=KEY,
    description="Says whether every month is all there and ties out; rpt_reconciliation names those that do not.",
)


def result(release: Release) -> dg.MaterializeResult[None]:
    """Report a published release; months that are partial or do not reconcile are published, so they only warn."""
    flagged = not (release.is_complete and release.is_reconciled)
    return dg.MaterializeResult(
        asset_key=KEY,
        metadata={
            "release_id": dg.MetadataValue.text(release.release_id),
            "path": dg.MetadataValue.path(release.path),
            "is_complete": dg.MetadataValue.bool(release.is_complete),
            "is_reconciled": dg.MetadataValue.bool(release.is_reconciled),
            "months_built": dg.MetadataValue.json(list(release.months)),
            "seconds": dg.MetadataValue.float(round(release.seconds, 3)),
        },
        check_results=[
            dg.AssetCheckResult(
                asset_key=KEY, check_name=RECONCILED, passed=not flagged, severity=dg.AssetCheckSeverity.WARN
            )
        ],
    )
