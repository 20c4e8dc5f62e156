"""The table of a campaign: Parquet, a file a chunk, each there as a whole or not at all. DuckDB writes and reads it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np

from perilune.scenario.errors import ScenarioError, nearest

CASES = "cases"
Columns = dict[str, np.ndarray]
BLOCK = 16  # columns that are read at a time


class CaseTable:
    """A folder of chunks: `cases/000000.parquet` and so on, a row a case."""

    def __init__(self, folder: Path):
        self.folder = folder / CASES

    def path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.parquet"

    def put(self, number: int, columns: Columns) -> None:
        """On disk when this returns, even if the power fails."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.path(number).with_suffix(".part")
        with duckdb.connect() as database:
            database.execute("SET threads = 1")
            # DuckDB finds the rows by the name of this variable. Words are objects to numpy; of fixed width they would be padded.
            rows = {name: np.asarray(column, dtype=object) if column.dtype.kind == "U" else column for name, column in columns.items()}  # noqa: F841
            database.execute(f"COPY (SELECT * FROM rows) TO '{_quoted(part)}' (FORMAT parquet, COMPRESSION zstd)")
        _synced(part)
        os.replace(part, self.path(number))
        _synced(self.folder)

    def found(self, number: int, cases: int) -> Columns | None:
        """`landed` of a chunk that is there, whole and of so many cases."""
        path = self.path(number)
        if not path.is_file():
            return None
        try:
            columns = read([path], ("case", "landed"))
        except duckdb.Error:  # a damaged file is flown again
            return None
        return columns if len(columns["landed"]) == cases else None

    def count(self) -> int:
        """Chunks that are there."""
        return sum(1 for _ in self.folder.glob("*.parquet"))

    def chunk(self, number: int) -> Columns | None:
        """Every column of a chunk that is there."""
        return read([self.path(number)]) if self.path(number).is_file() else None

    def keep(self, chunks: int) -> None:
        """Take away what lies beyond so many chunks, and what was not finished."""
        for path in self.folder.glob("*"):
            if path.suffix != ".parquet" or int(path.stem) >= chunks:
                path.unlink()

    def read(self, columns: Sequence[str] = ()) -> Columns:
        """Of all cases in order; without names every column. ScenarioError for a name that the table does not have."""
        paths = sorted(self.folder.glob("*.parquet"))
        try:
            return read(paths, columns)
        except duckdb.BinderException:
            there = _names(paths)
            strange = next(name for name in columns if name not in there)
            raise ScenarioError(f"the table has no column '{strange}'; {nearest(strange, there)}") from None


class Rows(Mapping[str, np.ndarray]):
    """Columns of all cases by name, read as they are asked for: some stay, and of the others memory holds one block, however many there are."""

    def __init__(self, table: CaseTable, staying: Sequence[str], others: Sequence[str]):
        self._table, self._staying, self._others = table, table.read(staying), list(others)
        self._block: Columns = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._staying:
            return self._staying[name]
        if name not in self._block:
            first = self._others.index(name)
            self._block = {}  # before others are there
            self._block = self._table.read(self._others[first : first + BLOCK])
        return self._block[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self._staying, *self._others))

    def __len__(self) -> int:
        return len(self._staying) + len(self._others)


def read(paths: Sequence[Path], columns: Sequence[str] = ()) -> Columns:
    """Columns of some files, by case."""
    names = ", ".join(f'"{name}"' for name in columns) or "*"
    with duckdb.connect() as database:
        rows = database.execute(f'SELECT {names} FROM read_parquet(?) ORDER BY "case"', [[str(path) for path in paths]]).fetchnumpy()
    return {
        name: np.ma.filled(column, np.nan) if isinstance(column, np.ma.MaskedArray) else np.asarray(column) for name, column in rows.items()
    }


def _names(paths: Sequence[Path]) -> list[str]:
    with duckdb.connect() as database:
        told = database.execute("SELECT * FROM read_parquet(?) LIMIT 0", [[str(path) for path in paths]]).description or []
    return [name for name, *_ in told]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _synced(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
