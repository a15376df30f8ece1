"""Runs the official focus-validator on exported rows, in its own Python 3.12, and reads its output.

Its exit code is 0 whatever it finds, so its output decides. Our own rules on FOCUS are checks in `sql/`.
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
"""Criteria that our rows claim to support; docs/focus.md explains why the validator's others are not among them."""

_NAME = "focus-validator"
_LINE = re.compile(r"^\S+ (\S+): (PASS|FAIL|SKIPPED)(?:  \((.*)\))?$", re.MULTILINE)
_TOTAL = re.compile(r"^Total: (\d+) ", re.MULTILINE)
_REASON = re.compile(r"reason=(?:Rule skipped - )?(.*?)(?:,? msg=|$)")
_TIMEOUT_SECONDS = 1800.0
_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL")
"""Environment variables that the validator gets; keys and tokens are not among them."""


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """The validator's results by name of the rule; those in `failed` and `skipped` have its reason.

    `not_taken` has rules that the validator counts as failed although they are only one of several alternatives of
    another rule, which passed. Its values are the names of those other rules.
    """

    passed: tuple[str, ...]
    failed: Mapping[str, str]
    not_taken: Mapping[str, str]
    skipped: Mapping[str, str]

    @property
    def sentence(self) -> str:
        """The counts in one sentence."""
        return (
            f"{len(self.passed)} rules passed, {len(self.failed)} failed, {len(self.skipped)} skipped, "
            f"{len(self.not_taken)} not needed because an alternative passed"
        )


def validate(rows: Path, environment: Path) -> ValidationResult:
    """Validate a Parquet file of cost and usage with the validator in the virtual environment `environment`.

    A small file takes about 12 s. Raises SettingError if the validator is not installed there as make focus-validate
    does it, CheckFailed if it failed or its output cannot be read.
    """
    program = environment / "bin" / _NAME
    package = next(environment.glob("lib/python*/site-packages/focus_validator"), None)
    if package is None or not program.exists():
        raise SettingError(
            f"Not validated: there is no focus-validator in {environment}. Run make focus-validate, which "
            "installs it; it needs a Python 3.12."
        )
    parents = _parents(package)
    output = _run(program, package, rows)
    statuses = {rule: (status, details or "") for rule, status, details in _LINE.findall(output)}
    total = _TOTAL.search(output)
    if total is None or int(total[1]) != len(statuses):
        raise CheckFailed(
            f"Not validated: the output of focus-validator cannot be read: {output[-300:]!r}", check=_NAME
        )
    return _result(statuses, parents)


def _run(program: Path, package: Path, rows: Path) -> str:
    """Run the validator and return its output. It runs without network, in a folder with a link to its own package.

    It looks for its files and writes its logs in the folder that it is started in.
    """
    options = ("--data-file", str(rows.resolve()), "--validate-version", "1.2", "--block-download")
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / package.name).symlink_to(package)
            done = subprocess.run(  # noqa: S603  the program that make focus-validate installed
                [program.absolute(), *options, "--applicability-criteria", ",".join(CLAIMED)],
                cwd=folder,
                env=environment | {"PYTHONUTF8": "1"},
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=_TIMEOUT_SECONDS,
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
    """Return, for each rule that is one of several alternatives, the rule that accepts any of them."""
    try:
        (model,) = (package / "rules").glob("model-1.2*.json")
        rules = json.loads(model.read_text(encoding="utf-8"))["ModelRules"]
        requirements = {name: rule["ValidationCriteria"]["Requirement"] for name, rule in rules.items()}
        return {
            item["ModelRuleId"]: name
            for name, requirement in requirements.items()
            if requirement.get("CheckFunction") == "OR"
            for item in requirement["Items"]
            if item["CheckFunction"] == "CheckModelRule"
        }
    except (OSError, ValueError, KeyError) as error:
        raise SettingError(
            f"Not validated: the rules of FOCUS 1.2 in {package / 'rules'} are not one readable file, as expected "
            f"({error!r}). Remove {package.parents[3]}, then run make focus-validate, which installs it again."
        ) from error


def _result(statuses: Mapping[str, tuple[str, str]], parents: Mapping[str, str]) -> ValidationResult:
    failed = {rule: details for rule, (status, details) in statuses.items() if status == "FAIL"}
    not_taken = {
        rule: parents[rule] for rule in failed if rule in parents and statuses.get(parents[rule], ("",))[0] == "PASS"
    }
    return ValidationResult(
        passed=tuple(rule for rule, (status, _) in statuses.items() if status == "PASS"),
        failed={rule: details for rule, details in failed.items() if rule not in not_taken},
        not_taken=not_taken,
        skipped={rule: _reason(details) for rule, (status, details) in statuses.items() if status == "SKIPPED"},
    )


def _reason(details: str) -> str:
    found = _REASON.search(details)
    return found[1] if found else details
