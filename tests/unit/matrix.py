"""A matrix of cases as one test: every case is checked, and those that fail are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LONGEST_NAME = 200


def check_all(check: Callable[..., object], cases: Iterable[Any]) -> None:
    """Call `check` with each case (with the members of a tuple); fail with a list of the failing cases, or if none is.

    A case fails if `check` raises, as an `assert` does.
    """
    all_cases = list(cases)
    failed = []
    for case in all_cases:
        try:
            check(*case) if isinstance(case, tuple) else check(case)
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - whatever a case raises is its result
            failed.append(f"{case!r}"[:_LONGEST_NAME] + f": {type(error).__name__}: {error}")
    if not all_cases:
        pytest.fail("there are no cases")
    if failed:
        pytest.fail(f"{len(failed)} of {len(all_cases)} cases fail:\n" + "\n".join(failed), pytrace=False)
