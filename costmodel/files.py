"""Replace output files in one step: a reader sees the old file or the new one, never a part."""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

_PREFIX = ".costmodel-"
_SUFFIX = ".tmp"
_OPEN_FILES = "/proc/self/fd"
_STALE_SECONDS = 60.0
"""No write takes that long: an older file of a process that is gone was left by a kill, where files
without a name do not exist."""


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of ``path`` when the block ends without an exception.

    Missing directories are made; an existing file keeps its mode. After an exception (Ctrl-C too)
    ``path`` is as it was. What is no regular file (``/dev/stdout``, a pipe) is written to directly.
    Raises OSError.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as stream:
            yield stream
        return
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(target.parent)
    temporary = _temporary(target.parent)
    nameless = _nameless(target.parent)
    try:
        with nameless or temporary.open("xb") as stream:
            if target.exists():
                os.fchmod(stream.fileno(), stat.S_IMODE(target.stat().st_mode))
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            if nameless:
                _name(stream, temporary)
        try:
            os.replace(temporary, target)
        except OSError as error:
            # The user knows the file by its own name.
            raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        temporary.unlink(missing_ok=True)


def read_bounded(path: Path, most_bytes: int, *, pipes: bool = False) -> bytes:
    """Return the content of a file of at most ``most_bytes``.

    Nobody waits for a pipe without a writer or a log without a line, and no device is read to an
    end that it has not: ``pipes`` lets those pass that are open already, as ``/dev/stdin``. Raises
    OSError, ValueError.
    """
    mode = os.stat(path).st_mode
    is_open = pipes and str(path).startswith(("/dev/", "/proc/self/fd/"))
    if stat.S_ISFIFO(mode) and not is_open:
        raise OSError(errno.ESPIPE, "is a pipe", str(path))
    more = 0 if is_open else os.O_NONBLOCK
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | more)) as stream:
        content = stream.read(most_bytes + 1)
    if content is None:  # it has nothing yet, as /proc/kmsg
        raise OSError(errno.EAGAIN, "is a stream without an end", str(path))
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"is larger than {most_bytes} bytes", str(path))
    return content


def write_bytes(path: Path, data: bytes) -> None:
    """Replace the content of a file by ``data``."""
    with replacing(path) as stream:
        stream.write(data)


def write_text(path: Path, text: str) -> None:
    """Replace the content of a file by ``text``, as UTF-8."""
    write_bytes(path, text.encode())


def json_text(data: Any) -> str:
    """Return plain data as JSON that ends with a newline; equal data give equal text.

    Raises ValueError for a number that JSON cannot carry.
    """
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def why_not(path: Path) -> str:
    """Return why a file could not be written, without touching it; empty: it could.

    Looks at what can be known before: a directory of that name, a name that is too long, a place
    where no file can be made. A full disk shows only when it is written to.
    """
    try:
        if path.is_dir():
            return "is a directory"
        if path.exists() and not path.is_file():
            return "" if os.access(path, os.W_OK) else "cannot be written"
        os.stat(path)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        return f"cannot be written: {getattr(error, 'strerror', None) or error}"
    parent = path.absolute().parent
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    try:
        temporary = _temporary(parent)
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as error:
        return f"cannot be written: {error.strerror}"
    return ""


def _temporary(directory: Path) -> Path:
    """Return a new name in a directory: os.replace is atomic only within a file system."""
    return directory / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"


def _nameless(directory: Path) -> IO[bytes] | None:
    """Open a file without a name, of which a kill leaves nothing; None where there are none."""
    flags = getattr(os, "O_TMPFILE", 0)
    if not flags or not os.path.isdir(_OPEN_FILES):
        return None
    try:
        return os.fdopen(os.open(directory, flags | os.O_WRONLY, 0o666), "wb")
    except OSError:
        return None


def _name(stream: IO[bytes], path: Path) -> None:
    """Give a file without a name one that is free."""
    number = stream.fileno()
    # Only with a directory does Python follow the link to the file itself.
    os.link(f"{_OPEN_FILES}/{number}", path, src_dir_fd=number, follow_symlinks=True)


def _remove_stale(directory: Path) -> None:
    """Remove temporary files that processes left that were killed while they wrote."""
    for left in directory.glob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(OSError, ValueError):
            process = int(left.name.removeprefix(_PREFIX).partition("-")[0])
            if time.time() - left.stat().st_mtime > _STALE_SECONDS and not _runs(process):
                left.unlink()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
