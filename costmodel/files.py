"""Writes output files in one step: a reader sees the old file or the new one, never a part."""

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
"""No write takes that long. An older temporary file of a process that is gone was left by a kill,
on a file system without nameless files."""


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Yield a binary file that replaces ``path`` when the block ends without an exception.

    Missing directories are created; an existing file keeps its mode. After an exception, Ctrl-C
    included, ``path`` is unchanged. Anything but a regular file (``/dev/stdout``, a pipe) is
    written to directly. Raises OSError where it cannot be written.
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

    It does not wait for a pipe without a writer or a log without a line, and does not read a device
    without an end. ``pipes`` allows pipes that are open already, such as ``/dev/stdin``. Raises
    OSError for a file that cannot be read, is a pipe, or is larger, and ValueError for a name that
    is none.
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
    """Replace the content of a file by ``data``; an OSError names the file."""
    try:
        with replacing(path) as stream:
            stream.write(data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_text(path: Path, text: str) -> None:
    """Replace the content of a file by ``text``, as UTF-8."""
    write_bytes(path, text.encode())


def json_text(data: Any) -> str:
    """Return plain data as JSON that ends with a newline; equal data give equal text.

    Raises ValueError for NaN and infinity, which JSON does not have.
    """
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def why_not(path: Path) -> str:
    """Return why a file cannot be written, without touching it; empty if nothing speaks against it.

    It finds what can be known before: a directory of that name, a name that is too long, a place
    where no file can be created. A full disk shows only when it is written to.
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
    temporary = _temporary(parent)
    try:
        if nameless := _nameless(parent):
            nameless.close()
        else:
            temporary.touch(exist_ok=False)
    except OSError as error:
        return f"cannot be written: {error.strerror}"
    finally:  # Ctrl-C may come between the two
        with suppress(OSError):
            temporary.unlink()
    return ""


def _temporary(directory: Path) -> Path:
    """Return a new name in the same directory, as os.replace is atomic only in one file system."""
    return directory / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"


def _nameless(directory: Path) -> IO[bytes] | None:
    """Return a new file without a name, of which a kill leaves nothing; None if unsupported."""
    flags = getattr(os, "O_TMPFILE", 0)
    if not flags or not os.path.isdir(_OPEN_FILES):
        return None
    try:
        return os.fdopen(os.open(directory, flags | os.O_WRONLY, 0o666), "wb")
    except OSError:
        return None


def _name(stream: IO[bytes], path: Path) -> None:
    """Give a file without a name the name ``path``, which must be free."""
    number = stream.fileno()
    # Only with a directory does Python follow the link to the file itself.
    os.link(f"{_OPEN_FILES}/{number}", path, src_dir_fd=number, follow_symlinks=True)


def _remove_stale(directory: Path) -> None:
    """Remove temporary files of processes that were killed while they wrote."""
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
