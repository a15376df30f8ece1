"""The edge where settings are read, when a run starts: what the assets work with.

Loading the code location reads no setting and needs no account.
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
"""The checkout: `.env` and accounts.toml lie here, and relative settings start here."""


class Workspace(dg.ConfigurableResource[None]):
    """The configured accounts and where their books are kept."""

    def settings(self) -> configuration.Settings:
        """Load the settings. Raises SettingError."""
        return configuration.load(ROOT)

    def run(
        self, loaded: configuration.Settings, run_id: str, telling: ProgressReport, *, full: bool, unproven: bool
    ) -> RefreshContext:
        """Return what all refreshes of a run share."""
        version = configuration.code_version(ROOT)
        return RefreshContext(loaded.home, loaded.clock, version, run_id, telling.tell, telling.plan, full, unproven)

    @asynccontextmanager
    async def account_clients(
        self, loaded: configuration.Settings, names: list[str]
    ) -> AsyncIterator[list[AccountClient]]:
        """Open the named accounts, all if none is named. Raises SettingError and AccountMismatch."""
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
