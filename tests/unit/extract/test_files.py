"""Files: waited for gently, downloaded once, and their links told to nobody."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.extract.conftest import Pulled

import pytest

from pipelines.endpoints import DATASETS
from pipelines.errors import CorruptFile, CredentialRefused, RequestUnanswered, StorageFailed
from pipelines.extract.listing import IN_FLIGHT
from pipelines.pages import Proof, Slice
from tests.unit.extract.conftest import Extractor
from tests.unit.service import SECRET, SHORT, Service, lines, refuse, silence

FILES = DATASETS["customer_bill_detail_files"]
COMMISSION = DATASETS["commission_files"]
KIND = {"CustomerUinType": "Customer"}


def slice_(customer: str) -> Slice:
    """Return the file of one customer."""
    return Slice.of(customer, KIND)


def ask(extractor: Extractor, api: Service, *customers: str, **changes: Any) -> Pulled:
    """Ask for customers' files."""
    pulled = extractor.ask_about(api, FILES, *map(slice_, customers), **{"listed": frozenset(customers)} | changes)
    if isinstance(pulled, Exception):
        raise pulled
    return pulled


def break_off(*which: int, code: str = "DownloadFailed", error: Any = RequestUnanswered) -> Callable[[int], None]:
    """Fail downloads, counted from 0."""

    def act(index: int) -> None:
        if index in which:
            raise error("the download failed", action="download", code=code)

    return act


def test_a_ready_file_is_one_request_and_one_download(extractor: Extractor) -> None:
    """A file comes with its digest, place, request and time; its rows are for landing to count."""
    api = Service({}, files={"1": b"Id,TotalCost\n1,2\n"})
    pulled = ask(extractor, api, "1")
    (file,) = pulled.files
    assert (file.slice, file.digest) == (slice_("1"), hashlib.sha256(b"Id,TotalCost\n1,2\n").hexdigest())
    assert file.path.read_bytes() == b"Id,TotalCost\n1,2\n"
    assert file.path.parent == extractor.folder / "files" / FILES.name
    assert (file.request_id, file.fetched_at) == ("request 0", datetime(2026, 11, 20, 4, tzinfo=UTC))
    outcome = pulled.slices[slice_("1")]
    assert (outcome.proof, outcome.rows, outcome.expected_rows, outcome.cost) == (Proof.PROVEN, 0, None, None)
    assert (outcome.digest, outcome.proven_at) == (file.digest, file.fetched_at)
    assert pulled.pages == []
    assert [request.parameters for request in api.requests] == [
        {
            "Month": "2026-10",
            "CustomerUin": 1,
            "CustomerUinType": "Customer",
            "FileType": "billDetail",
            "FileLanguage": "en",
        }
    ]
    assert extractor.waiting.sleeps == []


def test_a_file_that_is_not_ready_is_waited_for_gently(extractor: Extractor) -> None:
    """Between two askings there are 15 seconds, then 30, then never more than 60."""
    pulled = ask(extractor, api := Service({}, not_ready={"1": 5}), "1")
    assert pulled.slices[slice_("1")].proof is Proof.PROVEN
    assert extractor.waiting.sleeps == [15, 30, 60, 60, 60]
    assert len(api.requests) == 6


def test_a_link_that_is_empty_though_ready_is_waited_for(extractor: Extractor) -> None:
    """Ready 1 without a link is no file yet; neither is a Ready that is null."""
    api = Service({})
    odd = iter([{"DownloadUrl": ""}, {"DownloadUrl": None}, {"Ready": None}, {"Ready": 2}, {}])
    api.on_answer.append(lambda request, answer: answer.update(next(odd)))
    assert len(ask(extractor, api, "1").files) == 1
    assert len(api.requests) == 5


def test_time_runs_out_for_a_dataset(extractor: Extractor) -> None:
    """A file that is not ready in time has failed as such, and says whose it is and of which month."""
    api = Service({}, not_ready={"1": 99})
    pulled = ask(extractor, api, "1", "2", ready_within=100)
    outcome = pulled.slices[slice_("1")]
    assert (outcome.proof, outcome.code, outcome.digest) == (Proof.FAILED, "NotReady", "")
    assert outcome.request_id == api_request(api)
    facts = ("DescribeCustomerBillDownloadUrl", "'acme'", "customer 1", "2026-10")
    assert [fact for fact in facts if fact not in outcome.reason] == []
    assert extractor.waiting.sleeps == [15, 30, 55]
    assert pulled.slices[slice_("2")].proof is Proof.PROVEN


def api_request(api: Service) -> str:
    """Return the id of the last request."""
    return f"request {len(api.requests) - 1}"


def test_no_file_ready_is_no_failure_of_the_dataset(extractor: Extractor) -> None:
    """Where nothing is ready, every subject says so, and the dataset is handed over without files."""
    pulled = ask(extractor, Service({}, not_ready={"1": 99, "2": 99}), "1", "2")
    assert {outcome.code for outcome in pulled.slices.values()} == {"NotReady"}
    assert pulled.files == ()
    alone = extractor.ask_about(Service({}, not_ready={None: 99}), COMMISSION, Slice())
    assert alone.slices[Slice()].code == "NotReady"


def test_no_time_to_wait_still_asks_once(extractor: Extractor) -> None:
    """Files that are ready at once come even where nothing is waited for."""
    api = Service({}, not_ready={"2": 1})
    pulled = ask(extractor, api, "1", "2", ready_within=0.0)
    assert [file.slice for file in pulled.files] == [slice_("1")]
    assert extractor.waiting.sleeps == []


def test_a_later_run_carries_on(extractor: Extractor) -> None:
    """What was downloaded is not asked for again; what was not ready is."""
    api = Service({}, not_ready={"2": 99})
    before = ask(extractor, api, "1", "2", ready_within=10)
    api.requests.clear()
    api.not_ready.clear()
    pulled = ask(extractor, api, "1", "2")
    assert [request.customer for request in api.requests] == ["2"]
    assert len(api.downloads) == 2
    assert [file.slice for file in pulled.files] == [slice_("1"), slice_("2")]
    assert pulled.files[0] == before.files[0]


def test_waiting_holds_no_request_back(extractor: Extractor) -> None:
    """However many wait, all are asked, and waited for side by side: as long as for one."""
    customers = [str(number) for number in range(1, 10 * IN_FLIGHT)]
    api = Service({}, not_ready=dict.fromkeys(customers, 2))
    api.rows[SHORT.action.name] = {}
    pulled = ask(extractor, api, *customers)
    assert len(pulled.files) == len(customers)
    assert extractor.waiting.time == 1000 + 15 + 30
    assert api.most_in_flight == api.most_downloading == IN_FLIGHT
    assert len(api.requests) == 3 * len(customers)


@pytest.mark.parametrize("code", ["DownloadFailed", "DownloadRefused"])
@pytest.mark.parametrize("failures", [1, 2])
def test_a_failed_download_is_tried_by_a_fresh_link(extractor: Extractor, code: str, failures: int) -> None:
    """A link that expired, or broke off, is asked for again; the file is that of the last link."""
    api = Service({})
    api.on_download.append(break_off(*range(failures), code=code))
    pulled = ask(extractor, api, "1")
    assert len(pulled.files) == 1
    assert len(api.requests) == len(api.downloads) == 1 + failures
    assert pulled.files[0].request_id == api_request(api)


def test_three_downloads_are_the_most(extractor: Extractor) -> None:
    """A file that no link leads to has failed, with the download's code; the others come."""
    api = Service({})
    api.on_download.append(lambda index: break_off(index)(index) if "/1?" in api.downloads[index] else None)
    pulled = ask(extractor, api, "1", "2")
    outcome = pulled.slices[slice_("1")]
    assert (outcome.proof, outcome.code) == (Proof.FAILED, "DownloadFailed")
    assert [fact for fact in ("3", "the download failed") if fact not in outcome.reason] == []
    assert sum("/1?" in url for url in api.downloads) == 3
    assert [file.slice for file in pulled.files] == [slice_("2")]


def test_a_store_that_never_answers_is_not_tried_for_everyone(extractor: Extractor) -> None:
    """Where no download comes at all, the dataset fails, and a later run may help."""
    api = Service({})
    api.on_download.append(lambda index: break_off(index)(index))
    with pytest.raises(RequestUnanswered) as failure:
        ask(extractor, api, *(str(number) for number in range(1, 101)))
    assert failure.value.code == "DownloadFailed"
    assert failure.value.rerun_helps
    assert len(api.downloads) <= 4 * IN_FLIGHT


def test_a_refused_customer_fails_alone(extractor: Extractor) -> None:
    """A customer whose file is refused is named, and the others' files come."""
    api = Service({})
    api.on_request.append(refuse("2"))
    pulled = ask(extractor, api, "1", "2", "3")
    assert pulled.slices[slice_("2")].code == "UnauthorizedOperation.NotCustomerUin"
    assert len(pulled.files) == 2


def test_refused_credentials_and_a_full_disk_end_it(extractor: Extractor) -> None:
    """What stands against everyone is the dataset's failure."""
    api = Service({})
    api.on_request.append(lambda request: break_off(0, error=CredentialRefused)(0))
    with pytest.raises(CredentialRefused):
        ask(extractor, api, "1", "2")

    def full(index: int) -> None:
        raise StorageFailed("the disk is full")

    api = Service({}, on_download=[full])
    with pytest.raises(StorageFailed):
        ask(extractor, api, "1", "2")


def test_a_strange_reply_fails_its_subject(extractor: Extractor) -> None:
    """A reply without its members, or with a link that is no text, is of another shape."""
    for change in (lambda answer: answer.pop("Ready"), lambda answer: answer.update(DownloadUrl=[SECRET])):
        api = Service({})
        api.on_answer.append(lambda request, answer, change=change: change(answer) if request.customer == "1" else None)
        pulled = ask(Extractor(extractor.folder / str(id(change))), api, "1", "2")
        assert pulled.slices[slice_("1")].code == "UnknownShape"
        assert SECRET not in pulled.slices[slice_("1")].reason


def test_a_run_ended_at_any_request_carries_on(tmp_path: Path) -> None:
    """Ended at any request, the next run asks again only for links that were in flight or led to no file yet."""
    customers = [str(number) for number in range(1, 21)]
    for index in range(20):
        api = Service({})
        someone = Extractor(tmp_path / str(index))
        values = {"datasets": (FILES,), "slices": {FILES.name: tuple(map(slice_, customers))}}
        someone.die_at(api, index, **values)
        pulled = ask(someone, api, *customers)
        assert len(pulled.files) == 20
        assert len(api.downloads) <= 20 + IN_FLIGHT
        assert len(set(api.downloads)) == 20


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"cut")])
def test_a_file_that_is_gone_is_downloaded_again(extractor: Extractor, spoil: Callable[[Path], Any]) -> None:
    """The ledger's word alone is not enough: the file must be there, and as large as it was."""
    api = Service({})
    spoil(ask(extractor, api, "1").files[0].path)
    pulled = ask(extractor, api, "1")
    assert pulled.files[0].path.read_bytes() == b"the file of 1"
    assert len(api.downloads) == 2


def test_the_link_is_told_to_nobody(extractor: Extractor, caplog: pytest.LogCaptureFixture) -> None:
    """No log, ledger, outcome or exception has a link, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    api = Service({}, not_ready={"3": 99})
    api.on_download.append(lambda index: break_off(index)(index) if "/1?" in api.downloads[index] else None)
    pulled = ask(extractor, api, "1", "2", "3")
    assert {pull.proof for pull in pulled.slices.values()} == {Proof.FAILED, Proof.PROVEN}
    assert any(SECRET in url for url in api.downloads)
    api.on_download.append(lambda index: break_off(index)(index))
    ledgers = b"".join(path.read_bytes() for path in extractor.folder.rglob("*.sqlite*"))
    try:
        ask(Extractor(extractor.folder / "down"), api, *(str(number) for number in range(1, 101)))
    except RequestUnanswered as error:
        told = "".join(traceback.format_exception(error))
    for text in (caplog.text, repr(pulled.slices), repr(pulled.files), ledgers.decode(errors="replace"), told):
        assert SECRET not in text
        assert "files.example" not in text


def test_files_and_pages_are_asked_side_by_side(extractor: Extractor) -> None:
    """A dataset that waits for its files keeps nobody else waiting."""
    api = Service({SHORT.action.name: {"1": lines(8)}}, not_ready={"1": 3})
    request = extractor.question(("1",), (FILES, SHORT), slices={FILES.name: (slice_("1"),), SHORT.name: (Slice("1"),)})
    results = asyncio.run(extractor.results(request, api))
    assert list(results) == [SHORT.name, FILES.name]
    assert len(results[FILES.name].files) == 1
    assert extractor.progress[-1].done == extractor.progress[-1].known == 1


def test_a_silent_service_is_down_for_files_too(extractor: Extractor) -> None:
    """Links that nobody answers for are not asked for everyone."""
    api = Service({})
    api.on_request.append(silence(lambda request: True))
    with pytest.raises(RequestUnanswered):
        ask(extractor, api, *(str(number) for number in range(1, 101)))
    assert len(api.requests) <= 4 * IN_FLIGHT


def test_a_corrupt_ledger_of_files_is_told(extractor: Extractor) -> None:
    """A ledger that cannot be read fails its dataset once."""
    file = extractor.ledger(FILES)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"this is no database, " * 100)
    with pytest.raises(CorruptFile):
        ask(extractor, Service({}), "1")
    assert len(ask(extractor, Service({}), "1").files) == 1
