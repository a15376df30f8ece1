"""LibreOffice without a window: opens workbooks as a customer would, computing every formula again."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.acceptance.programs import program

if TYPE_CHECKING:
    from pathlib import Path

_ALWAYS_COMPUTE = """\
<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop>
</item>
</oor:items>
"""


@dataclass(frozen=True)
class LibreOffice:
    """A LibreOffice with settings of its own, in a folder of its own."""

    program: str
    folder: Path

    def convert(self, source: Path, kind: str) -> Path:
        """Open a file and save it as another kind, such as `pdf` or `xlsx`."""
        profile, target = self.folder / "profile", self.folder / kind
        user = profile / "user"
        user.mkdir(parents=True, exist_ok=True)
        (user / "registrymodifications.xcu").write_text(_ALWAYS_COMPUTE)
        command = [self.program, f"-env:UserInstallation={profile.as_uri()}", "--headless"]
        subprocess.run(
            [*command, "--convert-to", kind, "--outdir", str(target), str(source)],
            check=True,
            capture_output=True,
            timeout=240,
            env=os.environ | {"HOME": str(self.folder)},
        )
        return target / source.with_suffix(f".{kind}").name


def libreoffice(folder: Path) -> LibreOffice:
    """Return the machine's LibreOffice."""
    return LibreOffice(program("soffice", package="libreoffice-calc"), folder)
