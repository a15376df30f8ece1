"""Names, contacts and dates of accounts, invented from their UIN: the same on any day.

`world` decides which accounts there are, `credit` what they owe.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from pipelines.sandbox.bill import chance

NAMES = (
    "Harbour Analytics Pte. Ltd.",
    "深圳市云上科技有限公司",
    'Zoë & Söhne, "Digital" GmbH',
    "株式会社テスト",
    "O'Brien\u00a0Shipping",
    "PT Awan Nusantara",
    "บริษัท ทดสอบ จำกัด",
    "-",
)
REMARKS = ("", "pays late, call first", "重点客户", None, "two\nlines", "-")
FIRST_BINDING = datetime(2022, 3, 1)  # noqa: DTZ001  the API's times carry no offset; they are UTC+8
ACCOUNT_STATUSES = ("0", "0", "0", "0", "2")
AUTH_STATUSES = ("3", "3", "3", "3", "0", "2", "-1", "-999")
VERIFIED = "3"


class Profile(NamedTuple):
    """Name, contact, dates and status of an account. Times are text in UTC+8, None for what never happened."""

    name: str
    email: str | None
    mobile: str | None
    remark: str | None
    bound_at: str
    registered_at: str
    verified_at: str | None
    account_status: str
    auth_status: str
    auth_type: int

    @property
    def is_verified(self) -> bool:
        """Whether its identity was verified."""
        return self.auth_status == VERIFIED


@lru_cache(maxsize=20_000)
def profile(seed: int, uin: str) -> Profile:
    """Return the profile of an account."""
    dice = chance(seed, uin, "profile")
    bound = FIRST_BINDING + timedelta(seconds=dice.randrange(900 * 24 * 3600))
    auth_status = dice.choice(AUTH_STATUSES)
    is_verified = auth_status == VERIFIED
    return Profile(
        name=dice.choice(NAMES) + f" {uin[-4:]}",
        email=dice.choice((f"billing+{uin[-4:]}@example.com", f"ops.{uin[-6:]}@example.org", None)),
        mobile=dice.choice((f"65-8{dice.randrange(10**7):07d}", f"86-1{dice.randrange(10**10):010d}", "")),
        remark=dice.choice(REMARKS),
        bound_at=bound.isoformat(" "),
        registered_at=(bound - timedelta(days=dice.randrange(1, 400))).isoformat(" "),
        verified_at=(bound + timedelta(days=2)).isoformat(" ") if is_verified else None,
        account_status=dice.choice(ACCOUNT_STATUSES),
        auth_status=auth_status,
        auth_type=dice.randrange(2) if is_verified else -1,
    )
