"""The process whose page tables are operated on: small, so that its own share is small too.

Reads one request per line, answers one line each; ``python -S -m`` would not find this package, so
the file is run as it is and imports nothing of it: ``python -S operations_worker.py CODE NUMBERS``.
"""

from __future__ import annotations

import ctypes
import gc
import json
import mmap
import os
import signal
import sys

_HUGE = 2 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MADV_DONTNEED, _MADV_HUGEPAGE, _MADV_NOHUGEPAGE = 4, 14, 15
_READ, _READ_WRITE = 1, 3
_PR_SET_PDEATHSIG = 1
# The reader of these times has the same numbers: measure/in_caches.py.
_PAGES_OF_A_TABLE = (8, 32, 64, 256)
_TABLES = (0.5, 1, 2, 17)

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class Timed:
    """System calls in nanoseconds of this thread's CPU time."""

    def __init__(self, code: bytes, numbers: dict[str, int]) -> None:
        """Put the code where it can be run and learn what reading the clock costs."""
        self.numbers = numbers
        self._memory = mmap.mmap(-1, max(len(code), _PAGE), prot=7)
        self._memory.write(code)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 3)(start)
        self._arguments = (ctypes.c_int64 * 6)()
        self._out = (ctypes.c_int64 * 4)()
        self._overhead = 0
        self._overhead = min(self("getppid")[0] for _ in range(200))

    def __call__(self, name: str, *arguments: int) -> tuple[int, int]:
        """Return what a call took and what it returned; raise OSError where it failed."""
        self._arguments[:] = [*arguments, *[0] * (6 - len(arguments))]
        where, out = ctypes.addressof(self._arguments), ctypes.addressof(self._out)
        result = self._function(self.numbers[name], where, out)
        if result < 0:
            raise OSError(-result, f"{name}: {os.strerror(-result)}")
        seconds, nanoseconds = self._out[2] - self._out[0], self._out[3] - self._out[1]
        return seconds * 1_000_000_000 + nanoseconds - self._overhead, result


class MappedMemory:
    """Anonymous memory of one folio order; size 0: none at all."""

    def __init__(self, size: int, order: int, huge: bool, step: int = _PAGE) -> None:
        """Map memory and write to one page a step; an order of 9 is mapped by PTEs."""
        self.size, self._step = size, step
        self.address = 0
        if not size:
            return
        self._whole = size + 2 * _HUGE
        private_anonymous = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self._start = libc.mmap(None, self._whole, _READ_WRITE, private_anonymous, -1, 0)
        if self._start in (None, ctypes.c_void_p(-1).value):
            raise OSError(ctypes.get_errno(), "mmap failed")
        self.address = self._start + (-self._start) % _HUGE
        # What lies around it goes, so that the mapping is the memory and nothing else.
        if self.address > self._start:
            libc.munmap(self._start, self.address - self._start)
        end = self.address + size
        libc.munmap(end, self._start + self._whole - end)
        libc.madvise(self.address, size, _MADV_HUGEPAGE if huge else _MADV_NOHUGEPAGE)
        self.touch()
        if huge and 1 << order == _HUGE // _PAGE:
            self._map_by_ptes()

    def _map_by_ptes(self) -> None:
        """Change the protection of one page in each 2 MiB and back: the PMD is split."""
        for start in range(self.address, self.address + self.size, _HUGE):
            libc.mprotect(start, _PAGE, _READ)
        libc.mprotect(self.address, self.size, _READ_WRITE)
        self.touch()

    def touch(self) -> None:
        """Write to all of it, or to one page a step."""
        if self._step == _PAGE:
            ctypes.memset(self.address, 1, self.size)
            return
        for start in range(self.address, self.address + self.size, self._step):
            ctypes.memset(start, 1, _PAGE)

    def close(self) -> None:
        """Unmap it."""
        if self.size:
            libc.munmap(self.address, self.size)
            self.size = 0

    def frames(self) -> list[int] | None:
        """Return the frame of every page; None where the system does not say."""
        try:
            with open("/proc/self/pagemap", "rb", buffering=0) as file:
                file.seek(self.address // _PAGE * 8)
                raw = file.read(self.size // _PAGE * 8)
        except OSError:
            return None
        found = [word & (1 << 55) - 1 for word in memoryview(raw).cast("Q")]
        return found if any(found) else None


def life_ns(timed: Timed) -> tuple[int, int]:
    """Fork a child that ends at once; return what fork took here and its whole life there."""
    took, pid = timed("clone", signal.SIGCHLD)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise OSError(f"a forked child ended with status {status}")
    return took, round(1e9 * (usage.ru_utime + usage.ru_stime))


def forks(timed: Timed, size: int, order: int, huge: bool, again: int) -> dict[str, list[int]]:
    """Return one fork of fresh memory, then some of memory that was forked before."""
    memory = MappedMemory(size, order, huge)
    first, first_life = life_ns(timed)
    later = [life_ns(timed) for _ in range(again)]
    memory.close()
    return {
        "fork writable": [first],
        "exit after writable": [first_life],
        "fork read-only": [fork for fork, _ in later],
        "exit after read-only": [life for _, life in later],
    }


def unmaps(timed: Timed, size: int, order: int, huge: bool, number: int) -> dict[str, list[int]]:
    """Return changes of protection of fresh memory, then an unmap or a giving back, in turn."""
    memory = MappedMemory(size, order, huge)
    to_read, _ = timed("mprotect", memory.address, size, _READ)
    to_write, _ = timed("mprotect", memory.address, size, _READ_WRITE)
    if number % 2:
        took, _ = timed("madvise", memory.address, size, _MADV_DONTNEED)
        memory.close()
    else:
        took, _ = timed("munmap", memory.address, size)
    return {
        "mprotect to-read-only": [to_read],
        "mprotect to-writable": [to_write],
        "dontneed" if number % 2 else "munmap": [took],
    }


def small_calls(timed: Timed) -> dict[str, list[int]]:
    """Return calls on a page, touched and not, and on page tables that lie in the caches."""
    found = {
        name: [_page_unmapped(timed, touched) for _ in range(200)]
        for name, touched in (("munmap of a page", True), ("munmap of no page", False))
    }
    for pages in _PAGES_OF_A_TABLE:
        found[f"mprotect of {pages} pages"] = _protected(timed, pages * _PAGE, _PAGE)
    for tables in _TABLES:
        name = f"mprotect of a page in each of {tables} tables"
        found[name] = _protected(timed, int(tables * _HUGE), _HUGE)
    return found


def _protected(timed: Timed, size: int, step: int) -> list[int]:
    """Return times of taking the right to write from pages that were just written, one a step."""
    memory = MappedMemory(size, 0, huge=False, step=step)
    found = []
    for _ in range(60):
        found.append(timed("mprotect", memory.address, size, _READ)[0])
        timed("mprotect", memory.address, size, _READ_WRITE)
        memory.touch()
    memory.close()
    return found


def _page_unmapped(timed: Timed, touched: bool) -> int:
    private_anonymous = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    address = libc.mmap(None, _PAGE, _READ_WRITE, private_anonymous, -1, 0)
    if touched:
        ctypes.memset(address, 1, _PAGE)
    return timed("munmap", address, _PAGE)[0]


def answer(timed: Timed, request: dict[str, object]) -> dict[str, object]:
    """Return the times of one round by operation, or how memory lies."""
    task = request["task"]
    if task == "small":
        return {"ns": small_calls(timed), "vmas": _vmas()}
    size, order = int(str(request["size"])), int(str(request["order"]))
    huge = bool(request["huge"])
    if task == "layout":
        memory = MappedMemory(size, order, huge)
        frames = memory.frames()
        memory.close()
        return {"frames": frames}
    found = forks(timed, size, order, huge, int(str(request["again"])))
    if size:
        found |= unmaps(timed, size, order, huge, int(str(request["number"])))
    return {"ns": found}


def _vmas() -> int:
    with open("/proc/self/maps", encoding="utf-8") as file:
        return sum(1 for _ in file)


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command ends this process
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    gc.disable()
    timed = Timed(bytes.fromhex(sys.argv[1]), json.loads(sys.argv[2]))
    for line in sys.stdin:
        try:
            reply = answer(timed, json.loads(line))
        except OSError as error:
            reply = {"error": str(error)}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
