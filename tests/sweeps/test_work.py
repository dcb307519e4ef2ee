"""A sweep from question to folder: the same bytes for all workers, and after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from costmodel import api
from costmodel.config.errors import ConfigError
from costmodel.config.machine import load_machine
from costmodel.config.scenario import default_scenario
from costmodel.results.text.sweep import sweep_text
from costmodel.sweeps import folder as folder_module
from costmodel.sweeps import study as study_module
from costmodel.sweeps.axes import parse_over
from costmodel.sweeps.design import Design
from costmodel.sweeps.folder import SweepFolder
from costmodel.sweeps.study import SweepStudy, sweep_study
from costmodel.sweeps.work import cluster, compute, local

OVER = ["tlbi.issue_ns=5..50:6", "core.rob_entries=100,128", "memory=16 MiB,64 MiB"]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_module, "CHUNK_CELLS", 8)


def the_study(over: list[str] = OVER, design: Design | None = None) -> SweepStudy:
    asked = default_scenario().replace(
        {"strategies": ["contpte-per-pte", "folio-batch-v6.9"], "folio_orders": [4]}
    )
    loaded = {"ampere-altra": load_machine("ampere-altra")}
    return sweep_study(asked, loaded, parse_over(over), design or Design())


def computed(study: SweepStudy, path: Path, jobs: int = 1) -> SweepFolder:
    folder = SweepFolder.made_for(path, study)
    with local(jobs, study) as executor:
        compute(study, folder, executor, workers=jobs)
    return folder


def contents(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


def test_a_row_is_what_the_same_question_answers_alone(tmp_path: Path) -> None:
    tables = list(computed(the_study(), tmp_path / "a").tables())
    table = {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}
    assert len(table["seconds"]) == 6 * 2 * 2 * 3
    machine = load_machine("ampere-altra")
    for at in (1, 17, 40):
        changed = machine.with_values(
            {
                "tlbi.issue_ns": float(table["tlbi.issue_ns"][at]),
                "core.rob_entries": int(table["core.rob_entries"][at]),
            }
        )
        alone = api.price(
            changed,
            str(table["strategy"][at]),
            order=4,
            memory=str(table["memory"][at]),
            build=str(table["build"][at]),
        )
        assert table["seconds"][at] == alone.exact_ps / 1e12
        assert table["ns_per_pte"][at] == pytest.approx(alone.ns_per_pte)


def test_changes_are_from_the_baseline_of_the_same_point(tmp_path: Path) -> None:
    for table in computed(the_study(), tmp_path / "a").tables():
        ratio = table["seconds"] / table["baseline_seconds"]
        np.testing.assert_allclose(table["change_pct"], 100 * (ratio - 1))
        assert not table["change_pct"][::3].any()
        assert len(set(table["point"])) == len(ratio) / 3


def test_a_sweep_shows_the_change_that_run_shows(tmp_path: Path) -> None:
    """On this machine builds change a strategy by -4 to 6 %: all commands show the median."""
    shown = api.study(
        machines="xeon-4210r", strategies="folio-batch-v6.9", memory="2 MiB", noise=False,
        overrides={"core.width": 4},
    ).comparisons[1]  # fmt: skip
    folder = api.sweep(
        tmp_path / "a", {"core.width": [4]}, machines="xeon-4210r",
        strategies="folio-batch-v6.9", memory="2 MiB",
    )  # fmt: skip
    table = next(folder.tables())
    assert table["change_pct"][1] == pytest.approx(shown.change.mean_pct)
    assert table["build"][1] == shown.result.cell.build


def test_a_point_is_one_combination_of_values(tmp_path: Path) -> None:
    """Points along numbers of machines and those along keys of the scenario count alike."""
    folder = computed(the_study(), tmp_path / "a")
    assert folder.document["points"] == 6 * 2 * 2
    axes = ("tlbi.issue_ns", "core.rob_entries", "memory")
    found: dict[int, set[tuple[object, ...]]] = {}
    for table in folder.tables(["point", *axes]):
        values = zip(*(table[axis].tolist() for axis in axes), strict=True)
        for point, combination in zip(table["point"].tolist(), values, strict=True):
            found.setdefault(point, set()).add(combination)
    assert sorted(found) == list(range(24))
    assert all(len(combinations) == 1 for combinations in found.values())


def test_a_share_keeps_its_fraction_along_a_range() -> None:
    """Whole numbers are for keys that count something."""
    settings = the_study(["holes=0.2..0.8:4", "memory=2 MiB..4 MiB:2"]).settings
    assert [one["holes"] for one in settings] == pytest.approx(
        [0.2, 0.2, 0.4, 0.4, 0.6, 0.6, 0.8, 0.8]
    )
    assert [one["memory"] for one in settings[:2]] == [2 << 20, 4 << 20]


def test_parquet_is_written_without_pandas_and_keeps_every_kind_of_column() -> None:
    """pyarrow loads pandas for arrays and lists, which a sweep would carry to its end."""
    program = (
        "import io, sys; import numpy as np; from pyarrow import parquet\n"
        "from costmodel.sweeps.folder import _parquet\n"
        "table = {'text': np.array(['', 'a', '\u00e4\u20ac'])}\n"
        "table |= {'whole': np.array([1, -2, 1 << 60]),\n"
        "  'real': np.array([0.1, np.nan, -np.inf]), 'flag': np.array([True, False, True])}\n"
        "data = _parquet(table)\n"
        "assert 'pandas' not in sys.modules\n"
        "found = parquet.read_table(io.BytesIO(data))\n"
        "assert found.schema.names == [*table] and not any(c.null_count for c in found.columns)\n"
        "print([str(kind) for kind in found.schema.types], found.to_pylist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == (
        "['string', 'int64', 'double', 'bool'] "
        "[{'text': '', 'whole': 1, 'real': 0.1, 'flag': True}, "
        "{'text': 'a', 'whole': -2, 'real': nan, 'flag': False}, "
        "{'text': '\u00e4\u20ac', 'whole': 1152921504606846976, 'real': -inf, 'flag': True}]"
    )


def test_strategies_that_a_machine_cannot_have_are_named(tmp_path: Path) -> None:
    asked = default_scenario().replace(
        {"memory": "2 MiB", "strategies": ["v6.7", "contpte-per-pte"], "folio_orders": [0]}
    )
    machines = {name: load_machine(name) for name in ("xeon-4210r", "ampere-altra")}
    study = sweep_study(asked, machines, parse_over(["core.width=4"]), Design())
    text = sweep_text(study, computed(study, tmp_path / "a"))
    assert text.count("Left out, arm64 only: contpte-per-pte.") == 1
    assert "\nfork, 2 MiB, writable\n" in text


def test_every_number_of_workers_writes_the_same_bytes(tmp_path: Path) -> None:
    study = the_study()
    one, two = computed(study, tmp_path / "a"), computed(study, tmp_path / "b", jobs=2)
    assert contents(one.path) == contents(two.path)
    assert len(one.files) > 2


def test_a_sweep_goes_on_where_it_stopped(tmp_path: Path) -> None:
    study = the_study()
    whole = computed(study, tmp_path / "a")
    part = computed(study, tmp_path / "b")
    for file in part.files[1::2]:
        file.unlink()
    asked: list[int] = []
    with local(1, study) as executor:
        compute(study, part, executor, workers=1, done=asked.append)
    assert asked == list(range(len(part.files)))[1::2]
    assert contents(whole.path) == contents(part.path)


def test_another_study_does_not_go_into_the_folder(tmp_path: Path) -> None:
    computed(the_study(), tmp_path / "a")
    with pytest.raises(ConfigError, match="holds another study \\(over"):
        SweepFolder.made_for(tmp_path / "a", the_study(["tlbi.issue_ns=5..50:7"]))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "precious").touch()
    with pytest.raises(ConfigError, match="not empty"):
        SweepFolder.made_for(tmp_path / "b", the_study())


def test_points_that_are_no_machine_have_no_time(tmp_path: Path) -> None:
    study = the_study(["core.clock_ghz=1,3", "caches.llc.latency_ns=10,33"])
    tables = list(computed(study, tmp_path / "a").tables())
    clock, llc, seconds = (
        np.concatenate([table[name] for table in tables])
        for name in ("core.clock_ghz", "caches.llc.latency_ns", "seconds")
    )
    # At 1 GHz the L2 takes more than 10 ns.
    assert np.isnan(seconds).tolist() == ((clock == 1) & (llc == 10)).tolist()


def test_archives_hold_the_same_without_pyarrow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    parquet = computed(the_study(), tmp_path / "a")
    monkeypatch.setattr("costmodel.sweeps.folder.preferred_format", lambda: "npz")
    archives = computed(the_study(), tmp_path / "b")
    assert {f.suffix for f in archives.files} == {".npz"}
    for one, two in zip(parquet.tables(), archives.tables(), strict=True):
        assert list(one) == list(two)
        for name in one:
            assert one[name].tolist() == two[name].tolist()


def test_a_strategy_has_one_row_of_text_whatever_its_builds(tmp_path: Path) -> None:
    """With another number of CPUs another build can have the median change."""
    asked = default_scenario().replace(
        {"strategies": ["folio-batch-v6.9", "v6.8"], "folio_orders": [0, 9], "memory": "8 MiB"}
    )
    study = sweep_study(
        asked, {"ampere-altra": load_machine("ampere-altra")}, parse_over(["cpus=1,2"]), Design()
    )
    text = sweep_text(study, computed(study, tmp_path / "a"))
    (table,) = (part for part in text.split("\n\n") if part.startswith("ampere-altra\n"))
    heads = [line.split("@")[0].split(",")[0].strip() for line in table.splitlines()[2:]]
    assert [head.split("  ")[0] for head in heads] == [
        *("order-0", "folio-batch-v6.9", "v6.8"),
        *("order-9", "folio-batch-v6.9", "v6.8"),
    ]
    builds = {
        (where, strategy, build)
        for part in SweepFolder.opened(tmp_path / "a").tables()
        for where, strategy, build in zip(
            part["folio_layout"], part["strategy"], part["build"], strict=True
        )
    }
    assert len(builds) > 6, "no row is of several builds: nothing was tested"
    assert "builds vary" in text


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ([], "nothing varies"),
        (["strategies=v6.7,v6.12"], "give --strategy several times"),
        (["baseline=v6.7,v6.8"], "a sweep has one: give --baseline"),
        (["uncertain"], "too many numbers for a grid"),
        (["cpus=0,1"], "must be at least 1"),
        (["memory=64 MiB..1 GiB"], "needs values"),
    ],
)
def test_what_cannot_vary_is_refused(over: list[str], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        the_study(over)


def test_kill_9_at_any_moment_costs_no_more_than_the_chunk(tmp_path: Path) -> None:
    small = "from costmodel.sweeps import study; study.CHUNK_CELLS = 100\n"
    call = "import sys; from costmodel.cli.main import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", small + call, "sweep", "--machine", "ampere-altra"]
    words += ["--strategy", "folio-batch-v6.9", "--over", "tlbi.issue_ns=1..50:1500"]
    whole, killed = tmp_path / "a", tmp_path / "b"
    subprocess.run([*words, "-o", whole], check=True, capture_output=True)
    with subprocess.Popen(
        [*words, "-o", killed], start_new_session=True, stderr=subprocess.DEVNULL
    ) as process:
        while not list(killed.glob("cells/part-*")) and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    assert len(list(killed.glob("cells/part-*"))) < len(list(whole.glob("cells/part-*")))
    subprocess.run([*words, "-o", killed], check=True, capture_output=True)
    found = contents(killed)
    half_written = [name for name in found if ".tmp" in name]
    assert len(half_written) <= 1
    assert contents(whole) == {n: c for n, c in found.items() if n not in half_written}


def test_a_cluster_writes_the_same_bytes_though_each_worker_is_killed(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    study = the_study()
    whole = computed(study, tmp_path / "a")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as workers:
        folder = SweepFolder.made_for(tmp_path / "b", study)
        victims = [nanny.process.pid for nanny in workers.workers.values()]
        assert len(victims) == 2

        def kill_one(_: int) -> None:
            if victims:
                os.kill(victims.pop(), signal.SIGKILL)

        with cluster(workers.scheduler_address) as (executor, threads):
            assert threads == 2
            compute(study, folder, executor, workers=threads, done=kill_one)
        assert not victims
    assert contents(whole.path) == contents(folder.path)


def test_a_scheduler_that_does_not_answer_is_one_line() -> None:
    pytest.importorskip("distributed")
    with (
        pytest.raises(ConfigError, match="no scheduler answers"),
        cluster("tcp://127.0.0.1:9"),
    ):
        pass


@pytest.mark.parametrize("form", ["parquet", "npz"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[: len(b) // 2],
        lambda b: b"",
        lambda b: b[:-9],
        lambda b: bytes(x ^ (n % 50 == 10) for n, x in enumerate(b)),
    ],
)
def test_a_damaged_piece_is_named_and_computed_anew_without_it(
    form: str,
    damage: Callable[[bytes], bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if form == "npz":
        monkeypatch.setattr(folder_module, "preferred_format", lambda: "npz")
    else:
        pytest.importorskip("pyarrow")
    study = the_study(["core.width=3,4"])
    folder = computed(study, tmp_path / "a")
    piece = folder.files[0]
    whole = piece.read_bytes()
    assert piece.suffix == f".{form}"
    piece.write_bytes(damage(whole))
    with pytest.raises(ConfigError) as caught:
        list(folder.tables(["strategy", "change_pct"]))
    said = " ".join(" ".join(caught.value.lines()).split())
    assert said.startswith(f"{piece}: is damaged: delete it")
    piece.unlink()
    assert computed(study, tmp_path / "a").files[0].read_bytes() == whole
