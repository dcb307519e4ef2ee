"""Kept answers of whole commands: a question that was asked before is answered from disk, before
anything else is loaded.

An answer is the text that a command printed. Its key is made of the words of the command, of the
settings in the environment, and of the state of every file of the program and of the packages that
it computes with. With it stand all files that the command read or looked for, with their hashes.
An answer is not kept if it depends on anything else (users' code, the time, a pipe, the files of a
directory), or if the command writes a file or prints to standard error: see
:func:`costmodel.store.depends_on_more`.
"""

from __future__ import annotations

import hashlib
import json
import os
import site
import sys
from contextlib import suppress
from stat import S_ISREG

from costmodel.program_state import PACKAGE, SHIPPED, file_state, program_state, state_at_start
from costmodel.store import DEPENDS_ON_MORE, LOOKED_FOR, the_store

TYPE_CHECKING = False  # typing's own costs as much time as looking an answer up
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TextIO

KEPT = (
    "run",
    "machines",
    "strategies",
    "explain",
    "breakeven",
    "sensitivity",
    "compare",
    "loops",
    "validate",
)
"""Commands whose answers are kept, because they give the same answer to the same question."""
_SYSTEM = ("/dev/", "/proc/", "/sys/")
"""Directories whose content changes all the time, and much of which is not regular files. An answer
that depends on them is not kept."""
_HARMLESS = (os.devnull, "/proc/cpuinfo")
"""Files that numba and other packages read, but on which no number depends."""
_SETTINGS = ("COSTMODEL_", "NUMBA_", "NPY_", "PYTHON", "LANG", "LC_", "COLUMNS", "SOURCE_DATE_")
"""Prefixes of the environment variables that the program or its packages read."""
_LISTING = frozenset({"os.listdir", "os.scandir"})
_WRITING = os.O_WRONLY | os.O_RDWR
_ABSENT, _NO_FILE = "", "no file"


def answered(words: Sequence[str]) -> bool:
    """Print the answer of a command if it is known, and tell whether it was."""
    store, here = the_store(), _here()
    if here is None or not _may_be_kept(words):
        return False
    program = state_at_start()
    known = store.get([_key(words, program, place) for place in ("", here)])
    for answer in known.values():
        if all(_hash(file) == seen for file, seen in answer["files"].items()):
            sys.stdout.write(answer["text"])
            sys.stdout.flush()
            return True
    return False


def keeping(words: Sequence[str], run: Callable[[], int]) -> int:
    """Return what ``run`` returns, and keep what it prints as the answer to ``words``."""
    store, here = the_store(), _here()
    if store.path is None or here is None or not _may_be_kept(words):
        return run()
    program = state_at_start()
    reads = _Reads(os.path.dirname(store.path))
    said, complained = _Copy(sys.stdout), _Copy(sys.stderr)
    sys.stdout, sys.stderr = said, complained
    try:
        code = run()
    finally:
        sys.stdout, sys.stderr = said.stream, complained.stream
        reads.listens = False
    files = reads.files() if code == 0 and not complained.parts else None
    if files is not None and program == program_state():
        anywhere = all(h == _ABSENT and not os.path.isabs(file) for file, h in files.items())
        key = _key(words, program, "" if anywhere else here)
        store.put({key: {"files": files, "text": "".join(said.parts)}})
    return code


def _may_be_kept(words: Sequence[str]) -> bool:
    return bool(words) and words[0] in KEPT and None not in (sys.stdout, sys.stderr)


def _here() -> str | None:
    """Return the working directory; None where it was removed."""
    with suppress(OSError):
        return os.getcwd()
    return None


def _key(words: Sequence[str], program: str, place: str) -> str:
    settings = sorted(pair for pair in os.environ.items() if pair[0].startswith(_SETTINGS))
    parts = ["command", program, place, sys.stdout.encoding, settings, *words]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class _Copy:
    """A stream that remembers what is written to it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.parts: list[str] = []

    def write(self, text: str) -> int:
        self.parts.append(text)
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _Reads:
    """Which files are read from now on, other than those of the program and of its packages.

    Python tells every opened file to an audit hook; there is no way to take one back.
    """

    def __init__(self, cache: str) -> None:
        from sysconfig import get_paths

        modules = (*get_paths().values(), site.USER_SITE, os.environ.get("NUMBA_CACHE_DIR"))
        own = (*modules, PACKAGE, *SHIPPED, cache)
        zipped = tuple(path for path in sys.path if path.endswith(".zip"))
        self._own = (*(os.path.join(path, "") for path in own if path), *zipped)
        self._searched = {os.path.abspath(path) for path in sys.path}
        self._seen: dict[str, Any] = {}
        self._is_all = True
        self.listens = True
        sys.addaudithook(self._hear)

    def files(self) -> dict[str, str] | None:
        """Return the hash of each file as it was read; None where the answer depends on more."""
        if not self._is_all or any(_stat(file) != seen for file, seen in self._seen.items()):
            return None
        found = {file: _hash(file) for file in self._seen}
        return None if _NO_FILE in found.values() else found

    def _hear(self, event: str, told: tuple[Any, ...]) -> None:
        if not self.listens:
            return
        if event == DEPENDS_ON_MORE:
            self._is_all = False
        elif event in {"open", LOOKED_FOR, *_LISTING} and not isinstance(told[0], int):
            file = os.fsdecode(told[0] or os.curdir)
            place = os.path.abspath(file)
            if os.path.join(place, "").startswith(self._own) or place in _HARMLESS:
                return
            if event in _LISTING:  # an import looks through the directories of modules
                self._is_all &= event == "os.listdir" and place in self._searched
            elif (event == "open" and told[2] & _WRITING) or place.startswith(_SYSTEM):
                self._is_all = False
            else:
                self._seen.setdefault(file, _stat(file))


def _stat(file: str) -> list[int] | None:
    """Return what changes when a file is written or replaced; None where there is none."""
    try:
        return file_state(os.stat(file))
    except (OSError, ValueError):
        return None


def _hash(file: str) -> str:
    """Return the SHA-256 of a file's content, _ABSENT where it cannot be read.

    What is no regular file is not opened: to read a pipe empties it.
    """
    try:
        if not S_ISREG(os.stat(file).st_mode):
            return _NO_FILE
        with open(file, "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except (OSError, ValueError):
        return _ABSENT
