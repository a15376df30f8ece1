"""Every failure that a person must act on, as one tree.

    BillEtlError
    ├── SettingError            a setting, an argument or accounts.toml is missing or wrong; nothing was requested
    ├── Busy                    another run holds the lock
    ├── RequestFailed           the API did not give what was requested
    │   ├── RequestRefused      permanent: the same request would be refused again
    │   │   ├── CredentialRefused   the key, the signature or the clock is wrong; affects every action
    │   │   ├── ActionRefused       this action, for every customer; other actions are not affected
    │   │   ├── CustomerRefused     this customer is not the account's, or its role may not read it
    │   │   └── WriteRefused        the action writes; this project only reads, and no setting changes that
    │   └── RequestUnanswered   transient, but not over within the client's total time
    │       └── Throttled           over the rate limit
    ├── StorageFailed           the disk refused a write: full, read-only, no permission
    ├── CorruptFile             a landed file, ledger or state file cannot be read or contradicts its manifest
    ├── UnreadableFile          a downloaded file is not as expected; another download may be
    ├── AccountMismatch         the account's name is bound to another endpoint or role, or the home to another service
    └── BuildFailed             a model could not be built, or a query on a release is wrong; the last release stays
        └── CheckFailed         rows break a structural check

`rerun_helps` says for each class whether another run can help. Messages say what failed, for which account, customer
and month, with the API's code and RequestId, and what to do. They never hold a secret.
"""

from __future__ import annotations

from typing import ClassVar


class BillEtlError(Exception):
    """Base class of all failures. The text is a complete message for the person who must act."""

    rerun_helps: ClassVar[bool] = False


class SettingError(BillEtlError):
    """A setting, an argument or accounts.toml is missing or wrong. The message names it and what to change."""


class Busy(BillEtlError):
    """Another run holds the lock of this account and partition, or of the build."""

    rerun_helps = True


class RequestFailed(BillEtlError):
    """The API did not give what was requested.

    `code` and `request_id` are the API's, or `code` is one of the client's own.
    """

    def __init__(
        self,
        message: str,
        *,
        action: str,
        code: str,
        request_id: str | None = None,
        customer_uin: str | None = None,
    ) -> None:
        super().__init__(message)
        self.action = action
        self.code = code
        self.request_id = request_id
        self.customer_uin = customer_uin


class RequestRefused(RequestFailed):
    """The API refuses the request for good: the same request would be refused again."""


class CredentialRefused(RequestRefused):
    """The key, the signature or the clock is wrong. Every request of this account would be refused."""


class ActionRefused(RequestRefused):
    """The key's policy or the account's role does not allow this action, for any customer."""


class CustomerRefused(RequestRefused):
    """One customer is not the account's, or its role may not read it. Other customers are not affected."""


class WriteRefused(RequestRefused):
    """The action writes. This project only reads."""


class RequestUnanswered(RequestFailed):
    """A transient failure that was not over within the client's total time."""

    rerun_helps = True


class Throttled(RequestUnanswered):
    """The service kept answering that the rate limit is exceeded, until the client's total time was up."""


class StorageFailed(BillEtlError):
    """The disk refused a write: full, read-only or no permission. The previous file is unchanged."""

    rerun_helps = True


class CorruptFile(BillEtlError):
    """A landed file, ledger or state file cannot be read, or does not hold what its manifest says."""


class UnreadableFile(BillEtlError):
    """A downloaded file cannot be read as a table. `customer_uin` and `slice_params` name the slice it belongs to."""

    rerun_helps = True

    def __init__(self, message: str, *, customer_uin: str | None, slice_params: str) -> None:
        super().__init__(message)
        self.customer_uin = customer_uin
        self.slice_params = slice_params


class AccountMismatch(BillEtlError):
    """In this home, the account's name is bound to another endpoint or role, or the home to another service."""


class BuildFailed(BillEtlError):
    """A model could not be built, or a query on a release is wrong. The last release stays."""


class CheckFailed(BuildFailed):
    """Rows break the structural check named `check`. The last release stays."""

    def __init__(self, message: str, *, check: str) -> None:
        super().__init__(message)
        self.check = check
