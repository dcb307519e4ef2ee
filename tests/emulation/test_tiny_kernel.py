"""The whole way from a build tree to a price, on a kernel of a hundred lines."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytest.importorskip("unicorn", reason="needs costmodel[record]")

import numpy as np

from costmodel.cli.main import main
from costmodel.code.subkinds import subkind_of
from costmodel.code.uops import Subkind
from costmodel.config.errors import ConfigError
from costmodel.emulation.session import Request, record
from costmodel.recorder.build_archive import load_archive
from costmodel.strategies.resolve import resolve
from tests.emulation.tiny_tree import SETUP, machine, make_tree, recorded


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("tiny") / "tree")


@pytest.fixture(scope="module")
def archive(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archives") / "tiny.ckb"
    assert not recorded(tree, path).broken
    return path


def test_rows_touch_what_the_source_touches(archive: Path) -> None:
    program = load_archive(archive).program
    window = program.recordings["rw/order0"]
    assert window.ptes == 64
    kinds = program.kind[window.uop]
    targets = program.target[window.uop]
    per_pte = {
        (kind, target): sum((kinds == kind) & (targets == target)) / window.ptes
        for kind, target in (("rmw", "page"), ("rmw", "src"), ("store", "dst"))
    }
    assert per_pte == {("rmw", "page"): 3, ("rmw", "src"): 1, ("store", "dst"): 1}


def test_a_batch_takes_one_reference_for_all_its_pages(archive: Path) -> None:
    program = load_archive(archive).program
    window = program.recordings["rw/order9"]
    assert window.ptes == 512
    rmw = (program.kind[window.uop] == "rmw") & (program.target[window.uop] == "page")
    assert rmw.sum() == 1 + 2 * 512


def test_inputs_point_back_to_what_made_them(archive: Path) -> None:
    program = load_archive(archive).program
    for window in program.recordings.values():
        rows = window.distance.max(axis=1)
        assert (rows <= range(len(window))).all()
        reads = window.distance[:, 4]
        for row in (reads > 0).nonzero()[0][:200]:
            writer = row - reads[row]
            assert program.kind[window.uop[writer]] in ("store", "rmw", "zero")
            assert program.target[window.uop[writer]] == program.target[window.uop[row]]


def test_a_prefetch_is_recorded_with_the_line_that_it_asks_for(tmp_path: Path) -> None:
    recorded(make_tree(tmp_path / "tree", flags="-DASKS"), tmp_path / "asks.ckb")
    program = load_archive(tmp_path / "asks.ckb").program
    window = program.recordings["rw/order0"]
    asks = [
        subkind_of(*row) is Subkind.PREFETCH for row in zip(program.kind, program.op, strict=True)
    ]
    rows = np.array(asks)[window.uop]
    assert set(program.target[window.uop[rows]]) == {"page"}
    assert (window.index[rows] == np.arange(1, window.ptes + 1)).all()
    assert not window.distance[rows, 4].any()  # nothing is read: it waits for no store


def test_recording_again_gives_the_same_bytes(tree: Path, archive: Path, tmp_path: Path) -> None:
    again = tmp_path / "tiny.ckb"
    recorded(tree, again)
    assert again.read_bytes() == archive.read_bytes()


def test_it_is_priced_like_any_strategy(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from costmodel import price

    monkeypatch.chdir(archive.parent)
    machine_name = "xeon-4210r" if machine() == "x86_64" else "ampere-altra"
    one, batched = (
        price(machine_name, "@tiny", order=order, memory="64 MiB").ns_per_pte for order in (0, 9)
    )
    assert 0 < batched < one < 1000


MACHINE = "xeon-4210r" if machine() == "x86_64" else "ampere-altra"


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--machine", MACHINE, "--strategy", "@tiny", "--order", "9", "--no-noise"],
        ["explain", MACHINE, "@tiny", "--order", "9"],
        ["breakeven", "@tiny", "--machine", MACHINE, "--over", "kernel.table_alloc_ns"],
        ["trace", MACHINE, "@tiny", "-o", "out.json"],
    ],
    ids=lambda words: words[0],
)
def test_every_command_takes_it_and_says_that_builds_differ(
    words: list[str],
    archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "tiny.ckb").write_bytes(archive.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert main(words) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "@tiny" in said
    if words[0] == "run":
        assert "caution: @tiny is compared with another build, gcc12-booted" in said
    if words[0] in ("explain", "breakeven"):
        assert "@tiny" in said.partition("build")[2] and "against" in said


def test_a_users_change_stands_on_it(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(archive.parent)
    text = """
from costmodel.strategies import fork as k

def no_mark(fork):
    never_looks = k.dropping(k.v6_9(fork), "resched")
    return k.dropping(never_looks, "clear_exclusive")
"""
    Path("mine.py").write_text(text)
    assert main(["explain", MACHINE, "mine.py:no_mark@tiny", "--vs", "@tiny"]) == 0
    said = capsys.readouterr().out
    assert "mine.py:no_mark@tiny against @tiny" in said
    assert "-1.00" in said.partition("What makes the difference")[2].partition("sum")[0]
    assert "Loads that one build has more of" not in said


def test_a_result_file_of_it_is_compared_and_drawn(
    archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "tiny.ckb").write_bytes(archive.read_bytes())
    monkeypatch.chdir(tmp_path)
    words = ["run", "--machine", MACHINE, "--strategy", "@tiny", "--order", "9", "--no-noise"]
    assert main([*words, "--json", "one.json"]) == 0
    assert main(["compare", "one.json", "one.json"]) == 0
    assert main(["plot", "one.json", "-o", "one.svg"]) == 0
    assert "@tiny" in capsys.readouterr().out
    assert (tmp_path / "one.svg").stat().st_size


def test_it_was_checked_when_it_was_recorded(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(archive.parent)
    assert main(["check", "@tiny"]) == 2
    assert "was checked when it was recorded" in capsys.readouterr().err


def test_an_unknown_name_lists_the_archives(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(archive.parent)
    with pytest.raises(ConfigError, match=r"there are: tiny \(got '@tinny'\)"):
        resolve("@tinny")


def test_a_batch_beyond_its_folio_is_drawn_and_not_written(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "off-by-one", flags="-DTOO_MANY=1")
    outcome = recorded(tree, tmp_path / "broken.ckb")
    assert outcome.broken
    assert "refcounts are exact" in outcome.text
    assert "^" in outcome.text  # the page below which it broke
    assert not (tmp_path / "broken.ckb").exists()


def test_a_function_that_nothing_defines_is_named(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?m)tiny_lock: .*: add --with mm/locks\.c$"):
        recorded(tree, tmp_path / "x.ckb", sources=())


def test_like_records_another_object_of_the_same_tree(
    tree: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive.parent)
    request = Request(
        like="tiny", object_file="mm/memory.o", name="again", output=str(tmp_path / "again.ckb")
    )
    record(request, setup=SETUP)
    one, other = (load_archive(path) for path in (archive, tmp_path / "again.ckb"))
    assert one.info.config_hash == other.info.config_hash
    assert len(one.program.recordings) == len(other.program.recordings)


def test_an_object_of_another_tree_is_refused(tree: Path, tmp_path: Path) -> None:
    other = make_tree(tmp_path / "other", config="CONFIG_NUMA=y\nCONFIG_LOCALVERSION=mine\n")
    wanted = r"--object: lies in a tree with other options \(CONFIG_NUMA\): name that one"
    with pytest.raises(ConfigError, match=wanted):
        recorded(tree, tmp_path / "no.ckb", object_file=str(other / "mm/memory.o"))
    version = other / "include/generated/uapi/linux/version.h"
    version.write_text(f"#define LINUX_VERSION_CODE {(7 << 16) + (2 << 8)}\n")
    with pytest.raises(ConfigError, match=r"--object: lies in a tree of Linux 7\.2\.0: name"):
        recorded(tree, tmp_path / "no.ckb", object_file=str(other / "mm/memory.o"))
    assert not (tmp_path / "no.ckb").exists()


def test_two_objects_of_one_tree_are_compared_without_a_caution(
    archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "again.ckb").write_bytes(archive.read_bytes())
    other = make_tree(tmp_path / "tree", config="CONFIG_NUMA_BALANCING=y\n")
    recorded(other, tmp_path / "other.ckb", name="other")
    monkeypatch.chdir(tmp_path)
    words = ["run", "--machine", MACHINE, "--order", "9", "--no-noise", "--baseline", "@again"]
    (tmp_path / "tiny.ckb").write_bytes(archive.read_bytes())
    assert main([*words, "--strategy", "@tiny", "--strategy", "@other"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "@again, @tiny: compiled alike (tiny cc, Linux 6.12.1," in said
    assert "caution: @other is compared with another build, @again" in said
    assert "caution: @tiny" not in said


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("CONFIG_LTO_CLANG=y\n", "link-time optimisation"),
        ("CONFIG_ARM64_64K_PAGES=y\n", "64 KiB"),
        ("CONFIG_PREEMPT_RT=y\n", "sleep"),
        ("CONFIG_LOCKDEP=y\n", "lockdep"),
    ],
)
def test_what_cannot_be_recorded_is_refused(config: str, reason: str, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", config=config)
    with pytest.raises(ConfigError, match=reason):
        recorded(tree, tmp_path / "x.ckb")


def test_a_kernel_for_one_cpu_is_refused(tmp_path: Path) -> None:
    config = make_tree(tmp_path / "tree") / ".config"
    config.write_text(config.read_text().replace("CONFIG_SMP=y\n", ""))
    with pytest.raises(ConfigError, match=r"without several CPUs \(SMP\)"):
        recorded(config.parent, tmp_path / "x.ckb")


def test_a_debugging_build_is_recorded_with_a_warning(tmp_path: Path) -> None:
    """Code that asks KASAN's shadow memory at each access finds that it may."""
    shadow = "0xdffffc0000000000" if machine() == "x86_64" else "0xdfff800000000000"
    inline = "--param=asan-instrumentation-with-call-threshold=10000 --param=asan-globals=0"
    flags = f"-fsanitize=kernel-address -fasan-shadow-offset={shadow} {inline}"
    config = f"CONFIG_KASAN=y\nCONFIG_KASAN_SHADOW_OFFSET={shadow}\n"
    plain, asking = (
        recorded(make_tree(tmp_path / name, flags=more, config=text), tmp_path / f"{name}.ckb").text
        for name, more, text in (("plain", "", ""), ("asking", flags, config))
    )
    assert "built with" not in plain
    assert "built with KASAN" in asking
    rows = [load_archive(tmp_path / f"{name}.ckb").program for name in ("plain", "asking")]
    at_9 = [len(program.recordings["rw/order9"]) for program in rows]
    assert at_9[1] > 2 * at_9[0]


def test_an_instruction_that_no_rule_knows_is_named(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", flags="-DDIVIDES")
    with pytest.raises(ConfigError, match=r"copy_page_range: .*do not know: u?div .*got .* at 0x"):
        recorded(tree, tmp_path / "x.ckb")


def test_rows_that_depend_on_where_frames_lie_are_refused(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", flags="-DLOOKS_BACK")
    with pytest.raises(ConfigError, match="other instructions where frames descend: instruction"):
        recorded(tree, tmp_path / "x.ckb")


def test_an_object_without_machine_code_is_refused(tree: Path, tmp_path: Path) -> None:
    bitcode = tmp_path / "memory.o"
    bitcode.write_bytes(b"BC\xc0\xde" + bytes(60))
    with pytest.raises(ConfigError, match=r"memory.o: must be an ELF object .*bitcode \(LTO\)"):
        recorded(tree, tmp_path / "x.ckb", object_file=str(bitcode))


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        ("int copy_page_range(void) { return 0; }", "-flto -fno-fat-lto-objects", "LTO"),
        ("int change_protection(void) { return 0; }", "", "holds no copy_page_range"),
    ],
)
def test_an_object_without_the_loop_is_refused(
    source: str, options: str, reason: str, tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "memory.c").write_text(source)
    words = ["cc", *options.split(), "-c", "-o", "memory.o", "memory.c"]
    subprocess.run(words, cwd=tmp_path, check=True)
    with pytest.raises(ConfigError, match=reason):
        recorded(tree, tmp_path / "x.ckb", object_file=str(tmp_path / "memory.o"))


@pytest.mark.parametrize("kept", [100, 2000, -100])
def test_half_an_object_is_refused(kept: int, tree: Path, tmp_path: Path) -> None:
    half = tmp_path / "memory.o"
    half.write_bytes((tree / "mm/memory.o").read_bytes()[:kept])
    with pytest.raises(ConfigError, match=r"memory.o: must be a whole ELF object"):
        recorded(tree, tmp_path / "x.ckb", object_file=str(half))


def test_a_kernel_older_than_the_recorder_knows_is_refused(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    version = tree / "include/generated/uapi/linux/version.h"
    version.write_text(f"#define LINUX_VERSION_CODE {(5 << 16) + (10 << 8)}\n")
    with pytest.raises(ConfigError, match=r"must be Linux 6.1 or later \(got 5.10.0\)"):
        recorded(tree, tmp_path / "x.ckb")


def test_a_cpu_of_another_instruction_set_is_refused(tree: Path, tmp_path: Path) -> None:
    other = "neoverse-n1" if machine() == "x86_64" else "cascade-lake"
    with pytest.raises(ConfigError, match="--cpu: must be one of"):
        recorded(tree, tmp_path / "x.ckb", cpu=other)


def test_all_faults_of_a_tree_come_at_once(tmp_path: Path) -> None:
    (tmp_path / ".config").write_text("CONFIG_X86_64=y\nCONFIG_MMU=y\n")
    with pytest.raises(ConfigError) as caught:
        recorded(tmp_path, tmp_path / "x.ckb")
    text = str(caught.value)
    assert "SPARSEMEM_VMEMMAP" in text and "make mm/memory.o" in text and "make prepare" in text
