"""Ctrl-C ends every moment of a command with 130 and without a word."""

from __future__ import annotations

import subprocess
import sys

import pytest


def ran(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


AT = """
import sys, signal, importlib.abc
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {name!r}:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Finder())
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv[1:] = {words!r}
from costmodel.cli.start import main
sys.exit(main())
"""
WORDS = ["run", "--machine", "xeon-4210r", "--strategy", "v6.7", "--memory", "2 MiB"]


@pytest.mark.parametrize(
    "module",
    [
        "costmodel.cli.main",
        "argparse",
        "costmodel.cli.run",
        "yaml",
        "pydantic",
        "numpy",
        "numpy.random",
        "numba",
        "costmodel.plan",
    ],
)
def test_an_import_that_is_interrupted(module: str) -> None:
    code = AT.format(name=module, words=WORDS)
    done = ran(code)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


HIDDEN = """
import signal, sys, time
from costmodel.cli import main as cli
signal.signal(signal.SIGINT, signal.default_int_handler)
class Late:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
class Fake:
    def add_parser(self, subparsers): subparsers.add_parser("machines")
    def run(self, args):
        {what}
        return 0
cli._load = lambda name: Fake()
sys.exit(cli.main(["machines"]))
"""
WAYS = {
    "another exception comes of it": (
        "try: signal.raise_signal(signal.SIGINT)\n"
        "        except KeyboardInterrupt as e: raise ImportError('half of a module') from e"
    ),
    "a fault comes of it": (
        "from costmodel.config.errors import ConfigError\n"
        "        try: signal.raise_signal(signal.SIGINT)\n"
        "        except KeyboardInterrupt: raise ConfigError.of('x', 'is half of it')"
    ),
    "a destructor meets it": "late = Late(); del late; time.sleep(20)",
}


@pytest.mark.parametrize("what", WAYS.values(), ids=WAYS)
def test_whatever_the_code_makes_of_it(what: str) -> None:
    code = HIDDEN.format(what=what)
    done = ran(code)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from costmodel.cli.process import Interruption\n"
        "with Interruption(): signal.raise_signal(signal.SIGINT)\n"
        "print('on')"
    )
    done = ran(code)
    assert (done.returncode, done.stdout) == (0, "on\n")


def test_what_is_done_is_not_interrupted() -> None:
    """Python ends itself with the handlers of the system, which would make it a failure."""
    code = (
        "import atexit, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "atexit.register(lambda: signal.raise_signal(signal.SIGINT))\n"
        "sys.argv[1:] = ['machines']\n"
        "from costmodel.cli.start import main\n"
        "sys.exit(main())"
    )
    done = ran(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ampere-altra" in done.stdout
