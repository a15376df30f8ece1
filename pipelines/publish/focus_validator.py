"""The official focus-validator as a judge of exported rows: run apart in its own Python 3.12, its output read.

It ends with 0 whatever it finds, so what it prints decides. What does not belong here: rules of FOCUS; ours are checks
in `sql/`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import CheckFailed, SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

CLAIMED = (
    "AVAILABILITY_ZONE_SUPPORTED",
    "MULTIPLE_BILLING_ACCOUNT_TYPES_SUPPORTED",
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
    "MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED",
    "REGION_SUPPORTED",
    "SUB_ACCOUNT_SUPPORTED",
    "TAGGING_SUPPORTED",
    "UNIT_PRICING_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
)
"""What our rows are judged as supporting; docs/focus.md tells why the validator's other criteria are not among them."""

_NAME = "focus-validator"
_LINE = re.compile(r"^\S+ (\S+): (PASS|FAIL|SKIPPED)(?:  \((.*)\))?$", re.MULTILINE)
_TOTAL = re.compile(r"^Total: (\d+) ", re.MULTILINE)
_REASON = re.compile(r"reason=(?:Rule skipped - )?(.*?)(?:,? msg=|$)")
_AT_MOST = 1800.0
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL")
"""What the validator gets of the environment: keys and tokens are none of its business."""


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What the validator said of each rule: names, those of `failed` and `skipped` with its reason.

    `not_taken` are rules that it counts as failed although they are one of several that a rule asks for any of, and
    that rule passed: name to that rule's.
    """

    passed: tuple[str, ...]
    failed: Mapping[str, str]
    not_taken: Mapping[str, str]
    skipped: Mapping[str, str]

    @property
    def sentence(self) -> str:
        """The counts in one line."""
        return (
            f"{len(self.passed)} rules passed, {len(self.failed)} failed, {len(self.skipped)} skipped, "
            f"{len(self.not_taken)} not taken of those that one of several was asked of"
        )


def judge(rows: Path, environment: Path) -> ValidationResult:
    """Judge a Parquet file of cost and usage with the validator that is installed in a virtual environment.

    Takes some 12 s for a small file. Raises SettingError if it is not installed there, or otherwise than make
    focus-validate does, CheckFailed if it did not come to its end.
    """
    program = environment / "bin" / _NAME
    package = next(environment.glob("lib/python*/site-packages/focus_validator"), None)
    if package is None or not program.exists():
        raise SettingError(
            f"Not validated: there is no focus-validator in {environment}. It needs a Python 3.12, where "
            "make focus-validate sets it up."
        )
    parents = _parents(package)
    output = _run(program, package, rows)
    said = {rule: (status, details or "") for rule, status, details in _LINE.findall(output)}
    total = _TOTAL.search(output)
    if total is None or int(total[1]) != len(said):
        raise CheckFailed(f"Not validated: what focus-validator printed cannot be read: {output[-300:]!r}", check=_NAME)
    return _verdict(said, parents)


def _run(program: Path, package: Path, rows: Path) -> str:
    """Run it without network in a folder of its own: it looks for a file of its own, and logs, where it is started."""
    words = ("--data-file", str(rows.resolve()), "--validate-version", "1.2", "--block-download")
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / package.name).symlink_to(package)
            done = subprocess.run(  # noqa: S603  the program that make installed
                [program.absolute(), *words, "--applicability-criteria", ",".join(CLAIMED)],
                cwd=folder,
                env=passed_on | {"PYTHONUTF8": "1"},
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=_AT_MOST,
            )
    except subprocess.TimeoutExpired as error:
        raise CheckFailed(
            f"Not validated: focus-validator did not end within {error.timeout / 60:g} minutes. Try a smaller month.",
            check=_NAME,
        ) from error
    except OSError as error:
        raise CheckFailed(f"Not validated: focus-validator cannot be run: {error}.", check=_NAME) from error
    if done.returncode:
        raise CheckFailed(
            f"Not validated: focus-validator ended with {done.returncode}: {done.stderr[-500:]}", check=_NAME
        )
    return done.stdout


def _parents(package: Path) -> dict[str, str]:
    """Return, for each rule that is one of several of which any will do, the rule that asks for them."""
    try:
        (model,) = (package / "rules").glob("model-1.2*.json")
        rules = json.loads(model.read_text(encoding="utf-8"))["ModelRules"]
        wanted = {name: rule["ValidationCriteria"]["Requirement"] for name, rule in rules.items()}
        return {
            item["ModelRuleId"]: name
            for name, requirement in wanted.items()
            if requirement.get("CheckFunction") == "OR"
            for item in requirement["Items"]
            if item["CheckFunction"] == "CheckModelRule"
        }
    except (OSError, ValueError, KeyError) as error:
        raise SettingError(
            f"Not validated: the rules of FOCUS 1.2 in {package / 'rules'} are not the one file that was expected "
            f"({error!r}). Remove {package.parents[3]}, then run make focus-validate, which installs it again."
        ) from error


def _verdict(said: Mapping[str, tuple[str, str]], parents: Mapping[str, str]) -> ValidationResult:
    failed = {rule: details for rule, (status, details) in said.items() if status == "FAIL"}
    not_taken = {
        rule: parents[rule] for rule in failed if rule in parents and said.get(parents[rule], ("",))[0] == "PASS"
    }
    return ValidationResult(
        passed=tuple(rule for rule, (status, _) in said.items() if status == "PASS"),
        failed={rule: details for rule, details in failed.items() if rule not in not_taken},
        not_taken=not_taken,
        skipped={rule: _reason(details) for rule, (status, details) in said.items() if status == "SKIPPED"},
    )


def _reason(details: str) -> str:
    found = _REASON.search(details)
    return found[1] if found else details
