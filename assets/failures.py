"""How a failure that a person must act on reaches Dagster: its own text, no stack trace, no step retry."""

import dagster as dg

from pipelines.errors import BillEtlError


def failure(errors: list[BillEtlError]) -> dg.Failure:
    """Return what a step raises: the texts of the errors, and their kinds for the command line."""
    kinds = [type(error).__name__ for error in errors]
    texts = dict.fromkeys(map(str, errors))
    return dg.Failure("\n".join(texts), metadata={"kinds": dg.MetadataValue.json(kinds)}, allow_retries=False)
