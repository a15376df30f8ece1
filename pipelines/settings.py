"""Settings from the environment, `.env` and accounts.toml. No other module reads these.

Settings are loaded when a run starts, never on import. They are immutable and typed; stages receive values from them.
Secrets are `SecretStr`: they do not show in repr, logs or messages. `customers_file` says where customers.csv is;
`publish` reads it.

`BILL_ETL_SANDBOX` is the address of a running sandbox; `make demo` and `make dev` set it. With it, `.env`,
accounts.toml, customers.csv and the `TENCENTCLOUD_*` variables are ignored, so that sandbox data and real data are
never mixed.
"""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
import tomllib
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from pipelines import __version__, paths
from pipelines.endpoints import ACTIONS, DATASETS
from pipelines.endpoints.profile import AccountProfile
from pipelines.endpoints.shapes import Paging, Role
from pipelines.errors import AccountMismatch, SettingError, StorageFailed
from pipelines.periods import BILLING_ZONE, BillingClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENDPOINT = "https://intlpartnersmgt.intl.tencentcloudapi.com"
DAILY_AT = time(9, 30)
"""When the daily runs start (UTC+8), unless BILL_ETL_DAILY_AT is set."""

SANDBOX_ACCOUNT = "sandbox"
SANDBOX_SECRET_ID = "AKIDsandboxsandboxsandboxsandbox"  # noqa: S105  valid for the local sandbox only
SANDBOX_SECRET_KEY = "sandboxsandboxsandboxsandboxsand"  # noqa: S105  valid for the local sandbox only

_NAME = r"^[a-z0-9][a-z0-9_-]{0,39}$"
_VariableName = Annotated[str, Field(pattern="^[A-Z][A-Z0-9_]*$")]
"""Strict, so that a secret pasted here by mistake is refused without being shown."""
_STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def is_loopback(host: str | None) -> bool:
    """Return whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


class PagingSetting(BaseModel):
    """Paging of an action that does not document its first page and largest page. If not set, it is found by trying."""

    model_config = _STRICT

    first: Annotated[int, Field(ge=0, le=1)] = 1
    size: Annotated[int, Field(ge=1, le=1000)]


class AccountOptions(BaseModel):
    """Options of an account that change what is requested for it. See `profile.AccountProfile`."""

    model_config = _STRICT

    extra_datasets: tuple[str, ...] = ()
    tag_keys: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    policy_codes: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    invitation_tokens: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    paging: dict[str, PagingSetting] = {}
    issued_bills: Literal["pages", "files"] = "pages"

    @field_validator("paging")
    @classmethod
    def _only_undocumented_actions(cls, paging: dict[str, PagingSetting]) -> dict[str, PagingSetting]:
        known = sorted(name for name, action in ACTIONS.items() if action.paging and not action.paging.documented)
        if unknown := sorted(paging.keys() - set(known)):
            raise ValueError(f"is for {', '.join(known)} only, not for {', '.join(unknown)}")
        return paging


class Account(AccountOptions):
    """One account: its access key, its role and its endpoint.

    `limits` are its own rate limits, in requests per second by action. `pacing_group` names a group of accounts whose
    requests the service counts together.
    """

    name: Annotated[str, Field(pattern=_NAME)]
    role: Role
    endpoint: str = ENDPOINT
    secret_id: SecretStr
    secret_key: SecretStr
    token: SecretStr | None = None
    limits: dict[str, Annotated[int, Field(ge=1, le=1000)]] = {}
    pacing_group: str | None = None

    @field_validator("endpoint")
    @classmethod
    def _https_or_loopback(cls, endpoint: str) -> str:
        address = urlsplit(endpoint)
        if not address.hostname or address.path not in ("", "/") or address.query or address.username:
            raise ValueError(f"must be an address such as {ENDPOINT}, without a path")
        if address.scheme != "https" and not (address.scheme == "http" and is_loopback(address.hostname)):
            raise ValueError("must begin with https:// (http:// is for endpoints on this machine only)")
        return endpoint.rstrip("/")

    @field_validator("secret_id", "secret_key", "token")
    @classmethod
    def _has_key_characters(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and not re.fullmatch(r"[!-~]+", secret.get_secret_value()):
            raise ValueError("has characters that no key has: look for a space or a line break that was copied with it")
        return secret

    @field_validator("limits")
    @classmethod
    def _known_actions(cls, limits: dict[str, int]) -> dict[str, int]:
        unknown = sorted(limits.keys() - ACTIONS.keys())
        if unknown:
            raise ValueError(f"has unknown actions: {', '.join(unknown)}")
        return limits

    @model_validator(mode="after")
    def _sandbox_is_local(self) -> Self:
        if self.name == SANDBOX_ACCOUNT and not is_loopback(self.host):
            raise ValueError("the account 'sandbox' can only use an endpoint on this machine")
        return self

    @model_validator(mode="after")
    def _extra_datasets_exist(self) -> Self:
        for name in self.extra_datasets:
            if name not in DATASETS or self.role not in DATASETS[name].action.roles:
                raise ValueError(f"extra_datasets: there is no dataset '{name}' for the role {self.role}")
        return self

    @property
    def host(self) -> str:
        """The endpoint's host name."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def profile(self) -> AccountProfile:
        """The account's profile: its role and the options that decide what is requested."""
        return AccountProfile(
            account=self.name,
            role=self.role,
            limits=self.limits,
            extra_datasets=frozenset(self.extra_datasets),
            tag_keys=self.tag_keys,
            policy_codes=self.policy_codes,
            invitation_tokens=self.invitation_tokens,
            paging={name: Paging(size=paging.size, first=paging.first) for name, paging in self.paging.items()},
            files_when_issued=self.issued_bills == "files",
        )


class Settings(BaseModel):
    """All settings of a run. `daily_at` is in UTC+8; with `masked`, personal data is published as masks."""

    model_config = _STRICT

    home: Path
    accounts: tuple[Account, ...]
    now: datetime | None = None
    pacing: Path
    daily_at: time = DAILY_AT
    masked: bool = True

    @property
    def clock(self) -> BillingClock:
        """The billing clock."""
        return BillingClock(self.now)

    @model_validator(mode="after")
    def _fixed_clock_is_local(self) -> Self:
        if self.now and not all(is_loopback(account.host) for account in self.accounts):
            raise ValueError("BILL_ETL_NOW is for endpoints on this machine only; unset it")
        return self

    def accounts_named(self, names: Sequence[str]) -> tuple[Account, ...]:
        """Return the accounts with these names, or all if none is given. Raises SettingError for an unknown name."""
        unknown = sorted(set(names) - {account.name for account in self.accounts})
        if unknown:
            known = ", ".join(account.name for account in self.accounts)
            raise SettingError(
                f"There is no account called {', '.join(unknown)}. The configured accounts are: {known}."
            )
        return tuple(account for account in self.accounts if not names or account.name in names)


def load(root: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Load the settings of the checkout at `root`. Raises SettingError if one is missing or wrong."""
    sandbox = environ.get("BILL_ETL_SANDBOX")
    variables = _read_variables(root, environ)
    home_folder = home(root, environ)
    return _validate(
        Settings,
        "The settings are wrong",
        home=home_folder,
        accounts=(_sandbox_account(sandbox),) if sandbox else _read_accounts(root, variables),
        now=_parse_billing_now(variables.get("BILL_ETL_NOW")),
        pacing=root / (variables.get("BILL_ETL_PACING") or paths.pacing_folder(home_folder)),
        daily_at=daily_at(variables),
        masked=masked(root, environ),
    )


def home(root: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of lake, warehouse and state (BILL_ETL_HOME, by default `var` in the checkout)."""
    default = "var/sandbox" if environ.get("BILL_ETL_SANDBOX") else "var"
    return root / (_read_variables(root, environ).get("BILL_ETL_HOME") or default)


def customers_file(root: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file of invoicing terms (BILL_ETL_CUSTOMERS, by default `customers.csv` in the checkout).

    None if there is no such file, and for a sandbox. Raises SettingError if BILL_ETL_CUSTOMERS names a missing file.
    """
    if environ.get("BILL_ETL_SANDBOX"):
        return None
    named = _read_variables(root, environ).get("BILL_ETL_CUSTOMERS")
    file = root / (named or "customers.csv")
    if file.exists():
        return file
    if named:
        raise SettingError(f"BILL_ETL_CUSTOMERS names {file}, which does not exist.")
    return None


def masked(root: Path, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether e-mail addresses and phone numbers are published as masks (BILL_ETL_PERSONAL, by default masked).

    Raises SettingError for any value but `masked` and `plain`.
    """
    text = _read_variables(root, environ).get("BILL_ETL_PERSONAL") or "masked"
    if text not in {"masked", "plain"}:
        raise SettingError(
            f"BILL_ETL_PERSONAL is '{text}': write masked, or plain to publish e-mail addresses and phone numbers."
        )
    return text == "masked"


def clock(root: Path, environ: Mapping[str, str] = os.environ) -> BillingClock:
    """Return the billing clock for commands that send no requests. They need accounts only if BILL_ETL_NOW is set.

    BILL_ETL_NOW is allowed only if all accounts use endpoints on this machine. Raises SettingError.
    """
    if not _read_variables(root, environ).get("BILL_ETL_NOW"):
        return BillingClock()
    try:
        return load(root, environ).clock
    except SettingError as error:
        raise SettingError(
            f"{error} This command needs the accounts only because BILL_ETL_NOW is set: unset it to use the real time."
        ) from None


def daily_at(variables: Mapping[str, str] = os.environ) -> time:
    """Return when the daily runs start (BILL_ETL_DAILY_AT, UTC+8, by default 09:30). Raises SettingError."""
    text = variables.get("BILL_ETL_DAILY_AT")
    if not text:
        return DAILY_AT
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007  a time of day
    except ValueError:
        raise SettingError(f"BILL_ETL_DAILY_AT is '{text}': write a time of day in UTC+8 such as 09:30.") from None


def code_version(root: Path) -> str:
    """Return the version of the code at `root`: the project's version, and the commit if there is one."""
    command = ["git", "-C", str(root), "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603  fixed words
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+{done.stdout.strip()}"


def bind_account(home: Path, account: Account) -> None:
    """Bind the account's name to its endpoint host and role in this home, when it is first used.

    A home holds data of the real service or of a local sandbox, never both. Raises AccountMismatch if the name is bound
    to another host or role, or if the home holds data of the other kind; StorageFailed.
    """
    file = paths.account_file(home, account.name)
    identity = _Identity(host=account.host, role=account.role)
    try:
        for private in (paths.lake(home), paths.state(home)):
            private.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.parent.mkdir(exist_ok=True)
        bound = {other.stem: _Identity.model_validate_json(other.read_text()) for other in file.parent.glob("*.json")}
        if account.name not in bound:
            _refuse_mixed_data(home, account, bound)
            _create_whole(file, identity.model_dump_json())
            bound[account.name] = _Identity.model_validate_json(file.read_text())
    except OSError as error:
        raise StorageFailed(f"Cannot use {file}: {error.strerror or error}. Check the disk, then run again.") from error
    except ValidationError:
        raise AccountMismatch(
            f"A file in {file.parent} cannot be read; delete it if its account is unchanged."
        ) from None
    first = bound[account.name]
    if first != identity:
        raise AccountMismatch(
            f"Account '{account.name}' was first used with {first.host} as {first.role} in {home}, but is now set to "
            f"{account.host} as {account.role}. Give another account its own name or BILL_ETL_HOME; if the "
            f"first setting was a mistake and nothing was landed with it, delete {file}."
        )


def _refuse_mixed_data(home: Path, account: Account, bound: Mapping[str, _Identity]) -> None:
    for name, other in bound.items():
        if is_loopback(other.host) != is_loopback(account.host):
            raise AccountMismatch(
                f"{home} holds data of account '{name}' at {other.host}, but account '{account.name}' is at "
                f"{account.host}. Sandbox and real data are never mixed: set BILL_ETL_HOME to another folder."
            )


def _create_whole(file: Path, text: str) -> None:
    """Create a file so that nobody ever sees it half written. If another process creates it first, that one stays."""
    aside = file.with_name(f"{file.stem}.{uuid4().hex}")
    aside.write_text(text)
    try:
        file.hardlink_to(aside)
    except FileExistsError:
        return
    finally:
        aside.unlink()


class _Identity(BaseModel):
    """What an account's name is bound to in a home."""

    model_config = _STRICT

    host: str
    role: Role


class _AccountEntry(AccountOptions):
    """One table of accounts.toml. Secrets are given by the name of a variable or file, never written there."""

    role: Role
    endpoint: str = ENDPOINT
    secret_id_variable: _VariableName | None = None
    secret_id_file: Path | None = None
    secret_key_variable: _VariableName | None = None
    secret_key_file: Path | None = None
    token_variable: _VariableName | None = None
    token_file: Path | None = None
    limits: dict[str, int] = {}
    pacing_group: str | None = None


def _read_variables(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to use: those of `.env`, overridden by the process's own.

    For a sandbox, only BILL_ETL_SANDBOX_HOME is used: Dagster fills its processes' environment from `.env` too.
    """
    if environ.get("BILL_ETL_SANDBOX"):
        return {"BILL_ETL_HOME": environ.get("BILL_ETL_SANDBOX_HOME", "")}
    return {**_read_dotenv(root / ".env"), **environ}


def _read_dotenv(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    _check_owner_only(file)
    try:
        values = dotenv_values(file, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        fault = type(error).__name__  # raised below: the error itself holds the file's content
    else:
        return {name: value for name, value in values.items() if value is not None}
    raise SettingError(f"{file} cannot be read ({fault}): correct or remove it.")


def _check_owner_only(file: Path) -> None:
    if file.stat().st_mode & 0o077:
        raise SettingError(f"{file} holds secrets, but other users of this machine can read it. Run: chmod 600 {file}")


def _sandbox_account(address: str) -> Account:
    return _validate(
        Account,
        "BILL_ETL_SANDBOX is wrong",
        name=SANDBOX_ACCOUNT,
        role=Role.RESELLER,
        endpoint=address,
        secret_id=SANDBOX_SECRET_ID,
        secret_key=SANDBOX_SECRET_KEY,
        extra_datasets=("pending_clients",),
        policy_codes=("RP-2026-PRODUCTS",),
    )


def _read_accounts(root: Path, variables: Mapping[str, str]) -> tuple[Account, ...]:
    named = variables.get("BILL_ETL_ACCOUNTS")
    file = root / (named or "accounts.toml")
    if not file.exists():
        if named:
            raise SettingError(f"BILL_ETL_ACCOUNTS names {file}, which does not exist.")
        return (_account_from_environment(variables),)
    document = _read_toml(file)
    tables = document.pop("accounts", {})
    if document or not isinstance(tables, dict) or not tables:
        raise SettingError(f"{file} must hold one table [accounts.<name>] for each account, and nothing else.")
    return tuple(_account_from_table(name, table, file, variables) for name, table in tables.items())


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        fault = str(error)
    except UnicodeDecodeError as error:
        fault = error.reason  # the error itself holds the file's content
    raise SettingError(f"{file} cannot be read: {fault}. Correct it there.")


def _account_from_table(name: str, table: Any, file: Path, variables: Mapping[str, str]) -> Account:
    where = f"{file}, account '{name}'"
    entry = _validate(_AccountEntry, where, **(table if isinstance(table, dict) else {"table": table}))
    return _validate(
        Account,
        where,
        name=name,
        **entry.model_dump(include={"role", "endpoint", "limits", "pacing_group", *AccountOptions.model_fields}),
        **{what: _read_secret(f"{where}: {what}", entry, what, variables, file.parent) for what in _SECRETS},
    )


_SECRETS = ("secret_id", "secret_key", "token")


def _read_secret(where: str, entry: _AccountEntry, what: str, variables: Mapping[str, str], folder: Path) -> str | None:
    variable: str | None = getattr(entry, f"{what}_variable")
    file: Path | None = getattr(entry, f"{what}_file")
    if variable and file:
        raise SettingError(f"{where}_variable and {what}_file are both set: remove one.")
    if variable:
        value = variables.get(variable, "").strip()
        if not value:
            raise SettingError(f"{where}_variable names {variable}, which is not set: set it, or name another.")
        return value
    if file:
        return _read_secret_file(folder / file, where)
    if what != "token":
        raise SettingError(f"{where}_variable or {what}_file is missing: set one of them.")
    return None


def _read_secret_file(file: Path, where: str) -> str:
    """Read a secret. Errors do not show the file's name: it may be the secret itself, pasted in the wrong place."""
    try:
        _check_owner_only(file)
        value = file.read_text().strip()
    except (OSError, ValueError) as error:
        fault = f"cannot be read ({type(error).__name__})"
    else:
        if value:
            return value
        fault = "is empty"
    raise SettingError(f"{where}_file names a file that {fault}. The file must hold the secret and nothing else.")


def _account_from_environment(variables: Mapping[str, str]) -> Account:
    required = ("BILL_ETL_ROLE", "TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY")
    missing = [name for name in required if not variables.get(name, "").strip()]
    if missing:
        raise SettingError(
            f"Not set: {', '.join(missing)}. Set them in the environment or in .env (README: your own account). "
            "To try without an account: make demo."
        )
    return _validate(
        Account,
        "The settings are wrong",
        name="default",
        role=variables["BILL_ETL_ROLE"].strip(),
        endpoint=variables.get("BILL_ETL_ENDPOINT") or ENDPOINT,
        secret_id=variables["TENCENTCLOUD_SECRET_ID"].strip(),
        secret_key=variables["TENCENTCLOUD_SECRET_KEY"].strip(),
        token=variables.get("TENCENTCLOUD_TOKEN", "").strip() or None,
    )


def _parse_billing_now(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise SettingError(f"BILL_ETL_NOW is '{text}': write a time in UTC+8 such as 2026-11-20T12:00:00.") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=BILLING_ZONE)


_M = TypeVar("_M", bound=BaseModel)
_VARIABLE_OF = {"role": "BILL_ETL_ROLE", "endpoint": "BILL_ETL_ENDPOINT"}
_PLAIN_FAULTS = {
    "Extra inputs are not permitted": "there is no such setting",
    "Field required": "missing",
    "Input should be": "must be",
}
"""Pydantic's words and ours."""


def _validate(model: type[_M], where: str, **values: Any) -> _M:
    try:
        return model(**values)
    except ValidationError as error:
        named = {} if model is _AccountEntry else _VARIABLE_OF
        details = error.errors(include_input=False, include_url=False)
        faults = [_fault_text(detail["loc"], detail["msg"], named) for detail in details]
        if any(detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1 for detail in details):
            faults.append(f"the settings are {', '.join(sorted(model.model_fields))}")
        raise SettingError(f"{where}: {'; '.join(faults)}.") from None


def _fault_text(where: tuple[int | str, ...], message: str, variables: Mapping[str, str]) -> str:
    name = ".".join(map(str, where))
    shown = f"{name} ({variables[name]})" if name in variables else name
    message = message.removeprefix("Value error, ").removesuffix(".")
    for theirs, ours in _PLAIN_FAULTS.items():
        message = message.replace(theirs, ours)
    return f"{shown}: {message}" if shown else message
