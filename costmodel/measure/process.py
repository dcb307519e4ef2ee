"""A measuring process. When it cannot do something or dies, the command reports one line and goes
on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from types import TracebackType
from typing import Any


class Lost(Exception):
    """A request that the measuring process could not serve; the message is for the user."""


class Measuring:
    """A child process that answers requests; a context manager that leaves none behind."""

    def __init__(self, program: str, *arguments: str) -> None:
        """Remember what to start: a module of this package, or a file that imports none of it."""
        how = ["-S", "-E", program] if program.endswith(".py") else ["-m", program]
        self._command = [sys.executable, *how, *arguments]
        self._process: subprocess.Popen[str] | None = None
        self.cpu: int | None = None
        """The CPU that requests ask the process to stay on; None: wherever it runs."""

    def __enter__(self) -> Measuring:
        """Return it; the process starts with the first request."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        self.end()

    def end(self) -> None:
        """End the process, if there is one; the next request starts another."""
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request; raise Lost when there is none."""
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps({**request, "cpu": self.cpu}) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended: the answer is empty, and its status tells why
        line = process.stdout.readline()
        if not line:
            raise Lost(self._why())
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise Lost(reply["error"])
        return reply

    def _why(self) -> str:
        assert self._process is not None
        process, self._process = self._process, None
        _, errors = process.communicate()
        if process.returncode < 0:
            return f"ended the measuring process: {signal.Signals(-process.returncode).name}"
        lines = errors.strip().splitlines()
        return f"ended the measuring process: {lines[-1] if lines else process.returncode}"
