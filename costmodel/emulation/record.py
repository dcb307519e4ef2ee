"""Records a build tree: runs all scenes, and returns their windows as one program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from costmodel.config.errors import ConfigError, Fault
from costmodel.emulation.cutting import MOST_OFF_PCT, Cut, TableRecording, cut_into_steps
from costmodel.emulation.decode_arm64 import Arm64Decoder
from costmodel.emulation.decode_x86 import X86Decoder
from costmodel.emulation.definitions import defining_files
from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.kernel import EmulatedKernel
from costmodel.emulation.lookup import Lookup
from costmodel.emulation.operations import EmulatedOperation
from costmodel.emulation.run import EmulatedRun
from costmodel.emulation.scenes import (
    Scene,
    mixed_scenes,
    other_frames,
    released_scenes,
    releases_by_batch,
    scenes,
)
from costmodel.emulation.stream import Decoded, StreamBuilder
from costmodel.emulation.targets import Targets
from costmodel.emulation.windows import (
    CutWindow,
    NoLocksError,
    SteadyCut,
    SteadyRun,
    whole_table,
)
from costmodel.mm.pte import PTE_BYTES, TABLE_PTES
from costmodel.recorder.archive import RecordedProgram
from costmodel.recorder.build_archive import RELEASE, TABLE


@dataclass(frozen=True)
class Recorded:
    """The recorded windows of a kernel, and its steps, or why it has none.

    ``slots``: by ``STATE/LAYOUT``, how many slots of the gather list the pages of a window take;
    empty where the steps hold the release of pages.
    """

    program: RecordedProgram
    steps: Cut | str
    slots: Mapping[str, int] = field(default_factory=dict)


def record_program(
    kernel: EmulatedKernel,
    operation: EmulatedOperation,
    name: str,
    *,
    batches: Sequence[Scene] | None = None,
    most_off_pct: float = MOST_OFF_PCT,
) -> Recorded:
    """Record every scene in every state of an operation, as the program ``name``.

    ``batches``: the scenes whose release of gathered pages is cut into steps. They are given for a
    shipped build, which is named after a posting and keeps no whole tables. None stands for the
    tree of a user: the usual scenes, or whole tables of releases where its kernel releases pages
    otherwise than the model. ``most_off_pct``: by how much the steps may miss a table. Raises
    ConfigError if the executed instructions depend on which frames pages of order 0 lie on: then
    the few recorded layouts would not stand for all.
    """
    recorder, contpte = _Recorder(kernel, operation), bool(kernel.facts["contpte"])
    builder = recorder.builder
    for scene in scenes(contpte=contpte):
        recorder.record(replace(scene, releases=False))
    recorder.cut_steady()
    recorder.compare_frames()
    tables, windows = recorder.tables.copy(), dict(builder.windows)
    if recorder.gathers:
        for scene in releases_by_batch() if batches is None else batches:
            recorder.record_releases(scene)
    kept = dict(builder.windows)
    for scene in mixed_scenes((*_TAUGHT, *_TRIED)):
        recorder.record(scene)
    mixed = recorder.tables[len(tables) :]
    taught = mixed[: len(mixed) * len(_TAUGHT) // len((*_TAUGHT, *_TRIED))]
    steps = cut_into_steps(
        builder.program(name),
        [*tables, *taught],
        mixed[len(taught) :],
        operation=operation.name,
        contpte=contpte,
        posted=batches is not None,
        most_off_pct=most_off_pct,
    )
    recorder.slots.clear()
    builder.windows = kept
    in_steps = isinstance(steps, Cut) and steps.releases
    if batches is None and recorder.gathers and not in_steps:
        builder.windows = windows
        for scene in (*scenes(contpte=contpte), *released_scenes()):
            recorder.record_releases(scene)
    return Recorded(builder.program(name), steps, recorder.slots)


_TAUGHT: Final = (1,)
_TRIED: Final = (2,)
"""Seeds of the mixed tables that steps are cut from, and of those that they are tried on."""


@dataclass(frozen=True)
class _Executed:
    """One state of the operation on the process of a scene, and which instructions are the table.

    ``contiguous``: the entries that had the contiguous bit when the process was made.
    """

    state: str
    run: EmulatedRun
    targets: Targets
    table: CutWindow
    contiguous: frozenset[int]

    @property
    def pcs(self) -> list[int]:
        """The addresses of the instructions that worked on the table."""
        return self.run.done.pcs[self.table.first : self.table.end]


class _Recorder:
    """Records one operation of one kernel."""

    def __init__(self, kernel: EmulatedKernel, operation: EmulatedOperation) -> None:
        self.kernel, self.operation = kernel, operation
        decoder = X86Decoder() if kernel.image.isa == "x86_64" else Arm64Decoder()
        self.decoded = Decoded(kernel.image, decoder, kernel.emulator.read_code)
        self.builder = StreamBuilder(self.decoded)
        self.lines: dict[tuple[str, int], int] = {}
        self.counts: dict[str, int] = {}
        self.steady: dict[str, list[tuple[str, SteadyRun, Targets]]] = {}
        self.tables: list[TableRecording] = []
        self.pcs: dict[tuple[str, str], list[int]] = {}
        """The instructions of each table of folios of order 0, by state and layout."""
        self.slots: dict[str, int] = {}
        self.gathers = False

    def compare_frames(self) -> None:
        """Raise ConfigError if pages of order 0 on other frames need other instructions.

        Releases are not compared: whether the allocator merges pages depends on their frames.
        """
        scene = replace(other_frames(), releases=False)
        for done in self._executed(scene):
            mine = self.pcs[done.state, scene.layout]
            if mine != done.pcs:
                pairs = enumerate(zip(mine, done.pcs, strict=False))
                least = min(len(mine), len(done.pcs))
                place = next((at for at, pair in pairs if len(set(pair)) > 1), least)
                where = f"instruction {place} of {done.state}/{scene.layout}"
                reason = f"executes other instructions where frames descend: {where}"
                raise ConfigError.of("record", reason)

    def record(self, scene: Scene) -> None:
        """Take a process through all states of the operation, and record each of them."""
        for done in self._executed(scene):
            self.gathers |= done.run.slots > 0
            layout = f"{scene.layout}{TABLE}" if scene.steady else scene.layout
            window = self.builder.add(done.state, layout, done.run.done, done.table, done.targets)
            self.tables.append(TableRecording(scene, done.contiguous, window))
            if scene.steady:
                run = SteadyRun(done.run.done, done.targets.src)
                self.steady.setdefault(done.state, []).append((scene.layout, run, done.targets))
                if not scene.order:
                    self.pcs[done.state, scene.layout] = done.pcs
            self._add_release(scene, done)

    def record_releases(self, scene: Scene) -> None:
        """Take a process through all states, and record alone how its pages are released."""
        for done in self._executed(scene):
            self._add_release(scene, done)

    def cut_steady(self) -> None:
        """Add windows out of the middle of the tables."""
        for state, runs in self.steady.items():
            cut = SteadyCut([run for _, run, _ in runs], self.decoded.is_branch)
            for layout, run, targets in runs:
                self.builder.add(state, layout, run.done, cut.window(run), targets)
        self.steady.clear()  # what was executed takes a hundred bytes an instruction

    def _executed(self, scene: Scene) -> Iterator[_Executed]:
        """Yield what the kernel executes in each state; no stub is called for a table."""
        self.kernel.reset()
        process = self.operation.lay(scene, self.kernel)
        contiguous = self.kernel.contiguous(process)
        for state in self.operation.states_in(self.kernel):
            run = self.operation.execute(self.kernel, scene, process, state)
            source = run.source or process
            targets = Targets(self.kernel, source, run.process, self.lines, self.counts)
            _no_stubs(self.kernel, run.done, *_touching(run.done, targets))
            table = self._table(run.done, run.locks)
            _no_stubs(self.kernel, run.done, table.first, table.end)
            yield _Executed(state, run, targets, table, contiguous)

    def _add_release(self, scene: Scene, executed: _Executed) -> None:
        """Add the release of what a table gathered; the last instruction returns from it."""
        done = executed.run.released
        if done is None:
            return
        pages = sum(piece.pages for piece in scene.pieces)
        whole = CutWindow(0, len(done.pcs) - 1, 0, pages)
        _no_stubs(self.kernel, done, whole.first, whole.end)
        layout = f"{scene.layout}{RELEASE}"
        window = self.builder.add(executed.state, layout, done, whole, executed.targets)
        self.slots[f"{window.state}/{window.layout}"] = executed.run.slots

    def _table(self, done: EmulatedCall, locks: Sequence[int]) -> CutWindow:
        functions = Lookup(self.kernel.image.function_at)
        try:
            return whole_table(done, locks, functions)
        except NoLocksError:
            _no_stubs(self.kernel, done, 0, len(done.pcs))
            raise


def _touching(done: EmulatedCall, targets: Targets) -> tuple[int, int]:
    """Return the first and last instruction that touches the parent's table."""
    end = targets.src + TABLE_PTES * PTE_BYTES
    touching = [position for position, at, _, _ in done.accesses if targets.src <= at < end]
    return (touching[0], touching[-1]) if touching else (0, 0)


def _no_stubs(kernel: EmulatedKernel, done: EmulatedCall, first: int, end: int) -> None:
    """Raise ConfigError for rows in which a function was called that no object defines."""
    stubs: Mapping[int, str] = kernel.image.stubs
    called = sorted({stubs[pc] for pc in set(done.pcs[first:end]) if pc in stubs})
    if called:
        tree = kernel.tree
        files = defining_files(tree.source, tree.architecture, called) if tree else {}
        raise ConfigError([Fault(name, reason=_undefined(files.get(name, ()))) for name in called])


def _undefined(files: Sequence[str]) -> str:
    """Return what is wrong with a stub in the loop that ``files`` define, and what to do."""
    reason = "is called in the loop, and nothing linked defines it: "
    if not files:
        return f"{reason}name the file of the tree that does, as in --with mm/util.c"
    return f"{reason}add {' or '.join(f'--with {path}' for path in files)}"
