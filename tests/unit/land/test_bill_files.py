"""Downloaded files as tables: what is read of them, to the letter, and what is refused before it does harm."""

from __future__ import annotations

import csv
import io
import json
import random
import traceback
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from itertools import cycle, product
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from pipelines.endpoints import DATASETS
from pipelines.endpoints.files import COMMISSION, CUSTOMER_DETAIL, OWN_DETAIL
from pipelines.errors import StorageFailed, UnreadableFile
from pipelines.land import bill_files
from pipelines.land.bill_files import file_pages
from pipelines.pages import EXTRA, FetchedFile, Page, Slice
from tests.unit.matrix import check_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa

    from pipelines.endpoints.shapes import Dataset

DETAIL = DATASETS["customer_bill_detail_files"]
OWN = DATASETS["own_bill_detail_files"]
REBATES = DATASETS["commission_files"]
SUBJECT = Slice("200012345678", '{"CustomerUinType":"Customer"}')
DIGEST = "0123456789abcdef" * 4
AT = datetime(2026, 11, 20, 4, tzinfo=UTC)
CSV = b"Bill Month,Instance Name,Total Cost,Currency\n"


def pages(folder: Path, content: bytes, dataset: Dataset = DETAIL) -> list[Page]:
    """Read a file with this content."""
    path = folder / DIGEST
    path.write_bytes(content)
    try:
        return list(file_pages(dataset, FetchedFile(SUBJECT, path, DIGEST, "request 1", AT)))
    finally:
        assert [left.name for left in folder.iterdir()] == [DIGEST], "what was expanded is gone"


def rows(folder: Path, content: bytes, dataset: Dataset = DETAIL) -> list[dict[str, Any]]:
    """Read a file's rows, without columns that are null everywhere."""
    found = [row for page in pages(folder, content, dataset) for row in page.rows.to_pylist()]
    filled = {name for row in found for name, value in row.items() if value is not None}
    return [{name: value for name, value in row.items() if name in filled} for row in found]


def refused(folder: Path, content: bytes, fact: str = "", dataset: Dataset = DETAIL) -> str:
    """Read a file that is no table, which its error tells with this fact; return all that the error shows."""
    with pytest.raises(UnreadableFile, match=fact or "customer") as caught:
        pages(folder, content, dataset)
    assert (caught.value.customer_uin, caught.value.slice_params) == SUBJECT
    text = str(caught.value)
    assert dataset.name in text
    assert "customer 200012345678" in text
    assert str(folder / DIGEST) in text
    assert "request 1" in text
    return "".join(traceback.format_exception(caught.value))


def archive(members: Iterable[tuple[str, bytes]], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Pack members into a ZIP archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", packing) as file:
        for name, content in members:
            file.writestr(name, content)
    return packed.getvalue()


def workbook(**sheets: list[list[Any]]) -> bytes:
    """Write a workbook of these sheets."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, lines in sheets.items():
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append(line)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def test_a_csv_becomes_pages_with_their_lineage(tmp_path: Path) -> None:
    """A page has the catalogue's columns as text, the subject, the reply that linked to it and the file's digest."""
    (page,) = pages(tmp_path, CSV + b"2026-10,web,0.10000000,USD\n")
    assert page.rows.schema.names == [*DETAIL.columns, EXTRA]
    assert {str(kind) for kind in page.rows.schema.types} == {"string"}
    assert (page.slice, page.number, page.request_id, page.fetched_at) == (SUBJECT, 1, "request 1", AT)
    assert page.file == DIGEST
    assert page.fields == {"BillMonth", "InstanceName", "TotalCost", "Currency"}
    row = page.rows.to_pylist()[0]
    assert (row["TotalCost"], row["Region"], row[EXTRA]) == ("0.10000000", None, None)


def test_values_are_kept_as_they_stand(tmp_path: Path) -> None:
    """Empty values, dashes, spaces, quotes and line ends inside quotes are neither null nor trimmed."""
    lines = b'"",-,,NULL\r\n 1 ,"a ""b"", \r\nc\n",1e5,"N/A"\r\n'
    assert rows(tmp_path, CSV.replace(b"\n", b"\r\n") + lines) == [
        {"BillMonth": "", "InstanceName": "-", "TotalCost": "", "Currency": "NULL"},
        {"BillMonth": " 1 ", "InstanceName": 'a "b", \r\nc\n', "TotalCost": "1e5", "Currency": "N/A"},
    ]


def test_any_usual_way_of_writing_is_read_alike(tmp_path: Path) -> None:
    """Delimiter, line ends, byte order mark and encoding make no difference."""

    def check(delimiter: str, encoding: str, line_end: str) -> None:
        lines = [["Bill Month", "Instance Name", "Total Cost"], ["2026-10", f"数据库{delimiter}主节点", "1"]]
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows(lines)
        assert rows(tmp_path, text.getvalue().encode(encoding)) == [
            {"BillMonth": "2026-10", "InstanceName": f"数据库{delimiter}主节点", "TotalCost": "1"}
        ]

    ways = product([",", ";", "\t", "|"], ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
    ends = cycle(["\n", "\r\n", "\r\n", "\n", "\n"])  # each with every delimiter and every encoding
    check_all(check, [(*way, end) for way, end in zip(ways, ends, strict=False)])


@pytest.mark.parametrize(("seed", "line_end"), [(0, "\n"), (1, "\r\n")])
def test_hard_text_comes_back_to_the_letter(tmp_path: Path, seed: int, line_end: str) -> None:
    """Values full of delimiters, quotes, line ends and text that looks like lines are the ones that were written."""
    dice = random.Random(seed)
    bits = ["a", '"', ",", "\r\n", "\n", "\r", "2026-10,x,1,USD\n", "上", '""', " ", "-", ""]
    lines = [
        [str(number), "".join(dice.choices(bits, k=dice.randrange(12))) * dice.choice((1, 1, 1, 200)), "", "USD"]
        for number in range(3000)
    ]
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=line_end)
    writer.writerows([["Bill Month", "Instance Name", "Total Cost", "Currency"], *lines])
    names = ["BillMonth", "InstanceName", "TotalCost", "Currency"]
    found = [page.rows.select(names).to_pylist() for page in pages(tmp_path, text.getvalue().encode())]
    assert [[*row.values()] for page in found for row in page] == lines


def test_text_is_read_alike_wherever_a_block_of_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A character, a line end or a quoted value that two blocks share is whole."""

    def check(block: int, encoding: str) -> None:
        monkeypatch.setattr(bill_files, "_BLOCK", block)
        content = 'Bill Month,Instance Name\r\n\r\n上海,"测\r\n试""备"\r\n\r\n备,份'.encode(encoding)
        assert rows(tmp_path, content) == [
            {"BillMonth": "上海", "InstanceName": '测\r\n试"备'},
            {"BillMonth": "备", "InstanceName": "份"},
        ]

    check_all(check, product([2, 3, 7, 64], ["utf-8", "gb18030"]))


def test_order_and_page_numbers_run_through_a_long_file(tmp_path: Path) -> None:
    """A file of several pages gives its lines in their order."""
    count = 2 * bill_files.ROWS_PER_PAGE + 7
    found = pages(tmp_path, CSV + b"".join(b"2026-10,%d,1,USD\n" % number for number in range(count)))
    assert [page.number for page in found] == list(range(1, len(found) + 1))
    assert len(found) >= 3
    assert max(page.rows.num_rows for page in found) <= bill_files.ROWS_PER_PAGE
    names = [name for page in found for name in page.rows["InstanceName"].to_pylist()]
    assert names == [str(number) for number in range(count)]


def test_headers_are_known_by_any_spelling(tmp_path: Path) -> None:
    """Case, spaces, underscores and brackets, also full-width ones, make no difference."""
    headers = "PAYER ACCOUNT ID,bill_month,RI Deduction (Cost),RI　Deduction（Duration）,[Total] Cost"  # noqa: RUF001
    assert rows(tmp_path, f"{headers}\n1,2,3,4,5\n".encode()) == [
        {
            "PayerAccountId": "1",
            "BillMonth": "2",
            "RIDeductionCost": "3",
            "RIDeductionDuration": "4",
            "TotalCost": "5",
        }
    ]


def test_every_documented_header_has_its_column(tmp_path: Path) -> None:
    """Other headers of a field are known too, and a file's Product Code is a bill's BusinessCode."""
    for dataset, fields in ((DETAIL, CUSTOMER_DETAIL), (OWN, OWN_DETAIL), (REBATES, COMMISSION)):
        headers = {field.name: field.headers[-1] if field.headers else field.name for field in fields}
        (row,) = rows(tmp_path, f"{','.join(headers.values())}\n{','.join(headers)}\n".encode(), dataset)
        assert row == {name: name for name in headers}


def test_a_header_that_two_fields_could_mean_goes_by_its_neighbours(tmp_path: Path) -> None:
    """Beside a column Business Code, Product Code means what it says."""
    content = b"Business Code,Product Code,Component Type Code,Component Code\nbusiness,product,component,item\n"
    assert rows(tmp_path, content) == [
        {"BusinessCode": "business", "ProductCode": "product", "ComponentCode": "component", "ItemCode": "item"}
    ]


def test_unknown_columns_are_kept_under_their_headers(tmp_path: Path) -> None:
    """What the catalogue does not know goes to `_extra`, quotes, empty values and all, and is named in `fields`."""
    content = 'Total Cost,"tag_key:it\'s ""me""",tag_key:Env,tag_key:env,新列\n1,"a""b",,-,值\n'.encode()
    (page,) = pages(tmp_path, content)
    extra = {'tag_key:it\'s "me"': 'a"b', "tag_key:Env": "", "tag_key:env": "-", "新列": "值"}
    assert json.loads(page.rows[EXTRA][0].as_py()) == extra
    assert page.fields == {"TotalCost", *extra}


def test_of_columns_with_one_header_the_first_counts(tmp_path: Path) -> None:
    """Others with its header, or with none, are kept in `_extra` under names of their own."""
    (row,) = rows(tmp_path, b"Total Cost,TotalCost,total_cost,x,x,,\n1,2,3,4,5,6,7\n")
    extra = json.loads(row.pop(EXTRA))
    assert row == {"TotalCost": "1"}
    assert extra == {
        "TotalCost (2)": "2",
        "total_cost": "3",
        "x": "4",
        "x (2)": "5",
        "column 6": "6",
        "column 7": "7",
    }


@pytest.mark.parametrize("content", [CSV, CSV.strip(), b"\xef\xbb\xbf" + CSV])
def test_a_header_alone_is_a_table_without_rows(tmp_path: Path, content: bytes) -> None:
    """Nobody spent anything."""
    assert pages(tmp_path, content) == []


def test_what_is_no_table_is_refused_without_a_word_of_it(tmp_path: Path) -> None:
    """Unknown, ragged, broken and undecodable text is told by place, never quoted."""

    def check(content: bytes, fact: str) -> None:
        assert "secret" not in refused(tmp_path, content, fact)

    cases = [
        (b"", "column"),
        (b"\n\n", "column"),
        (b"secret,what\n1,2\n", "column"),
        (b"B\0i\0l\0l\0", "column"),
        (CSV + b"2026-10,secret,1\n", "line 2 "),
        (CSV + b"2026-10,secret,1,USD,more\n", "line 2 "),
        (CSV + b"2026-10,a,1,USD\n" * 90_000 + b"secret\n", "line 90002 "),
        (CSV + b'2026-10,"secret,1,USD\n', "quote"),
        (CSV + b'2026-10,a,1,USD\n2026-10,a,1,"secret\n' + b"2026-10,a,1,USD\n" * 9, "quote"),
        (CSV + b'2026-10,a,1,"USD', "quote"),
        (CSV + b'2026-10,"secret"x,1,USD\n', "line 2 "),
        (CSV + b"2026-10,secret\xff\xff,1,USD\n", "encoding"),
        (b"\xff\xfe" + "Total Cost\nsecret".encode("utf-16-le")[:-1], "encoding"),
    ]
    check_all(check, cases)


@pytest.mark.parametrize("skipped", [1, -1, 2])
def test_lines_that_the_reader_loses_are_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skipped: int) -> None:
    """Should the reader lose its first line, all lines or one in between, the file is refused, not landed short."""
    streamed = bill_files._streamed

    def lossy(path: Path, query: str, folder: Path) -> Iterator[pa.RecordBatch]:
        for batch in streamed(path, query, folder):
            if skipped == 1:
                yield batch.slice(1)
            elif skipped == 2:
                yield batch.slice(0, 1)
                yield batch.slice(2)

    monkeypatch.setattr(bill_files, "_streamed", lossy)
    refused(tmp_path, CSV + b"2026-10,a,1,USD\n2026-10,b,1,USD\n")


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    """Empty lines, between and at the end, are no rows."""
    assert len(rows(tmp_path, CSV + b"\n2026-10,a,1,USD\n\n2026-10,b,1,USD\n\n\n")) == 2


def test_a_pack_is_read_member_by_member(tmp_path: Path) -> None:
    """Every CSV of an archive counts, with its name as text; page numbers run through."""
    packed = archive([("a.csv", CSV + b"2026-10,x,1,USD\n"), ("b/", b""), ("b/c.csv", b"Region\nSingapore\n")])
    first, second = pages(tmp_path, packed)
    assert (first.number, first.file, first.fields) == (
        1,
        f"{DIGEST}/a.csv",
        {"BillMonth", "InstanceName", "TotalCost", "Currency"},
    )
    assert (second.number, second.file, second.fields) == (2, f"{DIGEST}/b/c.csv", {"Region"})
    assert second.rows["Region"].to_pylist() == ["Singapore"]


def test_a_members_name_is_text_and_never_a_path(tmp_path: Path) -> None:
    """Names that climb, are absolute or hold control characters write nothing outside and are cleaned."""
    folder = tmp_path / "files"
    folder.mkdir()
    names = ["../../evil.csv", "/evil.csv", "a\n\x1b[31m.csv", "..\\evil.csv", "数据.csv"]
    found = pages(folder, archive([(name, CSV + b"2026-10,x,1,USD\n") for name in names]))
    assert [page.file for page in found] == [
        f"{DIGEST}/../../evil.csv",
        f"{DIGEST}//evil.csv",
        f"{DIGEST}/a__[31m.csv",
        f"{DIGEST}/..\\evil.csv",
        f"{DIGEST}/数据.csv",
    ]
    assert [path.name for path in tmp_path.rglob("*")] == ["files", DIGEST]


def lying(content: bytes) -> bytes:
    """Pack a member whose size the archive's directory, and the member itself, give as 10 bytes."""
    packed = bytearray(archive([("a.csv", content)]))
    directory = packed.index(b"PK\x01\x02")
    for place in (22, directory + 24):
        packed[place : place + 4] = (10).to_bytes(4, "little")
    return bytes(packed)


ENCRYPTED = bytearray(archive([("a.csv", CSV)]))
ENCRYPTED[ENCRYPTED.index(b"PK\x01\x02") + 8] |= 1

FLIPPED = bytearray(archive([("a.csv", CSV + b"2026-10,x,1,USD\n")], zipfile.ZIP_STORED))
FLIPPED[60] ^= 1


def test_an_archive_out_of_bounds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bombs, crowds, nests and broken packing are refused, and nothing is left of them."""
    assert bill_files.MOST_MEMBERS == 20_000
    monkeypatch.setattr(bill_files, "MOST_MEMBERS", 20)
    cases = {
        "bomb": (archive([("a.csv", bytes(bill_files.FREE_BYTES + 1))]), f"{bill_files.FREE_BYTES:,}"),
        "many": (archive([(str(number), b"") for number in range(21)]), r"\b20\b"),
        "nested": (archive([("a.zip", archive([("a.csv", CSV)]))]), "archive"),
        "bzip2": (archive([("a.csv", CSV)], zipfile.ZIP_BZIP2), "archive"),
        "empty": (archive([]), "empty"),
        "encrypted": (bytes(ENCRYPTED), "encrypted"),
        "flipped": (bytes(FLIPPED), "archive"),
        "lying": (lying(CSV * 100), "archive"),
        "cut": (archive([("a.csv", CSV)])[:-30], "archive"),
        "junk": (b"PK\x03\x04 and no more", "archive"),
        "no table": (archive([("a.csv", CSV), ("readme.txt", b"secret")]), "column"),
    }

    def check(name: str) -> None:
        assert "secret" not in refused(tmp_path, *cases[name])

    check_all(check, cases)


def test_what_an_archive_expands_to_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound holds for the bytes that come, whatever the archive says of itself."""
    monkeypatch.setattr(bill_files, "_checked", lambda *_: len(CSV) + 10)
    refused(tmp_path, archive([("a.csv", CSV), ("b.csv", CSV)]), "expand")


def test_a_full_disk_is_no_fault_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room to expand an archive, the error is the disk's."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bill_files, "_expanded", full)
    with pytest.raises(StorageFailed, match="No space left on device"):
        pages(tmp_path, archive([("a.csv", CSV)]))


def test_a_workbook_is_read_sheet_by_sheet(tmp_path: Path) -> None:
    """Sheets below some words of introduction are tables; a cover is none; unknown columns go to `_extra`."""
    content = workbook(
        Cover=[["Commission of October"]],
        Lines=[
            ["Commission details", None],
            ["Month", "2026-10"],
            [],
            ["Month", "Customer UIN", "Commission Amount", "Note", None],
            ["2026-10", 200012345678, 0.1, "first", None],
            [],
            ["2026-10", 200012345679, 12, None, "beyond"],
        ],
        More=[["Customer ID", "Commission"], ["1", "0.30"]],
    )
    first, second = pages(tmp_path, content, REBATES)
    assert (first.file, second.file) == (f"{DIGEST}/Lines", f"{DIGEST}/More")
    assert first.fields == {"BillMonth", "CustomerUin", "CommissionAmount", "Note", "column 5"}
    shown = ["BillMonth", "CustomerUin", "CommissionAmount", "Currency", EXTRA]
    assert [[*row.values()] for row in first.rows.select(shown).to_pylist()] == [
        ["2026-10", "200012345678", "0.1", None, '{"Note":"first"}'],
        ["2026-10", "200012345679", "12", None, '{"column 5":"beyond"}'],
    ]
    assert second.rows["CommissionAmount"].to_pylist() == ["0.30"]


def test_a_cells_value_is_spelled_with_the_fewest_digits_that_are_it(tmp_path: Path) -> None:
    """Numbers have no exponent and no needless decimals, times are ISO 8601."""
    values: dict[Any, str] = {
        1234.56789012: "1234.56789012",
        1e-7: "0.0000001",
        -2.50: "-2.5",
        12345678.0: "12345678",
        2**53: "9007199254740992",
        True: "true",
        datetime(2026, 10, 1, 12, 30, 5): "2026-10-01 12:30:05",  # noqa: DTZ001 - workbooks know no zones
        date(2026, 10, 1): "2026-10-01 00:00:00",
        time(12, 30): "12:30:00",
        timedelta(hours=30): "1 day, 6:00:00",
        "-": "-",
    }
    found = rows(tmp_path, workbook(Lines=[["Product"], *([value] for value in values)]), REBATES)
    assert [row["ProductName"] for row in found] == list(values.values())


def test_a_pack_of_workbooks_is_read(tmp_path: Path) -> None:
    """A workbook is an archive by its form only."""
    content = archive([("a.xlsx", workbook(Lines=[["Commission"], [1]]))])
    (page,) = pages(tmp_path, content, REBATES)
    assert (page.file, page.rows["CommissionAmount"].to_pylist()) == (f"{DIGEST}/a.xlsx/Lines", ["1"])


def repacked(book: bytes, name: str, content: bytes) -> bytes:
    """Replace a part of a workbook."""
    with zipfile.ZipFile(io.BytesIO(book)) as file:
        return archive(
            [
                (slice_params, content if slice_params == name else file.read(slice_params))
                for slice_params in file.namelist()
            ]
        )


BOOK = workbook(Lines=[["Commission"], [1]])
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><worksheet>&b;secret</worksheet>'


def test_a_workbook_that_is_none_is_refused(tmp_path: Path) -> None:
    """Broken, hostile and unknown workbooks are refused without a word of what is in them."""
    cases = {
        "unknown": (workbook(Lines=[["secret"], [1]]), "column"),
        "blank": (workbook(Lines=[]), "column"),
        "entities": (repacked(BOOK, "xl/worksheets/sheet1.xml", LAUGHS), "workbook"),
        "more entities": (repacked(BOOK, "xl/workbook.xml", LAUGHS), "workbook"),
        "cut": (repacked(BOOK, "xl/worksheets/sheet1.xml", b"<worksheet>secret"), "workbook"),
        "hollow": (archive([("xl/workbook.xml", b"")]), "workbook"),
        "bomb": (repacked(BOOK, "xl/styles.xml", bytes(bill_files.FREE_BYTES + 1)), f"{bill_files.FREE_BYTES:,}"),
    }

    def check(name: str) -> None:
        assert "secret" not in refused(tmp_path, *cases[name], REBATES)

    check_all(check, cases)


def test_what_is_expanded_goes_even_if_reading_stops_halfway(tmp_path: Path) -> None:
    """Pages that nobody asks for any more leave nothing behind."""
    path = tmp_path / DIGEST
    path.write_bytes(archive([("a.csv", CSV + b"2026-10,x,1,USD\n"), ("b.csv", CSV)]))
    reading = file_pages(DETAIL, FetchedFile(SUBJECT, path, DIGEST, "request 1", AT))
    next(reading)
    assert len(list(tmp_path.iterdir())) == 2
    reading.close()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_without_a_customer_names_the_dataset(tmp_path: Path) -> None:
    """A file of the account itself is told by its dataset."""
    path = tmp_path / DIGEST
    path.write_bytes(b"")
    with pytest.raises(UnreadableFile, match="commission_files") as caught:
        list(file_pages(REBATES, FetchedFile(Slice(), path, DIGEST, "request 1", AT)))
    assert (caught.value.customer_uin, caught.value.slice_params) == (None, "")
    assert "customer" not in str(caught.value)
