"""The release as an asset: the one file that analysts open. The step `models` makes it."""

import dagster as dg

from pipelines.publish import Release, ReleaseState

RECONCILED = "every_month_is_complete_and_reconciled"
KEY = dg.AssetKey("release")


def spec(deps: list[dg.AssetKey]) -> dg.AssetSpec:
    """Return the spec of the release's asset, which depends on these assets."""
    return dg.AssetSpec(
        KEY,
        deps=deps,
        group_name="published",
        skippable=True,
        kinds={"duckdb"},
        description="warehouse/billing.duckdb: all published tables. Each release is a new file, swapped in one step.",
    )


CHECK = dg.AssetCheckSpec(
    RECONCILED,
    asset=KEY,
    description="Every month is complete and its lines add up to every summary. rpt_reconciliation names the others.",
)


def check_result(release: Release | ReleaseState) -> dg.AssetCheckResult:
    """Return the result of the release's check. Partial and unreconciled months are published, so they only warn."""
    passed = release.is_complete and release.is_reconciled
    return dg.AssetCheckResult(asset_key=KEY, check_name=RECONCILED, passed=passed, severity=dg.AssetCheckSeverity.WARN)


def result(release: Release) -> dg.MaterializeResult[None]:
    """Return the result of a published release."""
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
        check_results=[check_result(release)],
    )
