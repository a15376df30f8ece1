"""The resource that gives runs their settings and API clients.

Settings are read when a run starts: loading the code location needs none and no account.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import dagster as dg

from assets.progress import ProgressReport
from pipelines import settings as configuration
from pipelines.client import Client, Credential, DiskPacer, pacing_key
from pipelines.refresh import AccountClient, RefreshContext

ROOT = Path(__file__).parent.parent
"""The checkout. `.env` and accounts.toml are here; relative paths in settings start here."""


class Workspace(dg.ConfigurableResource[None]):
    """The settings, and API clients for the configured accounts."""

    def settings(self) -> configuration.Settings:
        """Load the settings. Raises SettingError."""
        return configuration.load(ROOT)

    def refresh_context(
        self, loaded: configuration.Settings, run_id: str, report: ProgressReport, *, full: bool, unproven: bool
    ) -> RefreshContext:
        """Return the values that all refreshes of a run share."""
        version = configuration.code_version(ROOT)
        return RefreshContext(
            loaded.home, loaded.clock, version, run_id, report.show_progress, report.show_plan, full, unproven
        )

    @asynccontextmanager
    async def account_clients(
        self, loaded: configuration.Settings, names: list[str]
    ) -> AsyncIterator[list[AccountClient]]:
        """Open a client for each named account (none named: for all). Raises SettingError and AccountMismatch."""
        async with AsyncExitStack() as stack:
            yield [
                await stack.enter_async_context(_account_client(loaded, account))
                for account in loaded.accounts_named(names)
            ]


@asynccontextmanager
async def _account_client(
    loaded: configuration.Settings, account: configuration.Account
) -> AsyncIterator[AccountClient]:
    configuration.bind_account(loaded.home, account)
    secret_id = account.secret_id.get_secret_value()
    credential = Credential(
        secret_id=secret_id,
        secret_key=account.secret_key.get_secret_value(),
        token=account.token.get_secret_value() if account.token else None,
    )
    pacer = DiskPacer(loaded.pacing, pacing_key(account.endpoint, secret_id, account.pacing_group), account.limits)
    async with Client(account=account.name, endpoint=account.endpoint, credential=credential, pacer=pacer) as client:
        yield AccountClient(account.profile, client)
