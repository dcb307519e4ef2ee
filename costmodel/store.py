"""Keeps computed values on disk, by the hash of everything that they depend on.

It is one SQLite file, which any number of processes can use at once. Its size is limited. Whatever
is wrong with it (a damaged file, a full disk, a lock that cannot be taken) only means that values
are computed again.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

LIMIT_BYTES: Final = 256 << 20
"""Limit of the kept values; those not used longest are dropped first."""
VARIABLE: Final = "COSTMODEL_CACHE"
"""Environment variable with the directory of the store, or ``off``."""
OFF: Final = "off"
_FILE: Final = "answers.sqlite"
_PACKAGES: Final = ("numpy", "numba", "llvmlite", "scipy", "simpy")
"""Packages whose version could change a number."""
_SOURCES: Final = frozenset({".py", ".yaml", ".yml", ".json", ".csv", ".npz", ".xz"})
_PROBE: Final = "a value can be kept"
_WAIT_SECONDS: Final = 20.0
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS answers "
    "(key TEXT PRIMARY KEY, used REAL NOT NULL, size INTEGER NOT NULL, value BLOB NOT NULL)"
)
_HAS_TABLE: Final = "SELECT 1 FROM sqlite_master WHERE name = 'answers'"
_INDEX: Final = "CREATE INDEX IF NOT EXISTS by_use ON answers (used, size, key)"
"""With it, neither the sum of all sizes nor the order of use needs to look at the values."""
_QUICKLY: Final = 1
"""Level of compression: a program becomes fifteen times smaller in half a millisecond."""
_AGE_SECONDS: Final = 3600.0
"""Use is noted so coarsely: whoever only reads does not write."""


DEPENDS_ON_MORE: Final = "costmodel.depends_on_more"
LOOKED_FOR: Final = "costmodel.looked_for"
"""Events for Python's audit hooks, by which cli/answers.py learns what an answer depends on."""


class StoreSize(NamedTuple):
    """The file of a store, and how much it holds."""

    path: Path
    entries: int
    bytes: int


class Store:
    """Values on disk by key; ``path`` is the file, and None keeps nothing."""

    def __init__(self, path: Path | None, *, limit_bytes: int = LIMIT_BYTES) -> None:
        """Remember the path; nothing is opened or created yet."""
        self.path = path
        self.limit_bytes = limit_bytes

    def get(self, keys: Sequence[str]) -> dict[str, Any]:
        """Return the values that are kept, by key; damaged ones are left out."""
        found: dict[str, Any] = {}
        aged: list[str] = []
        if self._is_there():
            self._safely(lambda database: _read(database, keys, found, aged), "DEFERRED")
            if aged:
                self._safely(lambda database: _used_now(database, aged))
        return found

    def put(self, values: Mapping[str, Any]) -> None:
        """Keep values by key; those not used longest are dropped if there is no room."""
        if self.path is not None and values:
            with suppress(OSError):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._safely(lambda database: self._write(database, values))

    def can_keep(self) -> bool:
        """Tell whether values can be kept at this place, by keeping one."""
        for _ in range(2):  # the first time removes a damaged database
            self.put({_PROBE: True})
            if self.get([_PROBE]):
                return True
        return False

    def _is_there(self) -> bool:
        with suppress(OSError):  # a folder into which this user may not look
            return self.path is not None and self.path.is_file()
        return False

    def size(self) -> StoreSize:
        """Return the number and the size of the kept values."""
        sizes = [(0, 0)]
        if self._is_there():
            query = "SELECT count(*), coalesce(sum(size), 0) FROM answers"
            self._safely(lambda database: sizes.append(database.execute(query).fetchone()))
        return StoreSize(self.path or Path(), *sizes[-1])

    def clear(self) -> None:
        """Remove all values."""
        if self.path is None:
            return
        for end in ("", "-journal"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)

    def _write(self, database: sqlite3.Connection, values: Mapping[str, Any]) -> None:
        """Write values, and make room for them."""
        now = time.time()
        rows = [(key, now, len(data), data) for key, data in _packed(values)]
        database.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", rows)
        self._make_room(database)

    def _make_room(self, database: sqlite3.Connection) -> None:
        (size,) = database.execute("SELECT coalesce(sum(size), 0) FROM answers").fetchone()
        if size <= self.limit_bytes:
            return
        gone = []
        for key, one in database.execute("SELECT key, size FROM answers ORDER BY used"):
            gone.append((key,))
            size -= one
            if size <= self.limit_bytes * 3 // 4:
                break
        database.executemany("DELETE FROM answers WHERE key = ?", gone)

    def _safely(self, do: Callable[[sqlite3.Connection], object], how: str = "IMMEDIATE") -> None:
        """Call ``do`` with the database in one transaction; a damaged database is removed.

        It must be an IMMEDIATE one where anything is written: to read and then write is how two
        processes wait for each other.
        """
        assert self.path is not None
        try:
            with closing(
                sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None)
            ) as database:
                database.execute("PRAGMA synchronous = OFF")  # a lost answer is computed again
                database.execute(f"BEGIN {how}")
                if how == "IMMEDIATE":
                    database.execute(_TABLE)
                    database.execute(_INDEX)
                do(database)
                database.execute("COMMIT")
        except (sqlite3.Error, OSError, OverflowError, UnicodeDecodeError) as error:
            if not _is_passing(error):
                with suppress(OSError):
                    self.clear()


def depends_on_more() -> None:
    """Announce that the present answer depends on more than the files that are read for it.

    A user's code may do anything, so such an answer is not kept.
    """
    sys.audit(DEPENDS_ON_MORE)


def looked_for(file: str) -> None:
    """Announce that the present answer depends on whether there is a file of this name."""
    sys.audit(LOOKED_FOR, file)


def the_store() -> Store:
    """Return the store of this user, at the place that the environment names."""
    said = os.environ.get(VARIABLE, "")
    if said == OFF:
        return Store(None)
    if said:
        return Store(Path(said) / _FILE)
    home = os.environ.get("XDG_CACHE_HOME", "")
    with suppress(RuntimeError):  # a user without a home directory
        return Store((Path(home) if home else Path.home() / ".cache") / "costmodel" / _FILE)
    return Store(None)


def key_of(*parts: str) -> str:
    """Return the key of a value that depends on some texts and on this version of the package."""
    found = hashlib.sha256(program_sha256().encode())
    for part in parts:
        found.update(b"\0" + part.encode())
    return found.hexdigest()


@cache
def program_sha256() -> str:
    """Return the SHA-256 of everything that numbers are computed with: code, data, packages.

    Reading all of it takes a twentieth of a short question, so it is kept by the files' state.
    """
    from costmodel.program_state import state_at_start

    store, key = the_store(), f"program {state_at_start()}"
    known: dict[str, str] = store.get([key])
    found = known.get(key) or _program_sha256()
    if not known:
        store.put({key: found})
    return found


def _program_sha256() -> str:
    from importlib.metadata import version  # slow to load, and mostly not needed

    package = Path(__file__).parent
    found = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.suffix in _SOURCES and path.is_file():
            found.update(f"{path.relative_to(package)}\0".encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
    for name in _PACKAGES:
        found.update(f"{name} {version(name)}\0".encode())
    return found.hexdigest()


def _is_passing(error: Exception) -> bool:
    """Tell an error of the moment (locked, full, read-only) from damage, such as another schema."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR


def _read(
    database: sqlite3.Connection, keys: Sequence[str], found: dict[str, Any], aged: list[str]
) -> None:
    """Put the values that are there into ``found``, the keys of those long unused into ``aged``."""
    if not database.execute(_HAS_TABLE).fetchone():
        return  # another process is just making it
    now = time.time()
    for key in keys:
        row = database.execute("SELECT value, used FROM answers WHERE key = ?", (key,)).fetchone()
        if row is not None and (value := _unpacked(key, row[0])) is not None:
            found[key] = value
            if not 0 <= now - row[1] < _AGE_SECONDS:
                aged.append(key)


def _used_now(database: sqlite3.Connection, keys: Sequence[str]) -> None:
    used = [(time.time(), key) for key in keys]
    database.executemany("UPDATE answers SET used = ? WHERE key = ?", used)


def _packed(values: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    for key, value in values.items():
        data = zlib.compress(pickle.dumps(value, protocol=5), _QUICKLY)
        yield key, _digest(key, data) + data


def _digest(key: str, data: bytes) -> bytes:
    """Return a checksum of value and key, as a damaged index can lead to another row."""
    return hashlib.sha256(key.encode() + b"\0" + data).digest()


def _unpacked(key: str, data: bytes) -> Any:
    """Return a value; None if it is damaged, or of a class that no longer exists."""
    digest, rest = data[:32], data[32:]
    if _digest(key, rest) != digest:
        return None
    try:
        return pickle.loads(zlib.decompress(rest))
    except Exception:  # whatever a class that changed makes of it
        return None
