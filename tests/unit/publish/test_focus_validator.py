"""What the official focus-validator prints is read, whatever it ends with; here a stand-in prints it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from pipelines.errors import CheckFailed, SettingError
from pipelines.publish import focus_validator
from pipelines.publish.focus_validator import CLAIMED, validate

if TYPE_CHECKING:
    from pathlib import Path

OR = {
    "CheckFunction": "OR",
    "Items": [{"CheckFunction": "CheckModelRule", "ModelRuleId": f"A-C-00{n}-C"} for n in (1, 2)],
}
AND = {"CheckFunction": "AND", "Items": [{"CheckFunction": "CheckModelRule", "ModelRuleId": "B-C-001-M"}]}
RULES = {"A-C-000-C": OR, "B-C-000-M": AND}


def installed(folder: Path, printed: str, code: int = 0) -> Path:
    """Make an environment whose validator prints this, where its package is found from the folder it is started in."""
    package = folder / "lib" / "python3.12" / "site-packages" / "focus_validator"
    (package / "rules").mkdir(parents=True)
    rules = {name: {"ValidationCriteria": {"Requirement": requirement}} for name, requirement in RULES.items()}
    (package / "rules" / "model-1.2.0.1.json").write_text(json.dumps({"ModelRules": rules}))
    program = folder / "bin" / "focus-validator"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\n"
        "assert pathlib.Path('focus_validator/rules/model-1.2.0.1.json').exists()\n"
        f"assert '--block-download' in sys.argv and {','.join(CLAIMED)!r} in sys.argv\n"
        f"print({printed!r})\nsys.exit({code})\n"
    )
    program.chmod(0o700)
    return folder


def test_each_rule_is_passed_failed_or_skipped_for_a_reason(tmp_path: Path) -> None:
    """The validator's marks are read line by line; the summary of failures below them is not counted again."""
    printed = (
        "\n=== Validation Results ===\nTotal: 3 | Pass: 1 | Fail: 1 | Skipped: 1\n"
        "⏭️ C-C-001-M: SKIPPED  (violations=0, reason=Rule skipped - is dynamic, msg=Rule skipped - is dynamic)\n"
        "✅ B-C-001-M: PASS  (violations=0, 2.1ms)\n❌ B-C-000-M: FAIL  (violations=1, msg=AND failed)\n"
        "\n--- Failures ---\n- B-C-000-M: violations=1; AND failed\n  MustSatisfy: B: FAIL"
    )
    verdict = validate(tmp_path / "rows.parquet", installed(tmp_path, printed))
    assert verdict.passed == ("B-C-001-M",)
    assert verdict.failed == {"B-C-000-M": "violations=1, msg=AND failed"}
    assert verdict.skipped == {"C-C-001-M": "is dynamic"}
    assert verdict.not_taken == {}
    assert verdict.sentence.startswith("1 rules passed, 1 failed, 1 skipped")


@pytest.mark.parametrize(("parent", "failed", "not_taken"), [("PASS", 0, 1), ("FAIL", 2, 0)])
def test_an_alternative_fails_only_with_the_rule_that_asks_for_it(
    tmp_path: Path, parent: str, failed: int, not_taken: int
) -> None:
    """One of several rules of which any will do is no failure where the rule that asks for them passed."""
    printed = f"Total: 2 | ...\n❌ A-C-001-C: FAIL  (violations=1)\n✅ A-C-000-C: {parent}  (violations=0)"
    verdict = validate(tmp_path / "rows.parquet", installed(tmp_path, printed))
    assert (len(verdict.failed), len(verdict.not_taken)) == (failed, not_taken)


@pytest.mark.parametrize("printed", ["", "Traceback", "Total: 2 | ...\n✅ A-C-001-C: PASS  (violations=0)"])
def test_a_verdict_that_is_not_whole_is_none(tmp_path: Path, printed: str) -> None:
    """A validator that printed nothing, or less than it counted, has not validated."""
    with pytest.raises(CheckFailed, match="Not validated"):
        validate(tmp_path / "rows.parquet", installed(tmp_path, printed))


def test_a_validator_that_breaks_off_has_not_validated(tmp_path: Path) -> None:
    """Its exit code is 0 for any verdict, so another one is a failure of its own."""
    with pytest.raises(CheckFailed, match="ended with 1"):
        validate(tmp_path / "rows.parquet", installed(tmp_path, "Total: 0 |", code=1))


def test_a_validator_that_does_not_end_has_not_validated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, and the message says so."""
    environment = installed(tmp_path, "")
    (environment / "bin" / "focus-validator").write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    monkeypatch.setattr(focus_validator, "_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(CheckFailed, match="Not validated: focus-validator did not end"):
        validate(tmp_path / "rows.parquet", environment)


def test_a_validator_that_cannot_be_started_has_not_validated(tmp_path: Path) -> None:
    """Such as one whose Python is gone."""
    environment = installed(tmp_path, "")
    (environment / "bin" / "focus-validator").write_text("#!/nowhere/python\n")
    with pytest.raises(CheckFailed, match=r"Not validated: focus-validator cannot be run: .*No such file"):
        validate(tmp_path / "rows.parquet", environment)


@pytest.mark.parametrize("rules", [[], ["1.2.0.1", "1.2.0.2"], ["1.2.0.1"]])
def test_without_the_one_file_of_rules_nothing_is_validated(tmp_path: Path, rules: list[str]) -> None:
    """None, a second one or one that is no JSON: which failures count could not be told."""
    environment = installed(tmp_path, "Total: 0 | ...")
    folder = environment / "lib" / "python3.12" / "site-packages" / "focus_validator" / "rules"
    (folder / "model-1.2.0.1.json").unlink()
    for version in rules:
        (folder / f"model-{version}.json").write_text("nothing")
    with pytest.raises(SettingError, match=r"Not validated: the rules .* run make focus-validate") as failure:
        validate(tmp_path / "rows.parquet", environment)
    assert f"Remove {environment}," in str(failure.value)


def test_the_validator_is_told_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is somebody else's program: of the environment it gets what any program needs."""
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "secret")
    environment = installed(tmp_path, "Total: 0 | ...")
    program = environment / "bin" / "focus-validator"
    seen = tmp_path / "seen"
    program.write_text(
        f"#!{sys.executable}\nimport os, pathlib\n"
        f"pathlib.Path({str(seen)!r}).write_text(repr(dict(os.environ)))\nprint('Total: 0 | ...')\n"
    )
    validate(tmp_path / "rows.parquet", environment)
    assert "TENCENTCLOUD" not in seen.read_text()
    assert "'PATH'" in seen.read_text()


def test_without_the_validator_nothing_is_validated(tmp_path: Path) -> None:
    """Where no Python 3.12 is, the message says what is missing."""
    with pytest.raises(SettingError, match=r"Not validated.*3\.12"):
        validate(tmp_path / "rows.parquet", tmp_path / "nowhere")
