"""`python -m assets month`: what it lands, publishes, prints and exits with."""

from __future__ import annotations

import json
import re
import signal
import time
from typing import TYPE_CHECKING

from pipelines import paths
from pipelines.land import landed_files
from pipelines.locks import held
from pipelines.sandbox import Fault, Faults
from tests.integration.commands import run_module
from tests.integration.conftest import SECRET_KEY, CommandLine

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pipelines.sandbox import Sandbox

WHOLE = "select bool_and(is_complete and is_reconciled), sum(detail_cost - by_product_cost) from rpt_reconciliation"


def test_a_whole_month_is_landed_published_and_reconciled(month: CommandLine, month_home: Path) -> None:
    """Every customer is whole, and detail, summary, product, region and pay mode agree to the last decimal."""
    assert "exactly" in (month_home / "output").read_text()
    customers = month.query("select count(*), bool_and(is_complete and is_reconciled) from rpt_reconciliation")
    assert customers == [(3, True)]
    sums = month.query("""
        select sum(detail_cost) - sum(by_product_cost), sum(detail_cost) - sum(by_region_cost),
            sum(detail_cost) - sum(by_pay_mode_cost), sum(landed_rows) - sum(expected_rows) from rpt_reconciliation
    """)
    assert sums == [(0, 0, 0, 0)]
    statistics = json.loads((month_home / "statistics").read_text())
    assert {counts["throttled"] + counts["refused"] + counts["writes"] for counts in statistics.values()} == {0}


def test_a_second_run_changes_no_row(month: CommandLine) -> None:
    """A second request lands and publishes equal content; only when it was asked differs."""
    tables = ("fct_monthly_costs", "dim_customers")
    first = [sorted(month.query(f"from {table}"), key=repr) for table in tables]
    lines = month.query("select sum(hash(line_id, billed_cost, occurrence)) from fct_bill_lines")
    before = paths.current_release(month.home).resolve()
    assert month.run("month", "2026-10").returncode == 0
    assert paths.current_release(month.home).resolve() != before
    assert [sorted(month.query(f"from {table}"), key=repr) for table in tables] == first
    assert month.query("select sum(hash(line_id, billed_cost, occurrence)) from fct_bill_lines") == lines


def test_a_wrong_argument_or_setting_asks_nothing(command: CommandLine, sandbox: Sandbox) -> None:
    """Exit 2 with one clear message that names what is wrong, and not a single request."""
    wrong = [
        (["2026-13"], {}, "YYYY-MM"),
        (["october"], {}, "YYYY-MM"),
        (["2022-05"], {}, "2022-06"),
        (["2026-12"], {}, "2026-11"),
        (["2026-10", "--account", "south"], {}, "north"),
        (["2026-10"], {"NORTH_KEY": ""}, "NORTH_KEY"),
        (["2026-10"], {"BILL_ETL_ACCOUNTS": "nowhere.toml"}, "nowhere.toml"),
        (["2026-10"], {"BILL_ETL_NOW": "yesterday"}, "BILL_ETL_NOW"),
        (["2026-10"], {"BILL_ETL_DAILY_AT": "noon"}, "BILL_ETL_DAILY_AT"),
    ]
    told = {}
    for words, variables, named in wrong:
        answer = CommandLine(command.home, command.variables | variables).run("month", *words)
        if answer.returncode != 2 or named not in answer.stderr or "Traceback" in answer.stderr:
            told[str((words, variables))] = answer
    assert told == {}
    assert sandbox.requests() == []


def test_a_refused_key_is_one_clear_message_and_one_request(command: CommandLine, sandbox: Sandbox) -> None:
    """Exit 1, with the API's code and RequestId; a wrong key is not tried again and again."""
    for number, (variable, value, code) in enumerate(
        [
            ("NORTH_KEY", "another-key", "AuthFailure.SignatureFailure"),
            ("NORTH_ID", "AKIDnobody", "AuthFailure.SecretIdNotFound"),
        ],
        start=1,
    ):
        answer = CommandLine(command.home, command.variables | {variable: value}).run("month", "2026-10")
        assert answer.returncode == 1
        assert code in answer.stderr
        assert re.search(r"RequestId [0-9a-f-]{36}", answer.stderr)
        assert "Traceback" not in answer.stderr
        assert len(sandbox.requests()) == number
        assert not paths.current_release(command.home).exists()


def test_no_secret_is_left_anywhere_by_a_failing_run(
    command: CommandLine, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither output, Dagster's storage, the lake nor the state hold the key of a run that failed."""
    sandbox.faults = Faults(unbound=sandbox.world.customer_uins)
    answer = run_module("assets", "month", "2026-10", **command.settings)
    assert answer.returncode == 1
    assert SECRET_KEY not in "".join([answer.stdout, answer.stderr, *capfd.readouterr()])
    files = [path for path in command.home.rglob("*") if path.is_file()]
    assert any("dagster" in path.parts for path in files)
    assert [path for path in files if SECRET_KEY.encode() in path.read_bytes()] == []


def test_a_customer_that_is_refused_is_named_and_the_others_are_published(
    command: CommandLine, sandbox: Sandbox
) -> None:
    """Exit 3: the rest is landed and published, and every place says who is not whole and why."""
    refused = sandbox.world.customer_uins[1]
    sandbox.faults = Faults(unbound=(refused,))
    answer = command.run("month", "2026-10")
    assert answer.returncode == 3
    assert refused in answer.stdout
    assert command.query("select customer_uin, is_complete from rpt_reconciliation order by customer_uin") == [
        (customer, customer != refused) for customer in sorted(sandbox.world.customer_uins)
    ]
    assert command.query("select is_complete, is_reconciled from meta.release") == [(False, False)]


def test_a_page_that_withholds_rows_does_not_pass(command: CommandLine, sandbox: Sandbox) -> None:
    """Exit 3: the customer whose pages keep coming short is unproven, by name; its bill file stands in for them."""
    short = max(sandbox.world.customer_uins, key=sandbox.world.line_counts("2026-10").get)
    sandbox.faults = Faults(withheld_pages=Fault(customers=(short,), pages=(2,)))
    answer = command.run("month", "2026-10")
    assert answer.returncode == 3
    assert re.search(rf"customer_bill_detail\b.*\bnorth\b.*\b{short}\b", " ".join(answer.stdout.split()))
    by_file = "select distinct customer_uin from fct_bill_lines where line_source = 'files'"
    assert command.query(by_file) == [(short,)]
    assert command.query(WHOLE) == [(True, 0)]


def test_passing_faults_leave_no_trace(command: CommandLine, sandbox: Sandbox) -> None:
    """Exit 0 through throttling, busy and broken answers, resets, and a listing that moves once."""
    sandbox.faults = Faults(
        throttling=Fault(times=2, actions=("DescribeCustomerBillDetail",)),
        internal_error=Fault(times=1),
        service_busy=Fault(times=1),
        reset=Fault(times=1),
        bad_gateway=Fault(times=1),
        truncated=Fault(times=1),
        withheld_pages=Fault(times=1),
        moving=Fault(times=1),
    )
    answer = command.run("month", "2026-10")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert command.query(WHOLE) == [(True, 0)]


def test_faults_at_a_few_percent_leave_every_sound_customer_exact_and_name_the_others(
    command: CommandLine, sandbox: Sandbox, month_home: Path
) -> None:
    """Loud and quiet faults together: who is called complete is exact, and who is not makes the exit code not 0."""
    loud = dict.fromkeys(("throttling", "internal_error", "service_busy", "reset", "bad_gateway", "truncated"), 0.04)
    sandbox.faults = Faults(**loud, withheld_pages=0.2, arriving=0.1, moving=0.1)
    answer = command.run("month", "2026-10")
    injected = {name for counts in sandbox.statistics().values() for name in counts["faults"]}
    assert {"withheld_pages"} < injected, "quiet and loud faults did happen"
    query = "select customer_uin, detail_cost, landed_rows, is_complete and is_reconciled from rpt_reconciliation"
    sound = CommandLine(month_home / "home").query(query)
    truth = {customer: (cost, rows) for customer, cost, rows, _ in sound}
    seen = command.query(query)
    assert {customer for customer, *_ in seen} == set(truth)
    assert [c for c, cost, rows, is_sound in seen if is_sound and (cost, rows) != truth[c]] == []
    unsound = [customer for customer, *_, is_sound in seen if not is_sound]
    assert answer.returncode == (3 if unsound else 0)
    assert [customer for customer in unsound if customer not in answer.stdout] == []


def test_another_run_at_the_same_month_is_not_disturbed(command: CommandLine) -> None:
    """Exit 4, saying which account and month are being worked on."""
    with held(paths.partition_lock(command.home, "north", "2026-10"), "a test"):
        answer = command.run("month", "2026-10")
    assert answer.returncode == 4
    assert "north" in answer.stderr
    assert "2026-10" in answer.stderr


def test_a_corrupt_landed_file_is_named_and_the_next_run_heals_it(month: CommandLine) -> None:
    """Exit 1, naming the file and what to do; the release shows it as missing, and running the month again lands it."""
    [victim] = [
        month.home / file.path for file in landed_files(month.home) if file.manifest.dataset == "customer_bill_detail"
    ]
    victim.write_bytes(b"no parquet")
    answer = month.run("month", "2026-10")
    assert answer.returncode == 1
    assert str(victim) in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not victim.exists()
    assert month.run("month", "2026-10").returncode == 0
    assert victim.exists()


def test_an_interrupted_run_carries_on_where_it_was(command: CommandLine, sandbox: Sandbox) -> None:
    """Exit 130 on ctrl-C; the next run asks only for what was not kept yet."""
    sandbox.faults = Faults(slow=Fault(actions=("DescribeCustomerBillDetail",), pages=(3,)), slow_seconds=30)
    process = command.start("month", "2026-10")
    details = lambda: [a for a in sandbox.requests() if a.action == "DescribeCustomerBillDetail"]  # noqa: E731
    deadline = time.monotonic() + 300
    while len(details()) < 6 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    assert "run again" in errors
    asked = len(details())
    sandbox.faults = Faults()
    assert command.run("month", "2026-10").returncode == 0
    pages = sum(max(1, -(-lines // 200)) + (lines > 200) for lines in sandbox.world.line_counts("2026-10").values())
    assert len(details()) <= pages + 8, "only what was in flight is asked again"
    assert len(details()) > asked
