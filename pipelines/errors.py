"""Every failure that a person must act on, as one tree.

    BillEtlError
    ├── SettingError            a setting, an argument or accounts.toml is missing or wrong; nothing was asked
    ├── Busy                    another run holds the lock
    ├── RequestFailed           the API did not give what was asked
    │   ├── RequestRefused      permanent: the same request would be refused again
    │   │   ├── CredentialRefused   the key, the signature or the clock, for every action
    │   │   ├── ActionRefused       this action, for whomever it is asked; other actions are not affected
    │   │   ├── CustomerRefused     this customer is not the account's, or not readable by its role
    │   │   └── WriteRefused        an action that writes: never built, no flag turns this off
    │   └── RequestUnanswered   transient by rule, and still so after the client's total time
    │       └── Throttled           over the allowed rate
    ├── StorageFailed           the disk said no: full, read-only, no permission
    ├── CorruptFile             a landed file, ledger or state file cannot be read, or is not what its manifest says
    ├── UnreadableFile          a downloaded file is not what it should be; another download may be
    ├── AccountMismatch         the account's name is bound to another endpoint or role, or the home to other books
    └── BuildFailed             a model could not be built, or a release not be asked; readers keep the last release
        └── CheckFailed         rows break a structural check

Each leaf says whether a rerun can help (`rerun_helps`). Messages say what failed, for which account, customer and
month, the API's code and RequestId, and what to do. They never hold a secret. What does not belong here: handling them.
"""

from __future__ import annotations

from typing import ClassVar


class BillEtlError(Exception):
    """The root; its text is one clear message for the person who must act."""

    rerun_helps: ClassVar[bool] = False


class SettingError(BillEtlError):
    """A setting, an argument or accounts.toml is missing or wrong. The message names it and says what to do."""


class Busy(BillEtlError):
    """Another run holds the lock of this account and partition, or of the build."""

    rerun_helps = True


class RequestFailed(BillEtlError):
    """The API did not give what was asked: `action` of `account`, answered with `code` under `request_id`."""

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
    """Permanent: the same request would be refused again."""


class CredentialRefused(RequestRefused):
    """The key, the signature or the clock is wrong; every request of this account would be refused."""


class ActionRefused(RequestRefused):
    """The key's policy or the account's role does not allow this action, for whomever it is asked."""


class CustomerRefused(RequestRefused):
    """One customer is not the account's, or not readable by its role; the other customers are not affected."""


class WriteRefused(RequestRefused):
    """The action writes. This project only reads."""


class RequestUnanswered(RequestFailed):
    """Transient by rule, and not answered within the client's total time."""

    rerun_helps = True


class Throttled(RequestUnanswered):
    """The service said that the rate is over its limit, until the client's total time was up."""


class StorageFailed(BillEtlError):
    """The disk refused a write: full, read-only or no permission. The file that was there before is untouched."""

    rerun_helps = True


class CorruptFile(BillEtlError):
    """A file of ours cannot be read, or does not hold what its manifest says."""


class UnreadableFile(BillEtlError):
    """A downloaded file cannot be read as a table; `customer_uin` and `slice_params` name the subject that it is about."""

    rerun_helps = True

    def __init__(self, message: str, *, customer_uin: str | None, slice_params: str) -> None:
        super().__init__(message)
        self.customer_uin = customer_uin
        self.slice_params = slice_params


class AccountMismatch(BillEtlError):
    """The account's name is bound to another endpoint or role in this home."""


class BuildFailed(BillEtlError):
    """A model could not be built, or a query on a release is wrong; the last release stands."""


class CheckFailed(BuildFailed):
    """Rows break the structural check `check`; the last release stands."""

    def __init__(self, message: str, *, check: str) -> None:
        super().__init__(message)
        self.check = check
