"""What the sandbox answers: one function for each action, in one table; a module for each of the API's categories.

Links to files have a module of their own (`files`), with what is in them.

To add an action, write its function in its category's module and put it in that module's `ANSWERS`. It gets a question
whose parameters have been checked and returns the reply's members as JSON text. Signatures, roles, limits and faults
were dealt with before (`gateway`).
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
