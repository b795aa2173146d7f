"""Contracts and schemas are in version control: computed from files and what git tracks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from jobforge_dagster.catalog import schemas
from jobforge_dagster.catalog.audit.evidence import Evidence
from jobforge_dagster.catalog.audit.meaning import files_of
from jobforge_dagster.catalog.audit.model import Checked, Control

_ENDINGS = (".py", ".yaml", ".yml")
_PATIENCE = 20
"""Seconds that git may take."""

_NAMED = 3
"""Files that a finding names."""


def version_control(evidence: Evidence) -> Checked:
    """Compare schemas with models, and files with what git tracks."""
    checked = Checked.of("schemas", "domain files", "files tracked by git")
    written = [path for name in schemas.DOCUMENTS if (path := evidence.root.schema(name)).exists()]
    checked.count("schemas", len(written))
    for name, text in schemas.texts().items():
        path = evidence.root.schema(name)
        where, remedy = evidence.root.relative(path), "The next run writes it; then commit it"
        if path not in written:
            checked.wrong(where, "it is gone", remedy)
        elif path.read_bytes() != text.encode():
            checked.wrong(where, "it is not what the models of this version give", remedy)
    _tracked(checked, evidence.root.schema("table").parent, written, "the schemas")
    for package in evidence.packages:
        files = list(files_of(package, _ENDINGS))
        checked.count("domain files", len(files))
        for folder in dict.fromkeys(folder for folder, _ in files):
            of_it = [path for parent, path in files if parent == folder]
            _tracked(checked, folder, of_it, package)
    return checked


def _tracked(checked: Checked, folder: Path, files: Sequence[Path], what: str) -> None:
    if not files:
        return
    try:
        asked = _git(folder, "rev-parse", "--is-inside-work-tree")
        if asked is None:
            checked.notes.append(f"{what}: not in a work tree of git; judged by the rest.")
            return
        told = _git(folder, "ls-files", "-z", "--", ".")
    except subprocess.TimeoutExpired:
        checked.wrong(what, f"git did not answer in {_PATIENCE} seconds", "See what keeps it")
        return
    known = {name for name in (told or "").split("\0") if name}
    left = [path for path in files if path.relative_to(folder).as_posix() not in known]
    checked.count("files tracked by git", len(files) - len(left))
    if left:
        names = ", ".join(path.relative_to(folder).as_posix() for path in left[:_NAMED])
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        checked.wrong(
            what,
            f"{len(left)} of {len(files)} files are not in version control: {names}{more}",
            "Add them with git, and see that .gitignore does not leave them out",
        )


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; ``None`` where it refuses, or is not there."""
    # A hook of git tells its own repository by these; the folder tells ours.
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    try:
        told = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
            env=environment,
        )
    except OSError:
        return None
    return told.stdout if told.returncode == 0 else None


CONTROLS = (
    Control(
        "architecture.version-control",
        "Data architecture",
        "Contracts and schemas are in version control.",
        version_control,
    ),
)
