"""Settings: what is missing or wrong is named with what to do, and no secret is ever repeated."""

from __future__ import annotations

import re
import traceback
from datetime import datetime, time
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from pipelines import paths, settings
from pipelines.endpoints.profile import AccountProfile
from pipelines.endpoints.shapes import Paging, Role
from pipelines.errors import AccountMismatch, SettingError, StorageFailed
from pipelines.periods import BillingClock
from tests.unit.matrix import check_all

ID, KEY, TOKEN = "AKIDrealrealrealrealrealrealreal", "realkeyrealkeyrealkeyrealkeyreal", "realtokenrealtokenrealtoken"
OWN = {"BILL_ETL_ROLE": "reseller", "TENCENTCLOUD_SECRET_ID": ID, "TENCENTCLOUD_SECRET_KEY": KEY}
LOOPBACK = "http://127.0.0.1:8080"


def refusal(root: Path, environ: dict[str, str]) -> str:
    """Load settings that are wrong; return the message, once no trace of the failure shows a secret."""
    with pytest.raises(SettingError) as caught:
        settings.load(root, environ)
    error: BaseException | None = caught.value
    shown = "".join(traceback.format_exception(caught.value))
    while error is not None:  # what a traceback hides ("from None") is still there for tools that print it
        shown += f"{error!r} {error}"
        error = error.__cause__ or error.__context__
    for secret in (ID, KEY, TOKEN):
        assert secret not in shown
    return str(caught.value)


def write(file: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file that only its owner can read."""
    file.write_text(text)
    file.chmod(mode)
    return file


def toml(root: Path, text: str) -> Path:
    """Write accounts.toml with the account 'acme' whose table begins with `text`."""
    return write(root / "accounts.toml", f"[accounts.acme]\n{text}\n")


SECRETS = 'secret_id_variable = "ACME_ID"\nsecret_key_variable = "ACME_KEY"\n'
ACME = {"ACME_ID": ID, "ACME_KEY": KEY}


class TestOneAccount:
    """Without accounts.toml there is one account, from the environment."""

    def test_defaults(self, tmp_path: Path) -> None:
        """Role and key are enough: the account is 'default', at the service, kept in var."""
        loaded = settings.load(tmp_path, OWN)
        (account,) = loaded.accounts
        assert (account.name, account.role, account.endpoint) == ("default", "reseller", settings.ENDPOINT)
        assert (account.secret_id.get_secret_value(), account.secret_key.get_secret_value()) == (ID, KEY)
        assert account.token is None
        assert loaded.home == tmp_path / "var"
        assert loaded.pacing == paths.pacing_folder(tmp_path / "var")
        assert loaded.daily_at == time(9, 30)
        assert loaded.masked
        assert loaded.now is None

    def test_everything_can_be_set(self, tmp_path: Path) -> None:
        """Each variable has its effect."""
        more = {
            "TENCENTCLOUD_TOKEN": TOKEN,
            "BILL_ETL_ENDPOINT": LOOPBACK + "/",
            "BILL_ETL_HOME": "/elsewhere",
            "BILL_ETL_PACING": "/shared/pacing",
            "BILL_ETL_NOW": "2026-11-20T12:00:00",
            "BILL_ETL_DAILY_AT": "06:15",
            "BILL_ETL_PERSONAL": "plain",
        }
        loaded = settings.load(tmp_path, OWN | more)
        assert loaded.accounts[0].token.get_secret_value() == TOKEN
        assert loaded.accounts[0].endpoint == LOOPBACK
        assert (loaded.home, loaded.pacing) == (Path("/elsewhere"), Path("/shared/pacing"))
        assert loaded.clock.now() == datetime.fromisoformat("2026-11-20T12:00:00+08:00")
        assert loaded.daily_at == time(6, 15)
        assert not loaded.masked

    def test_what_is_missing_is_named(self, tmp_path: Path) -> None:
        """A required variable that is not set, or blank, is named, alone, with what to do."""

        def check(name: str, value: str | None) -> None:
            environ = {k: v for k, v in OWN.items() if k != name} | ({} if value is None else {name: value})
            message = refusal(tmp_path, environ)
            assert name in message
            assert not [other for other in OWN if other != name and other in message]
            assert ".env" in message

        check_all(check, product(OWN, (None, "", "  ")))

    def test_all_that_is_missing_is_named_at_once(self, tmp_path: Path) -> None:
        """Nobody has to run once for each missing variable; and the way to try without an account is shown."""
        message = refusal(tmp_path, {})
        assert all(name in message for name in OWN)
        assert "make demo" in message

    def test_a_wrong_role_is_named_with_the_right_ones(self, tmp_path: Path) -> None:
        """A role that does not exist is answered with those that do."""
        message = refusal(tmp_path, OWN | {"BILL_ETL_ROLE": "boss"})
        for words in ("BILL_ETL_ROLE", "distributor", "reseller", "second_level_reseller", "customer"):
            assert words in message

    def test_a_badly_copied_key_is_refused_without_being_shown(self, tmp_path: Path) -> None:
        """A key with a space, a line break or a strange letter inside is refused before anything is signed with it."""

        def check(secret: str, extra: str) -> None:
            message = refusal(tmp_path, OWN | {secret: TOKEN + extra})
            assert secret.removeprefix("TENCENTCLOUD_").lower() in message.lower()

        secrets = ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN")
        check_all(check, product(secrets, (" x", "\nx", "é", "\x7f")))

    def test_spaces_around_a_key_do_not_matter(self, tmp_path: Path) -> None:
        """A key copied with a space or a line break at its end works."""
        (account,) = settings.load(tmp_path, OWN | {"TENCENTCLOUD_SECRET_KEY": f" {KEY}\n"}).accounts
        assert account.secret_key.get_secret_value() == KEY

    def test_settings_never_show_a_secret(self, tmp_path: Path) -> None:
        """Neither repr nor str nor a dump of the settings shows a secret."""
        loaded = settings.load(tmp_path, OWN | {"TENCENTCLOUD_TOKEN": TOKEN})
        shown = f"{loaded!r} {loaded} {loaded.model_dump()} {loaded.model_dump_json()} {loaded.accounts[0]!r}"
        assert "default" in shown
        assert not any(secret in shown for secret in (ID, KEY, TOKEN))

    def test_settings_cannot_be_changed(self, tmp_path: Path) -> None:
        """What a run was told stays what it was told."""
        with pytest.raises(ValueError, match="frozen"):
            settings.load(tmp_path, OWN).home = tmp_path


class TestEndpoint:
    """Plain http is for this machine's own addresses only."""

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"])
    def test_http_to_loopback(self, tmp_path: Path, host: str) -> None:
        """Plain http is allowed to loopback."""
        loaded = settings.load(tmp_path, OWN | {"BILL_ETL_ENDPOINT": f"http://{host}:8080"})
        assert settings.is_loopback(loaded.accounts[0].host)

    def test_other_endpoints_are_refused(self, tmp_path: Path) -> None:
        """Any other address is refused, and the message names the variable and shows how to write it."""

        def check(endpoint: str) -> None:
            message = refusal(tmp_path, OWN | {"BILL_ETL_ENDPOINT": endpoint})
            assert "BILL_ETL_ENDPOINT" in message
            assert "https://" in message

        endpoints = [
            "http://intlpartnersmgt.intl.tencentcloudapi.com",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://localhost.example.com",
            "ftp://127.0.0.1",
            "intlpartnersmgt.intl.tencentcloudapi.com",
            "https://",
            "https://host/path",
            "https://host?x=1",
            f"https://user:{KEY}@host",
            f"http://{KEY}@127.0.0.1",
        ]
        check_all(check, endpoints)


class TestClock:
    """The billing clock and the time of the daily runs."""

    def test_the_clock_is_set_with_loopback_only(self, tmp_path: Path) -> None:
        """BILL_ETL_NOW beside the real service is refused."""
        assert "BILL_ETL_NOW" in refusal(tmp_path, OWN | {"BILL_ETL_NOW": "2026-11-20T12:00:00"})

    def test_every_account_must_be_local_for_it(self, tmp_path: Path) -> None:
        """One account at the service is enough to refuse a clock that is set."""
        write(
            tmp_path / "accounts.toml",
            f'[accounts.a]\nrole = "reseller"\nendpoint = "{LOOPBACK}"\n{SECRETS}'
            f'[accounts.b]\nrole = "reseller"\n{SECRETS}',
        )
        assert "BILL_ETL_NOW" in refusal(tmp_path, ACME | {"BILL_ETL_NOW": "2026-11-20T12:00:00"})

    @pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00", "2026-11"])
    def test_a_malformed_time_is_named_with_an_example(self, tmp_path: Path, text: str) -> None:
        """BILL_ETL_NOW that is no time is refused with an example."""
        message = refusal(tmp_path, OWN | {"BILL_ETL_ENDPOINT": LOOPBACK, "BILL_ETL_NOW": text})
        assert "BILL_ETL_NOW" in message
        assert "2026-11-20T12:00:00" in message

    def test_a_zone_given_is_kept(self, tmp_path: Path) -> None:
        """A time with an offset means that instant; one without is in UTC+8."""
        environ = OWN | {"BILL_ETL_ENDPOINT": LOOPBACK, "BILL_ETL_NOW": "2026-11-20T12:00:00+00:00"}
        assert settings.load(tmp_path, environ).clock.now().hour == 20

    def test_a_command_that_asks_nothing_needs_no_account_to_know_the_time(self, tmp_path: Path) -> None:
        """Without BILL_ETL_NOW the clock is the real one; a sandbox's is too, whatever is said for real accounts."""
        assert settings.clock(tmp_path, {}) == BillingClock()
        said = {"BILL_ETL_SANDBOX": LOOPBACK, "BILL_ETL_NOW": "2026-11-20T12:00:00"}
        assert settings.clock(tmp_path, said) == BillingClock()

    def test_a_command_that_asks_nothing_goes_by_a_clock_that_is_set(self, tmp_path: Path) -> None:
        """BILL_ETL_NOW holds for it by the same rule: every account must be local, so there must be one."""
        said = {"BILL_ETL_NOW": "2026-11-20T12:00:00"}
        assert settings.clock(tmp_path, OWN | {"BILL_ETL_ENDPOINT": LOOPBACK} | said).now().isoformat() == (
            "2026-11-20T12:00:00+08:00"
        )
        for environ in (said, OWN | said):
            with pytest.raises(SettingError, match="BILL_ETL_NOW"):
                settings.clock(tmp_path, environ)

    @pytest.mark.parametrize("text", ["25:00", "9", "noon", "09:30+02:00", "09:30:15"])
    def test_a_malformed_daily_time_is_named(self, tmp_path: Path, text: str) -> None:
        """BILL_ETL_DAILY_AT that is no plain time of day is refused with an example."""
        message = refusal(tmp_path, OWN | {"BILL_ETL_DAILY_AT": text})
        assert [fact for fact in ("BILL_ETL_DAILY_AT", f"'{text}'", "UTC+8", "09:30") if fact not in message] == []

    @pytest.mark.parametrize("text", ["hidden", "Plain", "true"])
    def test_another_way_to_publish_personal_data_is_refused(self, tmp_path: Path, text: str) -> None:
        """BILL_ETL_PERSONAL that is neither masked nor plain is refused with both: a misspelled one shows nobody."""
        message = refusal(tmp_path, OWN | {"BILL_ETL_PERSONAL": text})
        assert [fact for fact in ("BILL_ETL_PERSONAL", f"'{text}'", "masked", "plain") if fact not in message] == []


class TestDotenv:
    """A .env file at the root stands in for the environment."""

    TEXT = "\n".join(f"{name}={value}" for name, value in OWN.items())

    def test_it_is_read(self, tmp_path: Path) -> None:
        """All variables can come from .env."""
        write(tmp_path / ".env", self.TEXT)
        assert settings.load(tmp_path, {}).accounts[0].role == "reseller"

    def test_the_environment_beats_it(self, tmp_path: Path) -> None:
        """A variable of the process wins over the same one in .env; the others stay."""
        write(tmp_path / ".env", self.TEXT + "\nBILL_ETL_HOME=from_file")
        loaded = settings.load(tmp_path, {"BILL_ETL_ROLE": "distributor", "BILL_ETL_HOME": "from_process"})
        assert loaded.accounts[0].role == "distributor"
        assert loaded.accounts[0].secret_id.get_secret_value() == ID
        assert loaded.home == tmp_path / "from_process"

    def test_a_dollar_in_a_key_is_itself(self, tmp_path: Path) -> None:
        """Nothing in .env is expanded: a key may hold any character."""
        write(tmp_path / ".env", self.TEXT.replace(KEY, "'pa$HOME${PATH}'"))
        assert settings.load(tmp_path, {}).accounts[0].secret_key.get_secret_value() == "pa$HOME${PATH}"

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
    def test_one_that_others_can_read_is_refused(self, tmp_path: Path, mode: int) -> None:
        """A .env that others on the machine can read is refused with the command that mends it."""
        file = write(tmp_path / ".env", self.TEXT, mode)
        assert f"chmod 600 {file}" in refusal(tmp_path, {})

    def test_one_that_is_no_text_is_named(self, tmp_path: Path) -> None:
        """A .env that cannot be read is named, not its content."""
        file = tmp_path / ".env"
        file.write_bytes(b"TENCENTCLOUD_SECRET_KEY=" + KEY.encode() + b"\xff\xfe")
        file.chmod(0o600)
        assert str(file) in refusal(tmp_path, {})


class TestAccountsToml:
    """Several accounts come from accounts.toml, which names where secrets are kept."""

    def test_accounts_are_read(self, tmp_path: Path) -> None:
        """Each table is an account; secrets come from variables or files, relative to accounts.toml."""
        write(tmp_path / "key", f"{KEY}\n")
        write(tmp_path / "token", TOKEN)
        write(
            tmp_path / "accounts.toml",
            f'[accounts.acme]\nrole = "reseller"\n{SECRETS}pacing_group = "g"\nlimits = {{ DescribeCustomerUin = 3 }}\n'
            f'[accounts.beta-2]\nrole = "distributor"\nendpoint = "{LOOPBACK}"\n'
            'secret_id_variable = "ACME_ID"\nsecret_key_file = "key"\ntoken_file = "token"\n',
        )
        acme, beta = settings.load(tmp_path, ACME).accounts
        assert (acme.name, acme.role, acme.limits, acme.pacing_group) == (
            "acme",
            "reseller",
            {"DescribeCustomerUin": 3},
            "g",
        )
        assert (beta.name, beta.host, beta.secret_key.get_secret_value()) == ("beta-2", "127.0.0.1", KEY)
        assert beta.token.get_secret_value() == TOKEN
        assert acme.token is None

    def test_it_can_lie_elsewhere(self, tmp_path: Path) -> None:
        """BILL_ETL_ACCOUNTS names the file."""
        elsewhere = write(tmp_path / "books.toml", f'[accounts.acme]\nrole = "reseller"\n{SECRETS}')
        assert settings.load(tmp_path, ACME | {"BILL_ETL_ACCOUNTS": str(elsewhere)}).accounts[0].name == "acme"

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        """BILL_ETL_ACCOUNTS with a file that does not exist is an error, not the default account."""
        message = refusal(tmp_path, OWN | {"BILL_ETL_ACCOUNTS": "nowhere.toml"})
        assert "BILL_ETL_ACCOUNTS" in message
        assert "nowhere.toml" in message

    def test_an_error_is_named_with_its_place(self, tmp_path: Path) -> None:
        """An error in accounts.toml names the file, the key and what is wrong with it."""
        write(tmp_path / "key", KEY)

        def check(text: str, *facts: str) -> None:
            file = toml(tmp_path, text)
            message = refusal(tmp_path, ACME)
            assert [fact for fact in (str(file), *facts) if fact not in message] == []

        cases = [
            (f'role = "reseller"\nsecret_key = "{KEY}"\n{SECRETS}', "secret_key"),
            (f'role = "boss"\n{SECRETS}', "role", "second_level_reseller"),
            (SECRETS, "role"),
            (f'role = "reseller"\n{SECRETS}limits = {{ DescribeNothing = 1 }}', "limits", "DescribeNothing"),
            (f'role = "reseller"\n{SECRETS}limits = {{ DescribeCustomerUin = 0 }}', "limits.DescribeCustomerUin"),
            (f'role = "reseller"\n{SECRETS}limits = {{ DescribeCustomerUin = "{KEY}" }}', "limits"),
            (f'role = "reseller"\n{SECRETS}secret_key_file = "key"', "secret_key_variable", "secret_key_file"),
            ('role = "reseller"\nsecret_id_variable = "ACME_ID"', "secret_key_variable", "secret_key_file"),
            ('role = "reseller"\nsecret_key_variable = "ACME_KEY"', "secret_id_variable", "secret_id_file"),
            (f'role = "reseller"\n{SECRETS}token_variable = "ACME_TOKEN"', "token_variable", "ACME_TOKEN"),
            (f'role = "reseller"\nendpoint = "http://10.0.0.1"\n{SECRETS}', "endpoint", "https://"),
            (f'role = "reseller"\n{SECRETS}"{KEY}', "line"),
            (f'role = "reseller"\nrole = "{KEY}"', "line"),
        ]
        check_all(check, cases)

    def test_a_secret_pasted_where_its_place_is_named_is_not_repeated(self, tmp_path: Path) -> None:
        """Somebody who writes the secret itself is told so without it being shown."""

        def check(key: str, kind: str) -> None:
            lines = {"secret_id": 'secret_id_variable = "ACME_ID"', "secret_key": 'secret_key_variable = "ACME_KEY"'}
            lines[key] = f'{key}_{kind} = "{KEY}"'
            toml(tmp_path, 'role = "reseller"\n' + "\n".join(lines.values()))
            assert f"{key}_{kind}" in refusal(tmp_path, ACME)

        check_all(check, product(("secret_id", "secret_key", "token"), ("variable", "file")))

    def test_a_name_that_is_no_path_segment_is_refused(self, tmp_path: Path) -> None:
        """An account's name is a column and a folder: small letters, digits, dash and underscore."""

        def check(name: str) -> None:
            write(tmp_path / "accounts.toml", f'[accounts."{name}"]\nrole = "reseller"\n{SECRETS}')
            assert "name" in refusal(tmp_path, ACME)

        check_all(check, ["Acme", "a/b", "a b", "..", "a" * 41, "", "_a"])

    @pytest.mark.parametrize(
        "text", ["", "accounts = 1", "[accounts]", "[other]", f'x = 1\n[accounts.a]\nrole="{KEY}"']
    )
    def test_a_file_of_another_shape_is_refused(self, tmp_path: Path, text: str) -> None:
        """Anything but tables of accounts is refused with the shape that is wanted."""
        write(tmp_path / "accounts.toml", text)
        assert "[accounts.<name>]" in refusal(tmp_path, ACME)

    def test_an_account_that_is_no_table_is_refused(self, tmp_path: Path) -> None:
        """A value where a table should be is refused."""
        write(tmp_path / "accounts.toml", f'[accounts]\nacme = "{KEY}"')
        assert "acme" in refusal(tmp_path, ACME)

    def test_a_variable_that_is_not_set_is_named(self, tmp_path: Path) -> None:
        """A named variable without a value is named, with the account."""
        toml(tmp_path, f'role = "reseller"\n{SECRETS}')
        message = refusal(tmp_path, {"ACME_ID": ID, "ACME_KEY": " "})
        assert [fact for fact in ("'acme'", "secret_key_variable", "ACME_KEY") if fact not in message] == []

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
    def test_a_secret_file_that_others_can_read_is_refused(self, tmp_path: Path, mode: int) -> None:
        """A file with a secret that others can read is refused with the command that mends it."""
        key = write(tmp_path / "key", KEY, mode)
        toml(tmp_path, 'role = "reseller"\nsecret_id_variable = "ACME_ID"\nsecret_key_file = "key"')
        assert f"chmod 600 {key}" in refusal(tmp_path, ACME)

    def test_an_empty_secret_file_is_named(self, tmp_path: Path) -> None:
        """A secret file that holds nothing is told, and apart from one that is not there."""
        write(tmp_path / "key", "\n")
        toml(tmp_path, 'role = "reseller"\nsecret_id_variable = "ACME_ID"\nsecret_key_file = "key"')
        empty = refusal(tmp_path, ACME)
        (tmp_path / "key").unlink()
        missing = refusal(tmp_path, ACME)
        assert "secret_key_file" in empty
        assert "secret_key_file" in missing
        assert empty != missing

    def test_the_real_service_is_never_called_sandbox(self, tmp_path: Path) -> None:
        """The name 'sandbox' is for the local stand-in only."""
        write(tmp_path / "accounts.toml", f'[accounts.sandbox]\nrole = "reseller"\n{SECRETS}')
        assert "sandbox" in refusal(tmp_path, ACME)

    def test_accounts_can_be_named(self, tmp_path: Path) -> None:
        """A run covers the accounts it names, all without names, and refuses a name that is not there."""
        text = "".join(f'[accounts.{name}]\nrole = "reseller"\n{SECRETS}' for name in ("a", "b", "c"))
        write(tmp_path / "accounts.toml", text)
        loaded = settings.load(tmp_path, ACME)
        assert [account.name for account in loaded.accounts_named(["c", "a"])] == ["a", "c"]
        assert [account.name for account in loaded.accounts_named([])] == ["a", "b", "c"]
        with pytest.raises(SettingError, match=r"\bd, z\b.*\ba, b, c\b"):
            loaded.accounts_named(["z", "a", "d"])


class TestWishes:
    """What an account is asked for beyond or instead of what its role is asked for by itself."""

    @staticmethod
    def profile(root: Path, text: str, role: str = "reseller") -> Any:
        """Load one account with these settings, and return what the catalogue needs to know of it."""
        toml(root, f'role = "{role}"\n{SECRETS}{text}')
        (account,) = settings.load(root, ACME).accounts
        return account.profile

    def test_nothing_is_wished_for_by_default(self, tmp_path: Path) -> None:
        """Without a word the catalogue decides."""
        assert self.profile(tmp_path, "") == AccountProfile("acme", Role.RESELLER)

    def test_everything_can_be_wished_for(self, tmp_path: Path) -> None:
        """Each setting of accounts.toml reaches whom it is for."""
        text = """
            limits = { DescribeCustomerUin = 3 }
            extra_datasets = ["sub_agents", "pending_clients"]
            tag_keys = ["env", "team"]
            policy_codes = ["p1"]
            invitation_tokens = ["t1", "t2"]
            issued_bills = "files"
            [accounts.acme.paging.DescribeCustomerUin]
            first = 0
            size = 50
            [accounts.acme.paging.QueryCustomersCredit]
            size = 20
        """
        assert self.profile(tmp_path, text, "second_level_reseller") == AccountProfile(
            account="acme",
            role=Role.SECOND_LEVEL_RESELLER,
            limits={"DescribeCustomerUin": 3},
            extra_datasets=frozenset(["sub_agents", "pending_clients"]),
            tag_keys=("env", "team"),
            policy_codes=("p1",),
            invitation_tokens=("t1", "t2"),
            paging={
                "DescribeCustomerUin": Paging(size=50, first=0),
                "QueryCustomersCredit": Paging(size=20, first=1),
            },
            files_when_issued=True,
        )

    def test_pages_that_are_set_are_taken_as_documented(self, tmp_path: Path) -> None:
        """How an action pages is not found out where the user says it."""
        paging = self.profile(tmp_path, "paging.DescribeCustomerUin = { size = 50 }").paging["DescribeCustomerUin"]
        assert paging.documented

    def test_pages_can_be_asked_one_way_or_the_other(self, tmp_path: Path) -> None:
        """Closed bills come as pages or as files; pages are what is not set otherwise."""
        assert not self.profile(tmp_path, 'issued_bills = "pages"').files_when_issued

    def test_what_cannot_be_is_named(self, tmp_path: Path) -> None:
        """A wish that cannot be met is refused, with the account, the key and what is wrong with it."""

        def check(text: str, *facts: str) -> None:
            file = toml(tmp_path, f'role = "reseller"\n{SECRETS}{text}')
            message = refusal(tmp_path, ACME)
            assert [fact for fact in (str(file), "account 'acme'", *facts) if fact not in message] == []

        cases = [
            ('extra_datasets = ["nothing"]', "extra_datasets", "'nothing'", "reseller"),
            ('extra_datasets = ["own_bill_detail"]', "extra_datasets", "'own_bill_detail'", "reseller"),
            ('extra_datasets = "sub_agents"', "extra_datasets"),
            ('tag_keys = [""]', "tag_keys.0"),
            ('policy_codes = ["a", ""]', "policy_codes.1"),
            ('invitation_tokens = [""]', "invitation_tokens.0"),
            ('issued_bills = "both"', "issued_bills", "pages", "files"),
            ("paging.DescribeCustomerUin = { first = 1 }", "paging.DescribeCustomerUin.size"),
            ("paging.DescribeCustomerUin = { size = 0 }", "paging.DescribeCustomerUin.size"),
            ("paging.DescribeCustomerUin = { size = 1001 }", "paging.DescribeCustomerUin.size"),
            ("paging.DescribeCustomerUin = { size = 10, first = 2 }", "paging.DescribeCustomerUin.first"),
            ("paging.DescribeCustomerUin = { size = 10, last = 2 }", "paging.DescribeCustomerUin.last"),
            (
                "paging.DescribeCustomerBillDetail = { size = 10 }",
                "paging",
                "DescribeCustomerUin",
                "DescribeCustomerBillDetail",
            ),
            ("paging.DescribeNothing = { size = 10 }", "paging", "DescribeNothing"),
        ]
        check_all(check, cases)

    def test_an_invitation_token_is_not_repeated(self, tmp_path: Path) -> None:
        """A token in a wrong place is refused without being shown."""
        toml(tmp_path, f'role = "reseller"\n{SECRETS}invitation_tokens = "{TOKEN}"')
        assert "invitation_tokens" in refusal(tmp_path, ACME)


class TestSandbox:
    """Sandbox and real books never meet."""

    def test_it_ignores_every_real_setting(self, tmp_path: Path) -> None:
        """With a sandbox, .env, accounts.toml and the TENCENTCLOUD_* variables have no effect, right or wrong."""
        write(tmp_path / ".env", "BILL_ETL_HOME=real\nBILL_ETL_ROLE=boss\nBILL_ETL_NOW=never", 0o644)
        write(tmp_path / "accounts.toml", "broken")
        environ = OWN | {"BILL_ETL_SANDBOX": LOOPBACK, "BILL_ETL_ACCOUNTS": "broken", "TENCENTCLOUD_TOKEN": TOKEN}
        loaded = settings.load(tmp_path, environ)
        (account,) = loaded.accounts
        assert (account.name, account.endpoint, account.role) == ("sandbox", LOOPBACK, "reseller")
        assert account.secret_id.get_secret_value() == settings.SANDBOX_SECRET_ID
        assert account.secret_key.get_secret_value() == settings.SANDBOX_SECRET_KEY
        assert account.token is None
        assert loaded.home == tmp_path / "var" / "sandbox"

    def test_it_is_local(self, tmp_path: Path) -> None:
        """An address that is not this machine's is no sandbox."""
        message = refusal(tmp_path, {"BILL_ETL_SANDBOX": settings.ENDPOINT})
        assert "BILL_ETL_SANDBOX" in message

    def test_nothing_that_is_said_of_real_accounts_counts(self, tmp_path: Path) -> None:
        """Dagster fills its processes' environment from `.env`; home, role and clock are the sandbox's all the same."""
        said = {"BILL_ETL_HOME": "/real/books", "BILL_ETL_ROLE": "customer", "BILL_ETL_NOW": "2026-11-20T12:00:00"}
        loaded = settings.load(tmp_path, said | {"BILL_ETL_SANDBOX": LOOPBACK})
        assert loaded.home == tmp_path / "var" / "sandbox"
        assert (loaded.accounts[0].role, loaded.now) == ("reseller", None)
        elsewhere = {"BILL_ETL_SANDBOX": LOOPBACK, "BILL_ETL_SANDBOX_HOME": "elsewhere"}
        assert settings.load(tmp_path, said | elsewhere).home == tmp_path / "elsewhere"


class TestBinding:
    """In a home, an account's name stands for one endpoint and one role."""

    @staticmethod
    def account(name: str = "default", **changes: object) -> settings.Account:
        """Make an account."""
        return settings.Account(**{"name": name, "role": "reseller", "secret_id": ID, "secret_key": KEY} | changes)

    def test_the_same_account_can_be_bound_again(self, tmp_path: Path) -> None:
        """Another key, or another spelling of the address, is the same account."""
        settings.bind_account(tmp_path, self.account())
        settings.bind_account(tmp_path, self.account(secret_key=TOKEN, endpoint=settings.ENDPOINT + "/"))

    @pytest.mark.parametrize(
        ("change", "fact"),
        [({"role": "distributor"}, "distributor"), ({"endpoint": "https://other.example.com"}, "other.example.com")],
    )
    def test_another_role_or_host_is_refused(self, tmp_path: Path, change: dict[str, Any], fact: str) -> None:
        """A name that changes its host or role is refused, with both and what to do; the first binding stands."""
        settings.bind_account(tmp_path, self.account())
        with pytest.raises(AccountMismatch) as refused:
            settings.bind_account(tmp_path, self.account(**change))
        facts = ("'default'", "intlpartnersmgt.intl.tencentcloudapi.com", "reseller", fact, "BILL_ETL_HOME")
        told = (*facts, str(paths.account_file(tmp_path, "default")))
        assert [each for each in told if each not in str(refused.value)] == []
        settings.bind_account(tmp_path, self.account())

    @pytest.mark.parametrize("first", [LOOPBACK, settings.ENDPOINT])
    def test_a_home_holds_real_books_or_a_stand_ins(self, tmp_path: Path, first: str) -> None:
        """Accounts at the service and accounts at a local stand-in are never bound in one home, whichever was first."""
        second = settings.ENDPOINT if first == LOOPBACK else LOOPBACK
        settings.bind_account(tmp_path, self.account("a", endpoint=first))
        with pytest.raises(AccountMismatch, match="BILL_ETL_HOME"):
            settings.bind_account(tmp_path, self.account("b", endpoint=second))
        assert not paths.account_file(tmp_path, "b").exists()

    def test_homes_are_apart(self, tmp_path: Path) -> None:
        """The same name may stand for another account in another home."""
        settings.bind_account(tmp_path / "one", self.account())
        settings.bind_account(tmp_path / "two", self.account(role="distributor"))

    def test_two_processes_binding_at_once_agree(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever binds second sees a whole file, never a half: the first binding stands for both."""
        link = Path.hardlink_to

        def late(file: Path, target: Path) -> None:
            monkeypatch.undo()
            settings.bind_account(tmp_path, self.account(role="distributor"))
            link(file, target)

        monkeypatch.setattr(Path, "hardlink_to", late)
        with pytest.raises(AccountMismatch, match="distributor"):
            settings.bind_account(tmp_path, self.account())
        kept = paths.account_file(tmp_path, "default").parent.iterdir()
        assert [file.name for file in kept] == ["default.json"]

    def test_no_secret_is_kept(self, tmp_path: Path) -> None:
        """The binding holds host and role, nothing else."""
        settings.bind_account(tmp_path, self.account(token=TOKEN))
        kept = paths.account_file(tmp_path, "default").read_text()
        assert kept == '{"host":"intlpartnersmgt.intl.tencentcloudapi.com","role":"reseller"}'

    def test_a_damaged_binding_is_named(self, tmp_path: Path) -> None:
        """A binding that cannot be read is refused with its place."""
        settings.bind_account(tmp_path, self.account())
        paths.account_file(tmp_path, "default").write_text("{")
        with pytest.raises(AccountMismatch, match=re.escape(str(paths.account_file(tmp_path, "default").parent))):
            settings.bind_account(tmp_path, self.account())

    def test_a_home_that_cannot_be_written_is_the_disks_fault(self, tmp_path: Path) -> None:
        """A refusal of the disk is told as such."""
        (tmp_path / "state").write_text("a file where a folder should be")
        with pytest.raises(StorageFailed, match=r"default\.json"):
            settings.bind_account(tmp_path, self.account())


def test_the_file_of_terms_is_the_one_that_is_named_or_beside_the_accounts(tmp_path: Path) -> None:
    """customers.csv is optional; one that is named must be there; a sandbox never reads one."""
    assert settings.customers_file(tmp_path, {}) is None
    with pytest.raises(SettingError, match=r"BILL_ETL_CUSTOMERS.*terms\.csv"):
        settings.customers_file(tmp_path, {"BILL_ETL_CUSTOMERS": "terms.csv"})
    for name in ("customers.csv", "terms.csv"):
        (tmp_path / name).touch()
    assert settings.customers_file(tmp_path, {}) == tmp_path / "customers.csv"
    named = {"BILL_ETL_CUSTOMERS": "terms.csv"}
    assert settings.customers_file(tmp_path, named) == tmp_path / "terms.csv"
    assert settings.customers_file(tmp_path, named | {"BILL_ETL_SANDBOX": "http://127.0.0.1:1"}) is None
