"""Exit codes, speed of --help, and behaviour when the reader or the user leaves."""

import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from costmodel.cli import main as cli
from costmodel.cli.process import BAD_INPUT, BROKEN_PIPE
from costmodel.cli.start import INTERRUPTED
from costmodel.config.errors import ConfigError

HEAVY = ("numba", "numpy", "pydantic", "yaml", "scipy", "simpy", "matplotlib")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def test_help_lists_the_commands_and_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom costmodel.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"print('loaded', [m for m in {HEAVY} if m in sys.modules])"
    )
    result = python("-c", program)
    assert "machines" in result.stdout
    assert result.stdout.endswith("loaded []\n")


@pytest.mark.parametrize("name", cli.available())
def test_each_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([name, "--help"])
    assert caught.value.code == 0
    assert f"costmodel {name}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out.startswith("costmodel 0.")


def test_an_unknown_command_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["machine"])
    assert caught.value.code == BAD_INPUT
    assert "invalid choice: 'machine'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConfigError.of("f.yaml", "is empty"), 2, "f.yaml: is empty\n"),
        (
            PermissionError(13, "Permission denied", "out.json"),
            2,
            "out.json: Permission denied\n",
        ),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_become_exit_codes(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    message: str,
) -> None:
    def run(args: object) -> int:
        raise error

    fake = SimpleNamespace(run=run, add_parser=lambda subparsers: subparsers.add_parser("machines"))
    monkeypatch.setattr(cli, "_load", lambda name: fake)
    assert cli.main(["machines"]) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err.endswith(message)) == ("", True)
    assert captured.err.count("\n") == (1 if message else 0)


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(args: object) -> int:
        raise RuntimeError("a defect")

    fake = SimpleNamespace(run=run, add_parser=lambda subparsers: subparsers.add_parser("machines"))
    monkeypatch.setattr(cli, "_load", lambda name: fake)
    with pytest.raises(RuntimeError):
        cli.main(["machines"])


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m costmodel machines ampere-altra graviton4 | head -n 1"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    assert result.stdout.startswith("Ampere Altra")
    assert result.stderr == ""
    assert result.returncode in (0, BROKEN_PIPE)


def test_ctrl_c_at_a_terminal_ends_quietly() -> None:
    program = (
        "import signal, sys, time\nfrom types import SimpleNamespace\n"
        "from costmodel.cli import main as cli\n"
        # A shell starts what it runs in the background with the signal ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def run(args):\n    print('ready', flush=True)\n    time.sleep(30)\n"
        "cli._load = lambda name: SimpleNamespace(run=run,"
        " add_parser=lambda s: s.add_parser('machines'))\n"
        "sys.exit(cli.main(['machines']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (INTERRUPTED, "")
