"""The sandbox's answers: one function for each action, one module for each of the API's categories.

Links to files, and their content, are in `files`.

To add an action, write its function in its category's module and add it to that module's `ANSWERS`. It receives a
request with checked parameters and returns the reply's fields as JSON text. The gateway has already dealt with
signature, role, rate limit and faults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sandbox import files
from pipelines.sandbox.answers import bill, cost_explorer, credit, customer, policy, voucher

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.sandbox.api_request import Answer

ANSWERS: Mapping[str, Answer] = {
    **bill.ANSWERS,
    **cost_explorer.ANSWERS,
    **credit.ANSWERS,
    **customer.ANSWERS,
    **files.ANSWERS,
    **policy.ANSWERS,
    **voucher.ANSWERS,
}
