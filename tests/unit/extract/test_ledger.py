"""The page ledger: what is stored comes back as it was, or is told to be lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Never

import pyarrow as pa
import pytest

from pipelines.endpoints.shapes import Paging
from pipelines.errors import CorruptFile, StorageFailed
from pipelines.extract.ledger import Ledger
from pipelines.pages import EXTRA, FetchedFile, Page, Slice, decode, text_rows
from tests.unit.matrix import check_all

if TYPE_CHECKING:
    from pathlib import Path

Opened = Callable[..., Ledger]
COLUMNS = ("Id", "TotalCost")
SCHEMA = pa.schema([(name, pa.string()) for name in (*COLUMNS, EXTRA)])
AT = datetime(2026, 11, 20, 4, 5, 6, 789, tzinfo=UTC)


def page(customer: str | None, number: int, *costs: str) -> Page:
    """Make a page with a row for each cost."""
    rows = [decode(f'{{"Id": "云 {index}", "TotalCost": {cost}, "New": 1.50}}') for index, cost in enumerate(costs)]
    return Page(customer, number, f"request {number}", AT, text_rows(rows, COLUMNS))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the ledger is kept."""
    return tmp_path / "ledgers" / "acme" / "2026-10.sqlite"


@pytest.fixture
def opened(file: Path) -> Iterator[Opened]:
    """Open the ledger, as often as wanted; all are closed at the end."""
    ledgers = []

    def again(**fingerprint: Any) -> Ledger:
        ledgers.append(Ledger(file, {"day": "2026-11-20"} | fingerprint))
        return ledgers[-1]

    yield again
    for ledger in ledgers:
        ledger.close()


def read(ledger: Ledger, customer: str | None = "1", attempt: int = 1) -> list[Page]:
    """Read the stored pages of a customer."""
    return list(ledger.pages(Slice(customer), attempt, SCHEMA))


def test_pages_come_back_as_they_were(opened: Opened) -> None:
    """A page comes back after reopening with every row, text, number and time, in the order of page numbers."""
    first = opened()
    stored = [page("1", number, "0.10", "1234567890123.12345678", "-0") for number in (3, 1, 2)]
    for one in stored:
        first.store(one, 1, 9, Decimal("1234567890123.22345678"))
    first.close()
    back = read(opened())
    assert [one.number for one in back] == [1, 2, 3]
    for one, before in zip(back, sorted(stored, key=lambda one: one.number), strict=True):
        assert one.rows.equals(before.rows)
        assert (one.customer_uin, one.request_id, one.fetched_at, one.digest) == (
            before.customer_uin,
            before.request_id,
            before.fetched_at,
            before.digest,
        )


def test_an_entry_says_what_the_page_held(opened: Opened) -> None:
    """Entries tell total, rows, exact cost, digest and time of each page without reading rows."""
    one = page("1", 1, "1", "2")
    told = opened().store(one, 1, 7, Decimal("3.00000000000000000000000000001"))
    entries = opened().entries(Slice("1"), 1)
    assert entries == {1: told}
    assert (told.number, told.total, told.rows, told.digest, told.fetched_at) == (1, 7, 2, one.digest, AT)
    assert told.cost == Decimal("3.00000000000000000000000000001")


def test_customers_and_attempts_are_kept_apart(opened: Opened) -> None:
    """Pages of other customers, of the whole account and of other attempts are not mixed up."""
    ledger = opened()
    ledger.store(page("1", 1, "1"), 1, None, None)
    ledger.store(page("1", 1, "2"), 2, None, None)
    ledger.store(page("2", 1, "3"), 1, None, None)
    ledger.store(page(None, 1, "4"), 1, None, None)
    ledger.confirm(Slice("1"), 2, stood_still=False)
    found = [
        read(ledger, *key)[0].rows.column("TotalCost")[0].as_py() for key in (("1", 1), ("1", 2), ("2", 1), (None, 1))
    ]
    assert found == ["1", "2", "3", "4"]
    assert [ledger.confirmation(Slice(uin), attempt) for uin, attempt in (("1", 1), ("1", 2), ("2", 2))] == [
        None,
        False,
        None,
    ]
    assert ledger.entries(Slice("3"), 1) == {}
    assert ledger.page_count() == 4


def test_parts_of_a_customer_are_kept_apart(opened: Opened) -> None:
    """What was asked about one customer in two ways is not mixed up, nor what was asked of nobody in particular."""
    ledger = opened()
    slices = [Slice("1"), Slice("1", '{"VoucherId":1}'), Slice(None, '{"VoucherId":1}'), Slice()]
    for number, slice_ in enumerate(slices):
        rows = page(None, 1, str(number)).rows
        ledger.store(Page(slice_.customer_uin, 1, "request", AT, rows, slice_params=slice_.slice_params), 1, None, None)
    ledger.confirm(slices[1], 1, stood_still=True)
    back = [next(ledger.pages(slice_, 1, SCHEMA)) for slice_ in slices]
    assert [one.rows.column("TotalCost")[0].as_py() for one in back] == ["0", "1", "2", "3"]
    assert [one.slice for one in back] == slices
    assert [ledger.confirmation(slice_, 1) for slice_ in slices] == [None, True, None, None]


def test_what_stood_beside_the_rows_comes_back(opened: Opened) -> None:
    """A page keeps the rest of its reply and the names of its fields; nothing is told from an empty rest."""
    ledger = opened()
    told = [(None, frozenset()), ('{"TotalRecordsCount":"12","Month":"云"}', frozenset({"Id", "云"}))]
    for number, (reply, fields) in enumerate(told):
        one = Page("1", number, "request", AT, page("1", number, "1").rows, reply=reply, fields=fields)
        ledger.store(one, 1, None, None)
    assert [(one.reply, one.fields) for one in read(opened())] == told


def test_how_an_attempt_is_paged_is_that_of_the_last_before(opened: Opened) -> None:
    """An attempt begins with what the one before found, and keeps what it finds itself."""
    ledger = opened()
    slice_ = Slice("1")
    assert ledger.paging(slice_, 1) is None
    ledger.settle(slice_, 2, Paging(size=50, documented=False))
    ledger.settle(slice_, 2, Paging(size=20, first=0))
    assert ledger.paging(slice_, 1) is None
    assert [ledger.paging(slice_, attempt) for attempt in (2, 3)] == [Paging(size=20, first=0)] * 2
    assert ledger.paging(Slice("2"), 2) is None


def test_pages_of_another_size_go_with_the_finding(opened: Opened) -> None:
    """What is found of a page's size forgets the pages of that attempt, and of no other."""
    ledger = opened()
    for uin, attempt in (("1", 1), ("1", 2), ("2", 2)):
        ledger.store(page(uin, 1, "1"), attempt, 1, None)
    ledger.settle(Slice("1"), 2, Paging(size=50), anew=True)
    assert [len(ledger.entries(Slice(uin), attempt)) for uin, attempt in (("1", 1), ("1", 2), ("2", 2))] == [1, 0, 1]


def test_a_file_is_remembered_while_it_is_there(opened: Opened, tmp_path: Path) -> None:
    """A downloaded file comes back with its place in the folder that is told, until it is gone or cut."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "abc").write_bytes(b"bill")
    file = FetchedFile(Slice("1", "{}"), folder / "abc", "abc", "request 1", AT)
    first = opened()
    first.keep_file(file)
    first.close()
    again = opened()
    assert again.file(file.slice, folder) == file
    assert again.file(Slice("1"), folder) is None
    assert again.file(file.slice, tmp_path) is None
    (folder / "abc").write_bytes(b"cut")
    assert again.file(file.slice, folder) is None


def test_storing_a_page_again_replaces_it(opened: Opened) -> None:
    """A page that was in flight at a kill may be stored again; it counts once."""
    ledger = opened()
    ledger.store(page("1", 1, "1"), 1, 1, None)
    ledger.store(page("1", 1, "2"), 1, 1, None)
    assert [one.rows.column("TotalCost").to_pylist() for one in read(ledger)] == [["2"]]


def test_the_same_question_carries_on(opened: Opened) -> None:
    """A ledger of the same question keeps its pages and the time when asking began."""
    first = opened()
    first.store(page("1", 1, "1"), 1, 1, None)
    first.confirm(Slice("1"), 1, stood_still=True)
    again = opened()
    assert again.requested_from == first.requested_from
    assert again.page_count() == 1
    assert again.confirmation(Slice("1"), 1) is True


def test_another_question_empties_it(opened: Opened) -> None:
    """A ledger of another question, or day, begins with nothing."""
    first = opened()
    first.store(page("1", 1, "1"), 1, 1, None)
    first.confirm(Slice("1"), 1, stood_still=True)
    other = opened(day="2026-11-21")
    assert other.requested_from > first.requested_from
    assert other.page_count() == 0
    assert other.confirmation(Slice("1"), 1) is None


def test_a_ledger_of_another_version_starts_anew(opened: Opened, file: Path) -> None:
    """Tables of another shape, left by another version of the code, are replaced rather than stumbled over."""
    opened().close()
    with sqlite3.connect(file) as connection:
        connection.execute("drop table pages")
        connection.execute("create table pages (something text)")
        connection.execute("""update origin set fingerprint = replace(fingerprint, 'checksum', 'control')""")
    connection.close()
    ledger = opened()
    ledger.store(page("1", 1, "1"), 1, 1, None)
    assert ledger.page_count() == 1


def test_only_the_owner_can_read_it(opened: Opened, file: Path) -> None:
    """The ledger, what SQLite keeps beside it, and its folder are the owner's alone."""
    opened().store(page("1", 1, "1"), 1, 1, None)
    files = list(file.parent.iterdir())
    assert len(files) == 3
    assert {one.stat().st_mode & 0o777 for one in files} == {0o600}
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_closing_keeps_it_and_removing_does_not(opened: Opened, file: Path) -> None:
    """A closed ledger stays for the next run; a removed one leaves nothing."""
    first = opened()
    first.store(page("1", 1, "1"), 1, 1, None)
    first.close()
    assert file.exists()
    opened().remove()
    assert list(file.parent.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be read as one" * 40, b"SQLite format 3\0" * 300]
)
def test_a_file_that_is_no_ledger_is_moved_away(opened: Opened, file: Path, content: bytes) -> None:
    """A ledger that cannot be read is moved away and told; the next opening starts anew."""
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with pytest.raises(CorruptFile, match=r"2026-10\.sqlite\.corrupt") as told:
        opened()
    assert str(file) in str(told.value)
    assert opened().page_count() == 0
    assert file.with_name("2026-10.sqlite.corrupt").read_bytes() == content


def spoil(file: Path, statement: str) -> None:
    """Change a ledger behind its back."""
    with sqlite3.connect(file) as connection:
        assert connection.execute(statement).rowcount == 1
    connection.close()


def test_a_page_that_is_not_as_it_was_stored_is_never_handed_over(opened: Opened, file: Path) -> None:
    """A changed byte in a stored page is found: the page is not landed, and the next opening starts anew."""
    stored = page("1", 1, "0.10", "0.20").rows
    one = Page("1", 1, "request 1", AT, stored, reply='{"Month":"2026-10"}', fields=frozenset({"Id"}))

    def check(statement: str) -> None:
        first = opened()
        first.store(one, 1, 2, None)
        first.close()
        spoil(file, statement)
        with pytest.raises(CorruptFile):
            read(opened())
        assert opened().page_count() == 0

    statements = [
        "update pages set body = zeroblob(length(body))",
        "update pages set body = substr(body, 1, length(body) - 1)",
        "update pages set body = cast(substr(body, 1, 40) || x'00' || substr(body, 42) as blob)",
        "update pages set size = size + 1",
        "update pages set reply = '{}'",
        "update pages set fields = '[]'",
        "update pages set fetched_at = 'yesterday'",
    ]
    check_all(check, statements)


def test_a_flipped_byte_anywhere_in_a_page_is_found(opened: Opened, file: Path) -> None:
    """Also where it still decompresses to something, a page with a changed byte is not handed over."""
    first = opened()
    first.store(page("1", 1, *(str(number) for number in range(3))), 1, 3, None)
    (body,) = first._db.execute("select body from pages").fetchone()
    for place in range(0, len(body), 9):
        spoilt = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        first._db.execute("update pages set body = ?", (spoilt,))
        with pytest.raises(ValueError):  # noqa: PT011 - by the checksum or by what decompresses it
            first._rows(spoilt, *first._db.execute("select size, checksum from pages").fetchone(), SCHEMA)
    with pytest.raises(CorruptFile):
        read(first)


def test_a_corrupt_ledger_that_cannot_be_moved_is_told_too(
    opened: Opened, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the damaged file cannot be moved away either, the person is asked to delete it."""
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no database" * 100)

    def refuse(self: Any, target: Any) -> Never:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(type(file), "replace", refuse)
    with pytest.raises(CorruptFile, match="Read-only file system"):
        opened()


def test_a_full_disk_is_told_as_such(opened: Opened, file: Path) -> None:
    """A page that does not fit on the disk is a refusal of the disk, not damage: what was stored stays."""
    ledger = opened()
    ledger.store(page("1", 1, "1"), 1, 2, None)
    pages = ledger._db.execute("pragma page_count").fetchone()[0]
    ledger._db.execute(f"pragma max_page_count = {pages}")
    large = page("1", 2, *(str(number * 7919) for number in range(5000)))
    with pytest.raises(StorageFailed, match=rf"{file.name}.*full"):
        ledger.store(large, 1, 2, None)
    ledger.close()
    assert [one.number for one in read(opened())] == [1]


def test_a_folder_that_cannot_be_made_is_the_disks_fault(opened: Opened, tmp_path: Path) -> None:
    """Where there can be no ledger at all, the disk's refusal names it."""
    (tmp_path / "ledgers").write_text("a file where a folder should be")
    with pytest.raises(StorageFailed, match=r"2026-10\.sqlite"):
        opened()


def test_a_mistake_of_ours_does_not_throw_pages_away(opened: Opened, file: Path) -> None:
    """Using a ledger that is closed is a mistake in the code: it is raised as such, and the pages stay."""
    ledger = opened()
    ledger.store(page("1", 1, "1"), 1, 1, None)
    ledger.close()
    with pytest.raises(sqlite3.ProgrammingError):
        ledger.page_count()
    assert opened().page_count() == 1
