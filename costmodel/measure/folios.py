"""Chooses the folios that new memory is made of, one order at a time."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

from costmodel.measure.process import Lost
from costmodel.measure.system import System

SWITCH = Path(__file__).with_name("folio_switch.py")
HUGE_ORDER = 9
_THP = Path("/sys/kernel/mm/transparent_hugepage")


class Folios:
    """A context manager that lets memory be mapped in folios of one order after the other.

    Without the right to switch sizes (root), only pages of order 0 can be had, and folios of 2 MiB
    where the system gives them to every process that asks (madvise). All settings are restored when
    it ends.
    """

    def __init__(self, system: System, directory: Path = _THP) -> None:
        """Look at what may be switched."""
        self._system = system
        self._directory = directory
        self._process: subprocess.Popen[str] | None = None
        self._lock: int | None = None
        self.lacking: list[str] = []
        """What cannot be done and why, a line each."""

    def __enter__(self) -> Folios:
        """Start the process that will put everything back."""
        if not self._system.root:
            self.lacking.append("folio sizes: only root can switch them")
        elif not self._system.folio_orders:
            self.lacking.append("folio sizes: this kernel has no switch for them")
        elif not all(os.access(path, os.W_OK) for path in self._switches().values()):
            self.lacking.append("folio sizes: /sys cannot be written here")
        elif not self._alone():
            self.lacking.append("folio sizes: another costmodel measure is switching them")
        else:
            self._process = subprocess.Popen(
                [sys.executable, "-S", str(SWITCH)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C must not reach it
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put back what was switched, and wait until it is."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
        if self._lock is not None:
            os.close(self._lock)

    def orders(self) -> list[int]:
        """Return the orders that memory can be made of."""
        if self._process is not None:
            return [0, *self._system.folio_orders]
        usual = self._system.thp_enabled in ("always", "madvise")
        return [0, HUGE_ORDER] if usual else [0]

    def choose(self, order: int) -> bool:
        """Make new memory consist of folios of ``order``; return whether it must ask for them.

        Raises Lost where the system refuses.
        """
        if self._process is None:
            return order > 0
        for each, path in self._switches().items():
            self._set(path, "madvise" if each == order else "never")
        return order > 0

    def _switches(self) -> dict[int, Path]:
        """Return the file of each order."""
        sizes_kb = {
            order: (self._system.page_bytes << order) // 1024 for order in self._system.folio_orders
        }
        return {
            order: self._directory / f"hugepages-{size}kB" / "enabled"
            for order, size in sizes_kb.items()
        }

    def _set(self, path: Path, value: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{path} {value}\n")
        self._process.stdin.flush()
        reply = self._process.stdout.readline().strip()
        if reply != "done":
            raise Lost(reply or "the process that switches folio sizes has ended")

    def _alone(self) -> bool:
        """Tell whether no other command switches; two would put back each other's settings."""
        path = Path(tempfile.gettempdir()) / "costmodel-measure.lock"
        self._lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
