"""Failures that a person must act on, as Dagster shows them: the message, no stack trace, no retry."""

import dagster as dg

from pipelines.errors import BillEtlError


def failure(errors: list[BillEtlError]) -> dg.Failure:
    """Return the failure that a step raises, with the errors' messages and, for the command line, their class names."""
    kinds = [type(error).__name__ for error in errors]
    messages = dict.fromkeys(map(str, errors))
    return dg.Failure("\n".join(messages), metadata={"kinds": dg.MetadataValue.json(kinds)}, allow_retries=False)
