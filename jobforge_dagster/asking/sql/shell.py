"""The interactive prompt: statement after statement, each judged and run as if it were alone."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.root import DataRoot

_HELP = """\
SELECT … ;      a statement ends with a semicolon and may have several lines
.tables [PART]  names of all tables, or of those that contain PART
.help           this
.quit           leave; so does Ctrl-D
Ctrl-C ends the statement, the tab key completes names."""

_WORDS = (
    "SELECT FROM WHERE GROUP BY ORDER LIMIT JOIN LEFT USING ON AS WITH HAVING QUALIFY DISTINCT "
    "COUNT SUM AVG MIN MAX CASE WHEN THEN ELSE END AND OR NOT IN IS NULL BETWEEN LIKE ILIKE UNION "
    "ALL DESCRIBE SUMMARIZE SHOW TABLES EXPLAIN VALUES OVER PARTITION DESC"
).split()


class Shell:
    """Reads lines, and runs what they say.

    Args:
        root: the data root.
        run: runs a statement and prints its answer.
        say: prints a line; errors too, if the second argument is true.
    """

    def __init__(
        self, root: DataRoot, run: Callable[[str], None], say: Callable[[str, bool], None]
    ) -> None:
        self._root = root
        self._run = run
        self._say = say
        self._text = ""

    def loop(self) -> None:
        """Read until the end."""
        interactive = sys.stdin.isatty()
        if interactive:
            self._say("Ask in SQL. A statement ends with ; and .help tells more.", False)
        with _line_editing(self._root, interactive):
            while True:
                try:
                    line = input(self._prompt() if interactive else "")
                except EOFError:
                    self._finish()
                    return
                except KeyboardInterrupt:
                    self._text = ""
                    self._say("", False)
                    continue
                if not self._take(line):
                    return

    def _prompt(self) -> str:
        return "     ...> " if self._text.strip() else "jobforge> "

    def _take(self, line: str) -> bool:
        """Take a line; whether there may be another."""
        command = line.strip()
        if not self._text.strip() and command.startswith("."):
            return self._command(command)
        self._text += f"{line}\n"
        if command.endswith(";"):
            self._finish()
        return True

    def _finish(self) -> None:
        """Run what was read, if it is anything."""
        text, self._text = self._text.strip(), ""
        if not text.strip("; \n"):
            return
        try:
            self._run(text)
        except KeyboardInterrupt:
            self._say("Interrupted.", True)
        except (JobForgeError, OSError) as error:
            self._say(f"Error: {error}", True)

    def _command(self, command: str) -> bool:
        name, _, part = command.partition(" ")
        if name in (".quit", ".exit"):
            return False
        if name == ".tables":
            names = [each for each in names_of_tables(self._root) if part.strip() in each]
            self._say("\n".join(names) or "There is no such table.", False)
        elif name == ".help":
            self._say(_HELP, False)
        else:
            self._say(f"Error: There is no command {name}. See: .help", True)
        return True


def names_of_tables(root: DataRoot) -> list[str]:
    """All tables, as they are named in SQL."""
    return [".".join(name) for name in _rows(root, "schema_name, table_name")]


def names_to_complete(root: DataRoot) -> list[str]:
    """What the tab key knows: words of SQL, schemas, tables and columns."""
    found = {*_WORDS}
    for schema, table, column in _rows(root, "schema_name, table_name, column_name"):
        found |= {f"{schema}.", f"{schema}.{table}", table, column}
    return sorted(found)


def _rows(root: DataRoot, columns: str) -> list[tuple[str, ...]]:
    from jobforge_dagster.asking.sql.answer import asking

    text = f"SELECT DISTINCT {columns} FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
    with asking(text, root=root) as asked:
        _, batches = asked.rows()
        return [row for batch in batches for row in batch]


@contextlib.contextmanager
def _line_editing(root: DataRoot, interactive: bool) -> Iterator[None]:
    """History, kept in the cache, and completion, where the machine has readline."""
    if not interactive:
        yield
        return
    try:
        import readline
    except ImportError:
        yield
        return
    history = root.cache / "sql_history"
    with contextlib.suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(1000)
    known: list[str] = []

    def complete(text: str, number: int) -> str | None:
        if not known:
            with contextlib.suppress(JobForgeError, OSError):
                known.extend(names_to_complete(root))
        return completed(text, known, number)

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n,;()=<>+-*/'\"")
    readline.parse_and_bind("tab: complete")
    try:
        yield
    finally:
        _keep(history, readline.write_history_file)


def completed(text: str, known: list[str], number: int) -> str | None:
    """The completion of a word that has some number; keywords keep the case that was typed."""
    found = [name for name in known if name.lower().startswith(text.lower())]
    if number >= len(found):
        return None
    name = found[number]
    return name.lower() if name.isupper() and text.islower() else name


def _keep(history: Path, write: Callable[[Path], None]) -> None:
    with contextlib.suppress(OSError):
        history.parent.mkdir(parents=True, exist_ok=True)
        write(history)
