"""The rule for each error code of the API: which error it becomes, how often to try, and what to advise.

The codes are from the service's error page (document 1085/51426) and the official SDK; the rules are this project's.
`http` decides how long a call is retried in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipelines.errors import (
    ActionRefused,
    CredentialRefused,
    CustomerRefused,
    RequestFailed,
    RequestRefused,
    RequestUnanswered,
    Throttled,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ONCE = 1
ONCE_MORE = 2
A_FEW = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """How to treat an error code.

    `error` is the exception to raise, `tries` the number of attempts (None: until the call's total time is up),
    `advice` the part of the message that says what to do.
    """

    error: type[RequestFailed]
    tries: int | None
    advice: str


_RUN_LATER = "The service has a problem: run again later. Landed data is unchanged."
_WRONG_REQUEST = "The request itself is wrong: check the month and the customer. If they are right, report it as a bug."
_NETWORK = "Check the network, the endpoint and any proxy, then run again."
_NOT_A_PARTNER = "Check BILL_ETL_ROLE and which account the key belongs to."

_THROTTLED = Rule(
    Throttled,
    None,
    "Other programs use the same rate limit (the console and other tools count too): "
    "run them at other times, or set a lower limit for this action in accounts.toml.",
)
_SERVICE_FAILS = Rule(RequestUnanswered, None, _RUN_LATER)
_NOT_REACHED = Rule(RequestUnanswered, None, _NETWORK)
_WRONG = Rule(RequestRefused, ONCE, _WRONG_REQUEST)
_NOT_THE_PARTNER = Rule(RequestRefused, ONCE, _NOT_A_PARTNER)
_ADDRESS_REFUSED = Rule(RequestRefused, ONCE, "Ask the key's administrator to allow this machine's address.")
_CUSTOMER_REFUSED = Rule(
    CustomerRefused,
    ONCE,
    "The customer is not (or no longer) this account's, or its role may not read it. Other customers are not affected.",
)

NO_PERMISSION = (
    "The account's role or the key's policy does not allow this action: check BILL_ETL_ROLE and the CAM policy."
)
"""The advice when a code about a customer comes for a request that names no customer."""

UNKNOWN = Rule(
    RequestUnanswered,
    A_FEW,
    "It is not known if this is transient: run again later. If it stays, send the RequestId to the service's support.",
)
"""The rule for codes that are not in the table: a few attempts, then fail. Whether they are transient is not known."""

TRANSPORT = "HTTP"
"""The prefix of the client's own codes for failures below the API: `HTTP.502`, `HTTP.Timeout`, `HTTP.NotJson` ..."""

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        TRANSPORT: _NOT_REACHED,
        "RequestLimitExceeded": _THROTTLED,
        "OperationDenied.ServiceBusy": _SERVICE_FAILS,
        "InternalError": _SERVICE_FAILS,
        "ServiceUnavailable": _SERVICE_FAILS,
        "ResourceUnavailable": _SERVICE_FAILS,
        # The only code of the voucher and download actions, for transient and permanent failures alike.
        "FailedOperation": UNKNOWN,
        "FailedOperation.UinNotAgent": _NOT_THE_PARTNER,
        "FailedOperation.InvalidSubAgentUin": _WRONG,
        "FailedOperation.UinInvalid": _WRONG,
        "AuthFailure": Rule(
            CredentialRefused, ONCE, "Check TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY and the key's CAM policy."
        ),
        "AuthFailure.UnauthorizedOperation": Rule(ActionRefused, ONCE, NO_PERMISSION),  # the CAM policy lacks it
        "AuthFailure.SignatureExpire": Rule(CredentialRefused, ONCE_MORE, "Set this machine's clock, then run again."),
        "UnauthorizedOperation": Rule(ActionRefused, ONCE, NO_PERMISSION),
        "UnauthorizedOperation.NotCustomerUin": _CUSTOMER_REFUSED,
        "UnauthorizedOperation.UinNoAuth": _CUSTOMER_REFUSED,
        "InvalidParameter": _WRONG,
        "InvalidParameterValue": _WRONG,
        "MissingParameter": _WRONG,
        "UnknownParameter": _WRONG,
        "InvalidAction": _WRONG,
        "NoSuchVersion": _WRONG,
        "ActionOffline": _WRONG,
        "UnsupportedRegion": _WRONG,
        "RequestSizeLimitExceeded": _WRONG,
        "ResponseSizeLimitExceeded": _WRONG,
        "IpNotInWhitelist": _ADDRESS_REFUSED,
        "IpInBlacklist": _ADDRESS_REFUSED,
    }
)


def rule_for(code: str) -> Rule:
    """Return the rule for a code: that of its longest prefix in the table (whole words between dots), else UNKNOWN."""
    words = code.split(".")
    prefixes = (".".join(words[:count]) for count in range(len(words), 0, -1))
    return next((RULES[prefix] for prefix in prefixes if prefix in RULES), UNKNOWN)
