"""What each error code of the API means for the one who asked: a table, and the rule of the longest prefix.

The codes are those of the service's error page (document 1085/51426) and of the official SDK; the treatment is ours.
How long a call goes on trying is `http`'s business.
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
    """What a code becomes, how often it may come (None: until total time is up), what to do when it did."""

    error: type[RequestFailed]
    tries: int | None
    advice: str


_LATER = "The service is having trouble; run again later. What has landed stays as it is."
_OUR_FAULT = (
    "The request itself is wrong: check the month and the customer asked for; if they are right, report it as a bug."
)
_NETWORK = "Check the network, the endpoint and any proxy, then run again."
_NOT_A_PARTNER = "Check BILL_ETL_ROLE, and which account the key belongs to."

_THROTTLED = Rule(
    Throttled,
    None,
    "Something else uses the same allowance (the console and other tools count too): "
    "run them at other times, or set a lower limit for this action in accounts.toml.",
)
_TROUBLE = Rule(RequestUnanswered, None, _LATER)
_UNREACHED = Rule(RequestUnanswered, None, _NETWORK)
_WRONG = Rule(RequestRefused, ONCE, _OUR_FAULT)
_NO_PARTNER = Rule(RequestRefused, ONCE, _NOT_A_PARTNER)
_ADDRESS = Rule(RequestRefused, ONCE, "Ask who manages the key to allow this machine's address.")
_CUSTOMER = Rule(
    CustomerRefused,
    ONCE,
    "The customer is not (or no longer) this account's, or its role may not read it; other customers are not affected.",
)

NO_PERMISSION = (
    "The account's role or the key's policy does not allow this action: check BILL_ETL_ROLE and the CAM policy."
)
"""What to do when a code about a customer answers a request that names none."""

UNKNOWN = Rule(
    RequestUnanswered,
    A_FEW,
    "The service does not say whether this passes: run again later; if it stays, ask its support with the RequestId.",
)
"""The rule of any code the table does not know: a few tries, then fail. A new code is as likely to pass as to stay, and
three tries harm neither."""

TRANSPORT = "HTTP"
"""The prefix of our own codes for what is no answer of the API: `HTTP.502`, `HTTP.Timeout`, `HTTP.NotJson` ..."""

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        TRANSPORT: _UNREACHED,
        "RequestLimitExceeded": _THROTTLED,
        "OperationDenied.ServiceBusy": _TROUBLE,
        "InternalError": _TROUBLE,
        "ServiceUnavailable": _TROUBLE,
        "ResourceUnavailable": _TROUBLE,
        # The only code of the voucher and download actions, for trouble that passes and for trouble that stays.
        "FailedOperation": UNKNOWN,
        "FailedOperation.UinNotAgent": _NO_PARTNER,
        "FailedOperation.InvalidSubAgentUin": _WRONG,
        "FailedOperation.UinInvalid": _WRONG,
        "AuthFailure": Rule(
            CredentialRefused, ONCE, "Check TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY and the key's CAM policy."
        ),
        "AuthFailure.UnauthorizedOperation": Rule(ActionRefused, ONCE, NO_PERMISSION),  # the CAM policy lacks it
        "AuthFailure.SignatureExpire": Rule(CredentialRefused, ONCE_MORE, "Set this machine's clock, then run again."),
        "UnauthorizedOperation": Rule(ActionRefused, ONCE, NO_PERMISSION),
        "UnauthorizedOperation.NotCustomerUin": _CUSTOMER,
        "UnauthorizedOperation.UinNoAuth": _CUSTOMER,
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
        "IpNotInWhitelist": _ADDRESS,
        "IpInBlacklist": _ADDRESS,
    }
)


def rule_for(code: str) -> Rule:
    """Return the rule of the longest prefix of `code` (whole words between dots) that the table knows, else UNKNOWN."""
    words = code.split(".")
    prefixes = (".".join(words[:count]) for count in range(len(words), 0, -1))
    return next((RULES[prefix] for prefix in prefixes if prefix in RULES), UNKNOWN)
