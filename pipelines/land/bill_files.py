"""Reading of downloaded files: a CSV, a workbook or an archive of them, recognised by content, becomes pages of text.

Values are kept as they are, also empty ones and `-`; only headers are matched with the catalogue's fields. Files are
not trusted: sizes are checked before anything is expanded, and no name in a file decides where something is written.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import shutil
import tempfile
import unicodedata
import warnings
import zipfile
import zlib
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pyarrow as pa

from pipelines.errors import UnreadableFile
from pipelines.land.disk import storage_failures
from pipelines.pages import EXTRA, Page, text_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipelines.endpoints.shapes import Dataset, Field
    from pipelines.pages import FetchedFile

ROWS_PER_PAGE = 40_960
"""Rows of a page made from a file; as many as in a Parquet row group."""
MOST_MEMBERS = 20_000
"""Files that an archive may hold."""
MOST_BYTES = 20 << 30
"""Bytes that all members of an archive together may expand to."""
MOST_RATIO = 200
"""How many times its own size an archive may expand to."""
FREE_BYTES = 64 << 20
"""Bytes that any archive may expand to, however small it is: repetition compresses well."""
MOST_WORKBOOK_BYTES = 1 << 30
"""Bytes that a workbook may expand to, as its texts are held in memory. A full sheet of ten columns has half of it."""
HEADER_WITHIN = 10
"""First rows of a sheet in which its header is searched."""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_WORKBOOK = "xl/workbook.xml"
_ENCRYPTED = 0x1
_DELIMITERS = ",;\t|"
_BLANK = (b"\n", b"\r\n")
_HEAD = 1 << 20
_BLOCK = 1 << 20
_MEMORY = "256MB"
"""Memory for reading text: DuckDB keeps as much of a file as fits."""
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
"""Exceptions that zipfile raises for a file that is not an archive, or is a broken one."""


class _NoTableError(Exception):
    """A file is not a table that can be read. The message says why, without any content of the file."""


class _TableFile(NamedTuple):
    """A file that holds a table: the downloaded one (`name` is empty) or a member of its archive."""

    name: str
    path: Path


class _RowBatch(NamedTuple):
    """A batch of rows: its place in the file, the names of its columns, and the catalogue's columns with `_extra`."""

    name: str
    names: frozenset[str]
    batch: pa.RecordBatch


def file_pages(dataset: Dataset, fetched: FetchedFile) -> Iterator[Page]:
    """Give a file's rows in pages of `ROWS_PER_PAGE`, numbered from 1; no page for a table without rows.

    Columns that the catalogue does not know are kept in `_extra` as one JSON object. Its fields that the file lacks are
    null. `Page.fields` are the names of the file's columns: the catalogue's where it knows them, otherwise the headers.
    Raises UnreadableFile for a file that is not a table or expands beyond the bounds, StorageFailed if the disk has no
    room to expand an archive.
    """
    problem = ""
    try:
        with _private_folder(fetched.path) as folder:
            for number, rows in enumerate(_file_rows(dataset, fetched.path, folder), 1):
                yield Page(
                    customer_uin=fetched.slice.customer_uin,
                    slice_params=fetched.slice.slice_params,
                    number=number,
                    request_id=fetched.request_id,
                    fetched_at=fetched.fetched_at,
                    rows=rows.batch,
                    fields=rows.names,
                    file="/".join(filter(None, (fetched.digest, rows.name))),
                )
    except _NoTableError as error:
        problem = str(error)
    if problem:  # raised here and not above: a chained exception could quote the file
        raise _unreadable(dataset, fetched, problem)


def _unreadable(dataset: Dataset, fetched: FetchedFile, problem: str) -> UnreadableFile:
    uin, slice_params = fetched.slice
    customer = f" of customer {uin}" if uin else ""
    parameters = f" ({slice_params})" if slice_params else ""
    return UnreadableFile(
        f"The file of {dataset.name}{customer}{parameters} cannot be read: {problem}. Run again to download it anew; "
        f"if this stays, look at the file ({fetched.path}, RequestId {fetched.request_id}) and contact the service's "
        "support.",
        customer_uin=uin,
        slice_params=slice_params,
    )


@contextmanager
def _private_folder(path: Path) -> Iterator[Path]:
    """Make a folder beside a file to expand archives in, and remove it with its content when the block ends."""
    with storage_failures(path):
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=".expanding-"))  # its owner's alone
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _file_rows(dataset: Dataset, path: Path, folder: Path) -> Iterator[_RowBatch]:
    kind = _kind(path)
    if kind == "archive":
        for sheet in _members(path, folder):
            if _kind(sheet.path) == "archive":
                raise _NoTableError("its archive holds another archive")
            yield from _table_rows(dataset, sheet, folder)
            sheet.path.unlink()
    else:
        yield from _table_rows(dataset, _TableFile("", path), folder)


def _table_rows(dataset: Dataset, sheet: _TableFile, folder: Path) -> Iterator[_RowBatch]:
    read = _workbook_rows if _kind(sheet.path) == "workbook" else _csv_rows
    return read(dataset, sheet, folder)


def _kind(path: Path) -> str:
    """Recognise a file by its content: `archive`, `workbook` or `text`."""
    with path.open("rb") as file:
        if file.read(4) not in _ZIP:
            return "text"
    with _opened(path) as archive:
        return "workbook" if _WORKBOOK in archive.namelist() else "archive"


# Archives


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive. Raises _NoTableError if it is broken, also when that shows while it is read."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _BROKEN as error:
        raise _NoTableError(f"its archive is broken ({type(error).__name__})") from None


def _members(path: Path, folder: Path) -> Iterator[_TableFile]:
    """Expand the members of an archive one by one, within bounds. Their names only serve to say where rows are from."""
    with _opened(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        remaining = _checked(members, path.stat().st_size, MOST_BYTES)
        for number, member in enumerate(members):
            expanded = folder / f"{number}"
            with storage_failures(expanded):
                remaining -= _expanded(archive, member, expanded, remaining)
            yield _TableFile(_cleaned(member.filename), expanded)
    if not members:
        raise _NoTableError("its archive is empty")


def _checked(members: Sequence[zipfile.ZipInfo], size: int, most: int) -> int:
    """Return how many bytes an archive of `size` bytes may expand to.

    Raises _NoTableError if its directory says that it expands to more, or that it cannot be read.
    """
    allowed = min(most, max(FREE_BYTES, MOST_RATIO * size))
    if len(members) > MOST_MEMBERS:
        raise _NoTableError(f"its archive has more than {MOST_MEMBERS:,} members")
    if sum(member.file_size for member in members) > allowed:
        raise _NoTableError(f"its archive would expand to more than {allowed:,} bytes")
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise _NoTableError("its archive is encrypted")
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
        raise _NoTableError("its archive has an unknown compression")
    return allowed


def _expanded(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, most: int) -> int:
    """Expand a member and return its size, which is counted: the size in the archive's directory may be false."""
    size = 0
    with archive.open(member) as packed, path.open("xb") as file:
        while block := packed.read(_BLOCK):
            size += len(block)
            if size > most:
                raise _NoTableError("its archive expands to more than it says")
            file.write(block)
    return size


def _cleaned(name: str) -> str:
    """Replace characters of a name that cannot be printed."""
    return "".join(character if character.isprintable() else "_" for character in name)


# Columns


@dataclass(frozen=True, slots=True)
class _Columns:
    """Names of a table's columns."""

    names: tuple[str, ...]
    """In the order of the columns: the catalogue's name where it knows the column, otherwise the header."""
    unknown: tuple[str, ...]
    """Those of `names` that the catalogue does not know."""


def _known(headers: Sequence[str], fields: Sequence[Field]) -> dict[int, str]:
    """Return the catalogue's field of each known column, by position. Of columns with equal headers the first counts.

    Some files use the name of one field as the header of another (`Field.headers`). Such a header stands for the other
    field, unless that field has a column under its own name.
    """
    own = {_normal(field.name): field.name for field in fields}
    other = {_normal(header): field.name for field in fields for header in field.headers}
    first = {header: position for position, header in reversed(list(enumerate(map(_normal, headers))))}
    known = {own[header]: position for header, position in first.items() if header in own and header not in other}
    for header, position in sorted(first.items(), key=lambda item: item[1]):
        if header in other:
            free = (name for name in (other[header], own.get(header)) if name is not None and name not in known)
            if name := next(free, None):
                known[name] = position
    return {position: name for name, position in known.items()}


def _columns(headers: Sequence[str], fields: Sequence[Field]) -> _Columns:
    """Return the names of a table's columns. Raises _NoTableError if the catalogue knows none of them."""
    known = _known(headers, fields)
    if not known:
        raise _NoTableError("none of its columns is known")
    names: list[str] = []
    taken = {field.name for field in fields}
    for position, header in enumerate(headers):
        name = known.get(position) or _distinct(header or f"column {position + 1}", taken)
        taken.add(name)
        names.append(name)
    return _Columns(tuple(names), tuple(name for position, name in enumerate(names) if position not in known))


def _distinct(name: str, taken: set[str]) -> str:
    """Return the name, numbered if it is taken already."""
    candidates = (name if number == 1 else f"{name} ({number})" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in candidates if candidate not in taken)


def _normal(header: str) -> str:
    """Return a header without differences of width, case, spaces, underscores and brackets, to compare it."""
    return re.sub(r"[\s_()\[\]{}]", "", unicodedata.normalize("NFKC", header)).casefold()


# Text


class _Header(NamedTuple):
    """The values of a CSV's first line, and the delimiter between them."""

    values: tuple[str, ...]
    delimiter: str


def _csv_rows(dataset: Dataset, sheet: _TableFile, folder: Path) -> Iterator[_RowBatch]:
    """Read a CSV with any delimiter. Raises _NoTableError for a row with more or fewer values than the header.

    The header is read as a row too, to be sure that the line skipped is the line understood as header. At the end, rows
    are compared with the lines, counted separately: a quote that is not closed would hide all rows after it.
    """
    path = _in_utf8(sheet.path, folder)
    header = _header(path, dataset.fields)
    columns = _columns(header.values, dataset.fields)
    batches = _streamed(path, _csv_query(header, columns, dataset.columns), folder)
    first = next(batches, None)
    headers = dict(zip(columns.names, header.values, strict=True))
    if first is None or any(first[name][0].as_py() != headers[name] for name in dataset.columns if name in headers):
        raise _NoTableError("its first line is ambiguous")
    count = 1
    for batch in chain([first.slice(1)], batches):
        count += batch.num_rows
        if batch.num_rows:
            yield _RowBatch(sheet.name, frozenset(columns.names), batch)
    if count != _count_lines(path):
        raise _NoTableError("a quote is not closed, or its line ends differ")


def _count_lines(path: Path) -> int | None:
    """Return the number of lines that are not blank, not counting line ends inside quotes; None if a quote is open."""
    count, quoted, begun = 0, 0, False
    with path.open("rb") as file:
        for piece in iter(partial(file.readline, _BLOCK), b""):
            quoted ^= piece.count(b'"') & 1
            ended = piece.endswith(b"\n")
            count += ended and not quoted and (begun or piece not in _BLANK)
            begun = not ended
    return None if quoted else count + begun


def _in_utf8(path: Path, folder: Path) -> Path:
    """Return the path of the text in UTF-8: this file, or a converted copy in `folder`.

    A file that is neither UTF-8 nor marked as UTF-16 is read as GB18030, the encoding of Chinese Windows. This is
    inferred: no document states the encoding of files.
    """
    with path.open("rb") as file:
        marked = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    if not marked and _is_utf8(path):
        return path
    text = folder / "text"
    try:
        with (
            storage_failures(text),
            path.open(encoding="utf-16" if marked else "gb18030", newline="") as source,
            text.open("w", encoding="utf-8", newline="") as target,
        ):
            shutil.copyfileobj(source, target, _BLOCK)
    except UnicodeError:
        raise _NoTableError("its text has an unknown encoding") from None
    return text


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                if (
                    decoder.getstate()[0] or not block.isascii()
                ):  # most blocks are ASCII, and this test is ten times as fast
                    decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _header(path: Path, fields: Sequence[Field]) -> _Header:
    """Read the first line, with the delimiter that gives the most headers of the catalogue."""
    with path.open("rb") as file:
        text = file.read(_HEAD).decode("utf-8-sig", errors="ignore")  # the last character may be cut
    headers = (_first_line(text, delimiter) for delimiter in _DELIMITERS)
    return max(headers, key=lambda header: len(_known(header.values, fields)))


def _first_line(text: str, delimiter: str) -> _Header:
    try:
        return _Header(tuple(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), ())), delimiter)
    except csv.Error:
        return _Header((), delimiter)


def _csv_query(header: _Header, columns: _Columns, wanted: Sequence[str]) -> str:
    """Return the query that reads the catalogue's columns and `_extra` from the file `$path`, with its first line.

    DuckDB detects the line ends itself, and one thread reads the file: with given line ends or in parallel, DuckDB 2.0
    lost rows of valid files that have line ends inside quotes, or refused such files.
    """
    at = {name: f"c{position}" for position, name in enumerate(columns.names)}
    selected = [f'{at.get(name, "null::varchar")} as "{name}"' for name in wanted]
    extras = ", ".join(f"{_quoted(name)}, {at[name]}" for name in columns.unknown)
    extra = f"json_object({extras})::varchar" if extras else "null::varchar"
    types = ", ".join(f"{column}: 'varchar'" for column in at.values())
    return f"""
        select {", ".join(selected)}, {extra} as "{EXTRA}"
        from read_csv(
            $path, auto_detect = false, parallel = false, header = false, columns = {{{types}}},
            delim = {_quoted(header.delimiter)}, quote = '"', escape = '"', strict_mode = true, compression = 'none',
            hive_partitioning = false, force_not_null = [{", ".join(map(_quoted, at.values()))}]
        )
    """  # noqa: S608  headers are quoted, the rest is ours


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _streamed(path: Path, query: str, folder: Path) -> Iterator[pa.RecordBatch]:
    """Run a query on a file and give its batches in order. Raises _NoTableError if a line does not fit the header."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "threads": 2,
        "temp_directory": str(folder),
        "autoinstall_known_extensions": "false",  # a missing extension is an error, not a download
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(config=config) as connection:
        connection.execute("set enable_progress_bar = false")
        try:
            yield from connection.sql(query, params={"path": str(path)}).to_arrow_reader(ROWS_PER_PAGE)
        except (duckdb.Error, OSError, pa.ArrowException) as error:
            line = re.search(r"CSV Error on Line: (\d+)", str(error))
            place = f"line {line[1]}" if line else "a line"
            raise _NoTableError(f"{place} is broken or does not fit the header") from None


# Workbooks


def _workbook_rows(dataset: Dataset, sheet: _TableFile, _: Path) -> Iterator[_RowBatch]:
    """Read the sheets of a workbook that are tables; other sheets, such as a cover, have no rows."""
    with _opened(sheet.path) as archive:
        _checked(archive.infolist(), sheet.path.stat().st_size, MOST_WORKBOOK_BYTES)
    is_table = False
    for title, rows in _sheets(sheet.path):
        first = list(islice(rows, HEADER_WITHIN))
        headers = [tuple(value or "" for value in row) for row in first]
        known = [len(_known(values, dataset.fields)) for values in headers]
        if not any(known):
            continue
        is_table = True
        at = known.index(max(known))  # a line above the header can contain one header by chance
        name = "/".join(filter(None, (sheet.name, _cleaned(title))))
        yield from _sheet_rows(dataset, name, headers[at], chain(first[at + 1 :], rows))
    if not is_table:
        raise _NoTableError("none of its columns is known")


def _sheet_rows(
    dataset: Dataset, name: str, headers: tuple[str, ...], rows: Iterable[tuple[str | None, ...]]
) -> Iterator[_RowBatch]:
    columns = _columns(headers, dataset.fields)
    headed = frozenset(name for name, header in zip(columns.names, headers, strict=True) if header)
    filled = (row for row in rows if any(row))
    while page := list(islice(filled, ROWS_PER_PAGE)):
        named = [_named(row, columns.names) for row in page]
        yield _RowBatch(name, headed.union(*named), text_rows(named, dataset.columns))


def _named(row: tuple[str | None, ...], names: Sequence[str]) -> dict[str, str]:
    beyond = (f"column {position + 1}" for position in range(len(names), len(row)))
    pairs = zip(chain(names, beyond), row, strict=False)  # a row need not be as long as the header
    return {name: value for name, value in pairs if value is not None}


def _sheets(path: Path) -> Iterator[tuple[str, Iterator[tuple[str | None, ...]]]]:
    """Give the title and the rows of each sheet, with values as text."""
    import openpyxl  # noqa: PLC0415  it takes a quarter of a second, and few processes read a workbook

    with path.open("rb") as file, _workbook_failures():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about styles, which are not read
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        with closing(book):
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # the dimensions in the file may be false
                yield sheet.title, _texts(sheet)


def _texts(sheet: Any) -> Iterator[tuple[str | None, ...]]:
    with _workbook_failures():
        for row in sheet.iter_rows(values_only=True):
            yield tuple(map(_text, row))


@contextmanager
def _workbook_failures() -> Iterator[None]:
    try:
        yield
    except _NoTableError:
        raise
    except Exception as error:  # noqa: BLE001  a broken workbook can raise anything
        raise _NoTableError(f"its workbook is broken ({type(error).__name__})") from None


def _text(value: Any) -> str | None:
    """Return a cell's value as text: a double with the fewest digits that identify it, times as ISO 8601."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = format(Decimal(repr(value)), "f")
        return text.removesuffix(".0")
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)
