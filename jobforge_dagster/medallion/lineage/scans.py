"""Steps that read: which table a file is, and which of its columns come from no value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jobforge_dagster.medallion.errors import ContractError
from jobforge_dagster.medallion.lineage.frame import Frame, values_of
from jobforge_dagster.medallion.lineage.model import Upstream
from jobforge_dagster.medallion.lineage.sources import NOTHING, Value, merged
from jobforge_dagster.medallion.lineage.traverser import Plan, Step


class Scans:
    """Tells what is read by the file that it lies in."""

    def __init__(self, tables: Mapping[str, Path]) -> None:
        """Know the files of some tables, by key."""
        self._keys = {str(path): key for key, path in tables.items()}
        self._resolved: dict[Path, str] | None = None
        self._values: dict[tuple[tuple[str, ...], str], Value] = {}

    def read(self, plan: Plan, step: Step) -> Frame:
        """What a step that takes no rows from another one gives.

        Raises:
            ContractError: it reads a file that is no input, or what cannot be told.
        """
        if step.kind == "DataFrameScan":
            # Rows that are written down in the code are constants.
            return Frame(dict.fromkeys(plan.columns(step.id), NOTHING))
        if step.kind != "Scan":
            raise ContractError(
                f"The plan reads from {step.kind or step.hidden}, so the lineage of its columns "
                f"cannot be told. Read the declared inputs only."
            )
        keys = tuple(self._key(str(path)) for path in step.view.paths)
        options = step.view.file_options
        told = {options.include_file_paths}
        if options.row_index is not None:
            told.add(options.row_index[0])
        columns = {
            name: NOTHING if name in told else self._read(keys, name)
            for name in plan.columns(step.id)
        }
        frame = Frame(columns, tables=frozenset(keys))
        if step.view.predicate is None:
            return frame
        met = values_of(plan, [step.view.predicate], frame, step.id)
        return frame.ruled_by("filter", met.values())

    def _read(self, keys: tuple[str, ...], name: str) -> Value:
        # The same files are often read many times in one plan.
        known = self._values.get((keys, name))
        if known is None:
            known = merged(Value({Upstream(key, name): "identity"}) for key in keys)
            self._values[keys, name] = known
        return known

    def _key(self, path: str) -> str:
        if path in self._keys:
            return self._keys[path]
        if self._resolved is None:
            self._resolved = {Path(known).resolve(): key for known, key in self._keys.items()}
        key = self._resolved.get(Path(path.removeprefix("file://")).resolve())
        if key is None:
            raise ContractError(
                f"The plan reads {path}, which is the file of no declared input "
                f"({', '.join(self._keys.values())}). Declare what it reads as an input."
            )
        return key
