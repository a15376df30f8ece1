"""Files of the sandbox over HTTP: when they are ready, how their links are kept, and that what is in them ties out."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import stamina

from pipelines.client import Client, Credential, FreePacer
from pipelines.endpoints import ACTIONS, DATASETS
from pipelines.endpoints.shapes import Role
from pipelines.errors import RequestFailed, RequestUnanswered
from pipelines.land.bill_files import file_pages
from pipelines.pages import EXTRA, FetchedFile, Slice, exact_sum, parse_amount
from pipelines.periods import BILLING_ZONE
from pipelines.sandbox import Principal, Sandbox, World, files
from pipelines.sandbox.bill import money
from pipelines.sandbox.bill_view import Filters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pipelines.sandbox.bill_view import BillView

WORLD = World(customers=5, lines=700, largest=400)
NOW = datetime(2026, 11, 20, 12, tzinfo=BILLING_ZONE)
MONTH = "2026-10"
PRINCIPALS = {role: Principal(f"AKID{role}", f"key-of-{role}", role) for role in Role}
FIRST = WORLD.customer_uins[0]
INDIRECT = WORLD.indirect_uins(WORLD.reseller_uins[0])
BILL, OWN, REBATE = "DescribeCustomerBillDownloadUrl", "DescribeBillDownloadUrl", "DescribeRebateDownloadUrl"

Row = dict[str, Any]


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Nothing is tried again."""
    with stamina.set_testing(testing=True, attempts=1):
        yield


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox without limits, with an account of each role."""
    with Sandbox(PRINCIPALS.values(), WORLD, now=NOW, limits=False) as running:
        yield running


def client(sandbox: Sandbox, role: Role) -> Client:
    """Return our own client of an account of this role."""
    principal = PRINCIPALS[role]
    return Client(
        account="workspace",
        endpoint=sandbox.url,
        credential=Credential(principal.secret_id, principal.secret_key),
        pacer=FreePacer(),
    )


def ask(
    sandbox: Sandbox, action: str, role: Role, times: int = 1, month: str = MONTH, **parameters: Any
) -> list[tuple[str, str]]:
    """Ask for a link a few times; return the links and whether they are ready."""

    async def run() -> list[tuple[str, str]]:
        async with client(sandbox, role) as caller:
            replies = [await caller.call(ACTIONS[action], {"Month": month, **parameters}) for _ in range(times)]
            return [(reply.response["DownloadUrl"], reply.response["Ready"]) for reply in replies]

    return asyncio.run(run())


def code(sandbox: Sandbox, action: str, role: Role, month: str = MONTH, **parameters: Any) -> str:
    """Return the code that a question is refused with."""
    with pytest.raises(RequestFailed) as caught:
        ask(sandbox, action, role, month=month, **parameters)
    return caught.value.code


def link(sandbox: Sandbox, action: str, role: Role, **parameters: Any) -> str:
    """Ask for a link until it is ready."""
    return ask(sandbox, action, role, times=2, **parameters)[-1][0]


def of_customer(file_type: str, uin: str = FIRST, kind: str = "Customer") -> dict[str, Any]:
    """Return the parameters of a customer's bill."""
    return {"FileType": file_type, "CustomerUinType": kind, "CustomerUin": int(uin)}


def rows(folder: Path, sandbox: Sandbox, dataset: str, action: str, role: Role, **parameters: Any) -> list[Row]:
    """Download a file and read it as a dataset's, as a run does; `_file` is added."""
    url = link(sandbox, action, role, **parameters)

    async def run() -> FetchedFile:
        async with client(sandbox, role) as caller:
            download = await caller.download(url, folder)
            return FetchedFile(Slice(), download.path, download.digest, "r", NOW)

    fetched = asyncio.run(run())
    return [
        {**row, "_file": page.file} for page in file_pages(DATASETS[dataset], fetched) for row in page.rows.to_pylist()
    ]


def total(found: list[Row], column: str = "TotalCost") -> str:
    """Add a column, spelled as the API does."""
    return format(exact_sum(parse_amount(row[column]) for row in found), ".8f")


def statement(uin: str = FIRST) -> BillView:
    """Return what all other answers about a customer are made of."""
    return WORLD.bill_view(uin, MONTH, NOW)


def columns_of(found: list[Row]) -> set[str]:
    """Name the columns in which any row has something."""
    return {name for row in found for name, value in row.items() if value is not None} - {"_file"}


def test_a_file_is_being_made_when_it_is_first_asked_for(sandbox: Sandbox) -> None:
    """The first answer has no link; the next ones have, each its own; another question begins anew."""
    (first, not_yet), (second, ready), (third, _) = ask(
        sandbox, BILL, Role.RESELLER, times=3, **of_customer("billDetail")
    )
    assert (first, not_yet, ready) == ("", "0", "1")
    assert second.startswith(f"{sandbox.url}/files/L3-bill_details-{FIRST}-202610-")
    assert second != third
    assert ask(sandbox, BILL, Role.RESELLER, **of_customer("billResource")) == [("", "0")]
    sandbox.storage.ready_after = 3
    asked = ask(sandbox, REBATE, Role.RESELLER, times=4, FileType="CommissionDetail")
    assert [ready for _, ready in asked] == ["0", "0", "0", "1"]


def test_a_link_is_good_to_the_letter_for_an_hour(sandbox: Sandbox) -> None:
    """Spelled in another way, with another signature, with a credential or too late, it leads to nothing."""
    url = link(sandbox, BILL, Role.RESELLER, FileType="billDetailPack", CustomerUinType="Customer")
    target = url.removeprefix(sandbox.url).encode()
    assert target.startswith(b"/files/%2Fmnt/")

    def status(asked: bytes, **headers: str) -> int:
        request = httpx.Request("GET", sandbox.url, headers=headers, extensions={"target": asked})
        with httpx.Client(trust_env=False) as http:
            return http.send(request).status_code

    assert status(target) == 200
    assert status(target.replace(b"%2F", b"/", 1)) == 403
    assert status(target.replace(b"%2F", b"%2f", 1)) == 403
    assert status(target.replace(b"+", b"%20")) == 403
    assert status(target.partition(b"?")[0]) == 403
    assert status(target + b"0") == 403
    assert status(target, authorization="TC3-HMAC-SHA256 Credential=x") == 400
    assert status(target, **{"x-tc-token": "x"}) == 400
    assert sandbox.storage.lifetime == 3600
    sandbox.storage.lifetime = 0
    assert status(target) == 403


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        (BILL, {"FileType": "billResourcePack", "CustomerUinType": "Customer"}),
        (REBATE, {"FileType": "CommissionDetail"}),
    ],
)
def test_archives_do_not_tell_when_they_were_made(sandbox: Sandbox, action: str, asked: dict[str, Any]) -> None:
    """By whichever link and whenever, equal questions lead to equal bytes."""
    contents = [httpx.get(link(sandbox, action, Role.RESELLER, **asked), trust_env=False).content for _ in range(2)]
    assert contents[0] == contents[1]
    with zipfile.ZipFile(io.BytesIO(contents[0])) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert not any(b"<dcterms:" in archive.read(name) for name in archive.namelist())


def test_an_expired_link_is_refused_to_our_client(sandbox: Sandbox, tmp_path: Path) -> None:
    """The client tells it apart from failures that pass."""
    url = link(sandbox, BILL, Role.RESELLER, **of_customer("billDetail"))
    sandbox.storage.lifetime = 0

    async def run() -> None:
        async with client(sandbox, Role.RESELLER) as caller:
            await caller.download(url, tmp_path)

    with pytest.raises(RequestUnanswered) as caught:
        asyncio.run(run())
    assert caught.value.code == "DownloadRefused"


def test_a_customers_detail_is_its_bill_line_by_line(sandbox: Sandbox, tmp_path: Path) -> None:
    """The CSV has the lines of the paged answer in their order; every documented header is known."""
    found = rows(tmp_path, sandbox, "customer_bill_detail_files", BILL, Role.RESELLER, **of_customer("billDetail"))
    lines = statement().page(Filters(), slice(None))
    assert [row["TotalCost"] for row in found] == [money(line.amounts.total) for line in lines]
    assert [row["TransactionId"] for row in found] == [line.head[0] for line in lines]
    assert columns_of(found) == {*DATASETS["customer_bill_detail_files"].columns} - {"Id"}
    first = found[0]
    assert (first["BillMonth"], first["OwnerAccountId"], first["Currency"]) == (MONTH, FIRST, "USD")
    assert first["BusinessCode"].startswith("p_")
    assert first["ProductCode"].startswith("sp_")
    assert first["ItemCode"].startswith("sv_")
    assert {"two\nlines\tand a tab", "-", ""} <= {row["InstanceName"] for row in found}


def test_what_no_binary_float_holds_is_in_the_file(sandbox: Sandbox, tmp_path: Path) -> None:
    """The third customer's large line comes with all its digits."""
    found = rows(
        tmp_path,
        sandbox,
        "customer_bill_detail_files",
        BILL,
        Role.RESELLER,
        **of_customer("billDetail", WORLD.customer_uins[2]),
    )
    assert "1234567890123.12345678" in {row["TotalCost"] for row in found}
    assert total(found) == money(statement(WORLD.customer_uins[2]).sums().total)


def test_a_customers_resources_are_its_bill_in_cents(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each instance's lines come as few rows at two decimals, whose sum is the bill's but for rounding."""
    found = rows(tmp_path, sandbox, "customer_bill_resource_files", BILL, Role.RESELLER, **of_customer("billResource"))
    exact = Decimal(money(statement().sums().total))
    assert len(found) < statement().count(Filters())
    assert abs(Decimal(total(found)) - exact) <= Decimal("0.005") * len(found)
    assert {len(row["TotalCost"].partition(".")[2]) for row in found} == {2}
    assert {row["InstanceId"] for row in found} == {
        json.loads(line.text)["InstanceId"] for line in statement().page(Filters(), slice(None))
    }


@pytest.mark.parametrize("level", ["Detail", "Resource"])
def test_a_pack_holds_all_customers(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    """There is a CSV for each customer, also for one without lines, and several for one with very many."""
    monkeypatch.setattr(files, "LINES_PER_CSV", 300)
    asked = {"FileType": f"bill{level}Pack", "CustomerUinType": "Customer"}
    found = rows(tmp_path, sandbox, f"customer_bill_{level.lower()}_packs", BILL, Role.RESELLER, **asked)
    sums: defaultdict[str, list[Row]] = defaultdict(list)
    for row in found:
        sums[row["OwnerAccountId"]].append(row)
    exact = {uin: Decimal(money(statement(uin).sums().total)) for uin in WORLD.customer_uins}
    for uin, of_customer_ in sums.items():
        rounded = Decimal("0.005") * len(of_customer_) if level == "Resource" else 0
        assert abs(Decimal(total(of_customer_)) - exact[uin]) <= rounded
    (path,) = tmp_path.iterdir()
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        names = archive.namelist()
    assert {name.split("-")[2] for name in names} == set(WORLD.customer_uins)
    assert len([name for name in names if FIRST in name]) == (2 if level == "Detail" else 1)


def test_a_distributor_has_its_resellers_customers_in_a_pack_of_their_own(sandbox: Sandbox, tmp_path: Path) -> None:
    """Customers of second-level resellers are asked for as such, one by one too."""
    indirect = {uin for reseller in WORLD.reseller_uins for uin in WORLD.indirect_uins(reseller)}
    asked = {"FileType": "billDetailPack", "CustomerUinType": "ResellerCustomer"}
    found = rows(tmp_path, sandbox, "customer_bill_detail_packs", BILL, Role.DISTRIBUTOR, **asked)
    exact = exact_sum(Decimal(money(statement(uin).sums().total)) for uin in indirect)
    assert Decimal(total(found)) == exact
    assert {row["OwnerAccountId"] for row in found} <= indirect
    one = of_customer("billDetail", INDIRECT[0], "ResellerCustomer")
    assert link(sandbox, BILL, Role.DISTRIBUTOR, **one)
    assert code(sandbox, BILL, Role.DISTRIBUTOR, **one | {"CustomerUinType": "Customer"}) == "InvalidParameter"
    own = of_customer("billDetail", INDIRECT[0])
    assert link(sandbox, BILL, Role.SECOND_LEVEL_RESELLER, **own)


def test_a_customer_has_its_own_bill(sandbox: Sandbox, tmp_path: Path) -> None:
    """Own files have other headers and a column for each tag, and sum to the same bill."""
    found = rows(tmp_path, sandbox, "own_bill_detail_files", OWN, Role.CUSTOMER, FileType="L3")
    assert total(found) == money(statement().sums().total)
    assert columns_of(found) == {*DATASETS["own_bill_detail_files"].columns, EXTRA} - {"Id", "InstanceType"}
    assert '"tag_key:env":"prod"' in "".join(row[EXTRA] for row in found)
    found = rows(tmp_path, sandbox, "own_bill_resource_files", OWN, Role.CUSTOMER, FileType="L2")
    rounded = Decimal("0.005") * len(found)
    assert abs(Decimal(total(found)) - Decimal(money(statement().sums().total))) <= rounded
    known = {*DATASETS["own_bill_resource_files"].columns}
    assert {"BillMonth", "InstanceId", "OriginalCost", "TotalCost", EXTRA} <= columns_of(found) <= {*known, EXTRA}


def test_commission_is_a_workbook_by_customer_and_product(sandbox: Sandbox, tmp_path: Path) -> None:
    """It has 5 % of what each customer paid for each product."""
    found = rows(tmp_path, sandbox, "commission_files", REBATE, Role.RESELLER, FileType="CommissionDetail")
    assert {row["_file"].rpartition("/")[2] for row in found} == {"Commission Details"}
    of_first = [row for row in found if row["CustomerUin"] == FIRST]
    by_product = statement().sums_by(lambda group: group.business)
    assert len(of_first) == len(by_product)
    exact = Decimal(money(statement().sums().total)) * 5 / 100
    assert abs(Decimal(total(of_first, "CommissionAmount")) - exact) <= Decimal("0.01") * len(of_first)
    assert columns_of(found) == {*DATASETS["commission_files"].columns} - {
        "SubProductName",
        "BillingMode",
        "TransactionType",
    }


REFUSED: list[tuple[str, Role, str, Mapping[str, Any], str]] = [
    (BILL, Role.RESELLER, "2026-11", {"FileType": "billDetailPack", "CustomerUinType": "Customer"}, "FailedOperation"),
    (REBATE, Role.RESELLER, "2026-11", {"FileType": "CommissionDetail"}, "InvalidParameterValue"),
    (REBATE, Role.RESELLER, MONTH, {"FileType": "Commission"}, "InvalidParameterValue"),
    (BILL, Role.RESELLER, MONTH, {"FileType": "billDetail", "CustomerUinType": "Customer"}, "InvalidParameter"),
    (BILL, Role.RESELLER, MONTH, of_customer("billDetailPack"), "InvalidParameter"),
    (BILL, Role.RESELLER, MONTH, of_customer("bill"), "InvalidParameterValue"),
    (BILL, Role.RESELLER, MONTH, of_customer("billDetail", kind="Stranger"), "InvalidParameterValue"),
    (BILL, Role.RESELLER, MONTH, of_customer("billDetail", kind="Reseller"), "FailedOperation"),
    (BILL, Role.RESELLER, MONTH, of_customer("billDetail") | {"FileLanguage": "fr"}, "InvalidParameterValue"),
    (BILL, Role.RESELLER, MONTH, of_customer("billDetail", "1"), "UnauthorizedOperation.NotCustomerUin"),
    (BILL, Role.RESELLER, "2023-10", of_customer("billResource"), "InvalidParameter"),
    (BILL, Role.CUSTOMER, MONTH, of_customer("billDetail"), "UnauthorizedOperation.UinNoAuth"),
    (
        BILL,
        Role.RESELLER,
        MONTH,
        {"FileType": "billDetailPack", "CustomerUinType": "ResellerCustomer"},
        "FailedOperation",
    ),
    (OWN, Role.CUSTOMER, MONTH, {"FileType": "L1"}, "InvalidParameterValue"),
    (OWN, Role.CUSTOMER, "2023-10", {"FileType": "L2"}, "InvalidParameter"),
]


def test_what_there_is_not_is_refused(sandbox: Sandbox) -> None:
    """Months too early or not billed, strangers, and what no document lists."""
    asked = [(action, role, month, parameters) for action, role, month, parameters, _ in REFUSED]
    found = [code(sandbox, action, role, month, **parameters) for action, role, month, parameters in asked]
    assert found == [expected for *_, expected in REFUSED]


def test_a_running_months_bill_is_as_far_as_it_is_booked(sandbox: Sandbox, tmp_path: Path) -> None:
    """A single customer's file is there before the month is billed."""
    found = rows(
        tmp_path,
        sandbox,
        "customer_bill_detail_files",
        BILL,
        Role.RESELLER,
        month="2026-11",
        **of_customer("billDetail"),
    )
    assert total(found) == money(WORLD.bill_view(FIRST, "2026-11", NOW).sums().total)
    assert {row["PaymentStatus"] for row in found} == {"Unpaid"}
