"""``costmodel measure``: what it writes and prints, and what it refuses before it starts."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from costmodel.cli.main import main
from costmodel.config.machine import Machine
from costmodel.measure import command, operations, session
from costmodel.measure.folios import Folios
from costmodel.measure.kernels import isa_here
from costmodel.measure.suite import Plan

pytestmark = pytest.mark.skipif(isa_here() is None, reason="no kernels for this instruction set")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure as little as there is to measure."""

    def little(system: object, *, quick: bool) -> Plan:
        del system, quick
        return Plan(memory_bytes=64 << 20, quick=True, rounds=1, samples=2)

    monkeypatch.setattr(command, "plan_for", little)
    monkeypatch.setattr(session, "_SINGLE", 50)
    monkeypatch.setattr(operations, "size_for", lambda system, quick: 4 << 20)
    monkeypatch.setattr(operations, "MOST_ROUNDS", 1)
    monkeypatch.setattr(Folios, "orders", lambda self: [0])


@pytest.mark.usefixtures("short")
def test_it_writes_a_machine_and_holds_it_against_the_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, data = tmp_path / "My Box.yaml", tmp_path / "out" / "box.json"
    assert main(["measure", "-o", str(file), "--json", str(data)]) == 0
    printed = capsys.readouterr()
    assert Machine.load(file).name == "my-box"
    assert "%|" not in printed.err, "no progress bar outside a terminal"
    assert "numbers measured" in printed.out and "kept from" in printed.out
    assert "ratio" in printed.out and "fork writable" in printed.out
    assert max(map(len, printed.out.splitlines())) <= 76
    assert printed.out.isascii()
    content = json.loads(data.read_text())
    assert {row["operation"] for row in content["operations"]} >= {"munmap", "fork read-only"}
    assert len(content["numbers"]) >= 25


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """A file of ``measure --json`` with two operations."""

    def row(order: int) -> dict[str, object]:
        times = {"least": 5e5, "p10": 5e5, "median": 6e5}
        return {
            "operation": "munmap", "order": order, "memory_bytes": 16 << 20, "layout": "lay so",
            "scattered": False, "ns": times, "strategy": "v6.7", "predicted_ns": 4e5,
        }  # fmt: skip

    system = {"kernel": "6.12.0", "isa": "x86_64", "model_name": "Box"}
    content = {"format": "costmodel measured, 1", "date": "2026-11-28", "system": system}
    file = tmp_path / "box.json"
    file.write_text(json.dumps({**content, "operations": [row(4), row(9)]}))
    return file


def test_validate_shows_a_measured_file_beside_a_machine(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.json"
    words = ["validate", "epyc-zen5", "--measured", str(measured), "--json", str(out)]
    assert main(words) == 0
    assert "predicted as folio-batch-v6.12: munmap" in capsys.readouterr().out
    assert [row["order"] for row in json.loads(out.read_text())] == [4, 9]


def test_calibrate_writes_what_it_fits_to_a_measured_file(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from costmodel.config.resources import find_file

    file = tmp_path / "mine.yaml"
    file.write_text(find_file("machines", "epyc-zen5").read_text())
    words = ["calibrate", str(file), "--measured", str(measured), "--starts", "1", "--write"]
    assert main(words) == 0
    assert "predicted over measured" in capsys.readouterr().out
    fit = Machine.load(file).fit
    assert fit is not None and fit.rows == ["munmap order 4", "munmap order 9"]


def test_plot_draws_a_measured_file(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "box.svg"
    assert main(["plot", str(measured), "-o", str(out)]) == 0
    assert out.exists() and "page-table operations over folio order" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["validate", "--measured", "FILE"], ["MACHINE: is missing"]),
        (["validate", "epyc-zen5"], ["--measured: is missing"]),
        (["validate", "ampere-altra", "--measured", "FILE"], ["--measured: was measured on x86"]),
        (["calibrate", "--measured", "FILE"], ["--measured: needs one MACHINE"]),
        (["calibrate", "epyc-zen5", "--strategy", "v6.7"], ["--strategy: needs --measured"]),
        (["validate", "epyc-zen5", "--strategy", "v6.7"], ["--measured: is missing"]),
        (
            ["validate", "epyc-zen5", "--measured", "FILE", "--strategy", "@x"],
            ["--strategy: no such archive"],
        ),
        (["validate", "epyc-zen5", "--measured", "FILE", "--strategy", "v6.77"], ["--strategy: "]),
        (["plot", "FILE", "--ascii", "--seed", "4"], ["--ascii: is not for", "--seed: is not for"]),
        (["plot", "FILE", "--kind", "stack"], ["--kind: is not for a file of `measure`"]),
    ],
)
def test_bad_input_of_the_commands_that_read_it(
    words: list[str], messages: list[str], measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(measured) if word == "FILE" else word for word in words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(messages)
    assert all(map(str.startswith, lines, messages))


@pytest.mark.usefixtures("short")
def test_loops_stand_beside_what_the_new_file_predicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from costmodel.loops.form import read_loops

    loops, saved, data = tmp_path / "two.yaml", tmp_path / "mine.yaml", tmp_path / "mine.json"
    loops.write_text(
        "- {name: chain, ops: [[add, 8, chain]]}\n- {name: loads, ops: [[load, 12, independent]]}\n"
    )
    words = ["measure", "--no-validate", "--loops", str(loops), "--save-loops", str(saved)]
    assert main([*words, "--json", str(data)]) == 0
    assert "mean absolute error" in capsys.readouterr().out
    assert [loop.name for loop in read_loops(saved)] == ["chain", "loads"]
    chain, _ = json.loads(data.read_text())["loops"]
    assert chain["predicted_cycles"] == pytest.approx(8) and chain["measured_cycles"] > 7


@pytest.mark.usefixtures("short")
def test_no_validate_operates_on_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", "--no-validate", "--like", "epyc-zen4"]) == 0
    printed = capsys.readouterr().out
    assert "page-table operations" not in printed
    assert "kept from epyc-zen4 (--like)" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "mine.txt"], "-o: must end with .yaml (got 'mine.txt')"),
        (["--json", "/etc/hostname/x.json"], "--json: cannot be written: Not a directory"),
        (["--like", "pdp-11"], "--like: unknown machine"),
        (["--like", "ampere-altra"], "--like: must be a machine of"),
        (["--loops", "/nowhere/loops.yaml"], "/nowhere/loops.yaml: cannot be read"),
        (["--save-loops", "x.yaml"], "--save-loops: needs --loops"),
        (["-o", "x.yaml", "--json", "x.yaml"], "--json: is what -o writes (got 'x.yaml')"),
        (["--loops", "--save-loops", "-"], "--save-loops: must be a file"),
        (["--strategy", "v6.77"], "--strategy: unknown strategy"),
        (["--strategy", "v6.7", "--strategy", "v6.7"], "--strategy: names fork twice"),
        (["--cpu", "99999"], "--cpu: must be a CPU that this process may use"),
    ],
)
def test_bad_input_is_said_before_anything_is_measured(
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "measure_core", None)
    assert main(["measure", *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("short")
def test_json_on_standard_output_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", "--no-validate", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == "costmodel measured, 1"


@pytest.mark.usefixtures("short")
def test_what_cannot_be_written_after_all_was_printed_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import costmodel.files

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(costmodel.files, "write_bytes", full)
    assert main(["measure", "--no-validate", "-o", str(tmp_path / "mine.yaml")]) != 0
    printed = capsys.readouterr()
    assert "numbers measured" in printed.out and "No space left" in printed.err


def test_several_faults_are_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", "-o", "mine.txt", "--json", "/etc/hostname/x.json"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_ctrl_c_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    # Where the tests run in the background Ctrl-C is ignored, and children inherit that.
    program = (
        "import signal, sys\nfrom costmodel.cli.main import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"sys.exit(main(['measure', '-o', {str(file)!r}]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    children: list[str] = []
    for _ in range(400):
        tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        children = tasks.read_text().split() if tasks.exists() else []
        if children or process.poll() is not None:
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors == b""
    assert children and all(map(_ends, children))
    assert list(tmp_path.iterdir()) == []


def _ends(process: str) -> bool:
    """Tell whether a process is gone, or will be in a moment: one that had just begun to start."""
    for _ in range(600):
        try:
            status = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if status == "Z":
            return True
        time.sleep(0.05)
    return False
