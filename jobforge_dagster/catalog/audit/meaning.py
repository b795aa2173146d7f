"""Meaning is apart from implementation: computed from the imports of the code itself."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from jobforge_dagster.catalog.audit.evidence import Evidence, in_short
from jobforge_dagster.catalog.audit.model import Checked, Control

_PLATFORM = __name__.partition(".")[0]
_PURE = f"{_PLATFORM}.medallion"

_ORCHESTRATOR = "dagster"
_TOUCHING = frozenset(
    "aiohttp asyncio boto3 builtins ctypes duckdb fsspec ftplib glob http httpx importlib io "
    "multiprocessing os pathlib pyarrow requests runpy s3fs shutil smtplib socket sqlalchemy "
    "sqlite3 ssl subprocess sys tempfile urllib urllib3".split()
)
"""Modules through which a domain would reach files, processes, the network or other code."""

_TOUCHING_OF_OURS = tuple(f"{_PURE}.{name}" for name in ("fetching", "readers", "storage"))
_CALLS = frozenset({"__import__", "compile", "eval", "exec", "open"})
_METHODS = ("read_", "scan_", "sink_", "write_")
"""How the names of the methods begin with which Polars reads and writes."""


def meaning_apart(evidence: Evidence) -> Checked:
    """Look through every module of the domains, and of the package that says how tables move."""
    checked = Checked.of("domain modules", "modules of medallion", "imports")
    for package in evidence.packages:
        _look(checked, evidence, package, "domain modules", is_domain=True)
    _look(checked, evidence, evidence.medallion, "modules of medallion", is_domain=False)
    return checked


def _look(
    checked: Checked, evidence: Evidence, package: str, counted: str, *, is_domain: bool
) -> None:
    files = list(files_of(package, (".py",)))
    if not files:
        checked.wrong(package, "there is no such package", "Correct JOBFORGE_DOMAINS")
    for folder, path in files:
        where = f"{package}: {path.relative_to(folder).as_posix()}"
        checked.count(counted)
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError) as error:
            checked.wrong(where, f"it cannot be parsed ({in_short(error)})", "Mend it")
            continue
        for line, name in _imports(tree, _module(package, folder, path)):
            checked.count("imports")
            why = _not_for_domains(name, evidence) if is_domain else _not_pure(name, evidence)
            if why:
                checked.wrong(f"{where}, line {line}", f"it imports {name}: {why}", "Remove it")
        for line, name in _calls(tree) if is_domain else ():
            checked.wrong(
                f"{where}, line {line}",
                f"it calls {name}: a domain reads and writes nothing",
                "Declare the file as a source, or take a frame as an input",
            )


def files_of(package: str, endings: tuple[str, ...]) -> Iterator[tuple[Path, Path]]:
    """The files of a package with some endings, each with the folder of the package."""
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError, AttributeError):
        return
    if found is None:
        return
    if not found.submodule_search_locations:
        if found.origin:
            yield Path(found.origin).parent, Path(found.origin)
        return
    for location in found.submodule_search_locations:
        folder = Path(location)
        for path in sorted(folder.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if path.suffix in endings and path.is_file() and not hidden:
                yield folder, path


def _module(package: str, folder: Path, path: Path) -> list[str]:
    """The package that a module's relative imports start from."""
    return [*package.split("."), *path.relative_to(folder).parent.parts]


def _imports(tree: ast.Module, package: list[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def _calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in _CALLS:
            yield node.lineno, f"{called.id}()"
        elif isinstance(called, ast.Attribute) and called.attr.startswith(_METHODS):
            yield node.lineno, f".{called.attr}()"


def _not_for_domains(name: str, evidence: Evidence) -> str | None:
    top = name.partition(".")[0]
    if top.startswith(_ORCHESTRATOR):
        return "a domain says what data means, not how it is run"
    if top in _TOUCHING or _within(name, _TOUCHING_OF_OURS):
        return "a domain touches no file, process or network"
    if top == _PLATFORM and not _within(name, (_PURE, *evidence.packages)):
        return "of the platform a domain knows medallion alone"
    return None


def _not_pure(name: str, evidence: Evidence) -> str | None:
    top = name.partition(".")[0]
    if top.startswith(_ORCHESTRATOR):
        return "medallion knows nothing of what runs it"
    if _within(name, evidence.packages):
        return "medallion names no domain"
    if top == _PLATFORM and not _within(name, (_PURE,)):
        return "medallion knows no other part of the platform"
    return None


def _within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


CONTROLS = (
    Control(
        "architecture.meaning-apart",
        "Data architecture",
        "What data means is written apart from how it is moved and run.",
        meaning_apart,
    ),
)
