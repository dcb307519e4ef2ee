"""Records a build tree: runs all scenes, and returns their windows as one program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from costmodel.emulation.cutting import Cut, TableRecording, cut_into_steps
from costmodel.emulation.decode_arm64 import Arm64Decoder
from costmodel.emulation.decode_x86 import X86Decoder
from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.errors import refuse
from costmodel.emulation.kernel import EmulatedKernel
from costmodel.emulation.operations import EmulatedOperation
from costmodel.emulation.run import EmulatedRun
from costmodel.emulation.scenes import (
    PTE_BYTES,
    Scene,
    mixed_scenes,
    other_frames,
    scattered_scenes,
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
from costmodel.mm.pte import TABLE_PTES
from costmodel.recorder.archive import RecordedProgram
from costmodel.recorder.build_archive import RELEASE


@dataclass(frozen=True)
class Recorded:
    """The recorded windows of a kernel, and its steps, or why it has none.

    ``slots``: by ``STATE/LAYOUT``, how many slots of the gather list the pages of a window take.
    """

    program: RecordedProgram
    steps: Cut | str
    slots: Mapping[str, int] = field(default_factory=dict)


def record_program(kernel: EmulatedKernel, operation: EmulatedOperation, name: str) -> Recorded:
    """Record every scene in every state of an operation, as the program ``name``.

    Raises ConfigError if the executed instructions depend on which frames pages of order 0 lie on:
    then the few recorded layouts would not stand for all.
    """
    recorder = _Recorder(kernel, operation)
    contpte = bool(kernel.facts["contpte"])
    for scene in scenes(contpte=contpte):
        recorder.record(scene, recorder.builder)
    recorder.cut_steady(recorder.builder)
    recorder.compare_frames()
    if recorder.slots:
        for scene in scattered_scenes():
            recorder.record(scene, recorder.builder)
    program = recorder.builder.program(name)
    if operation.uncut:
        return Recorded(program, operation.uncut, recorder.slots)
    tables = recorder.tables.copy()
    for scene in mixed_scenes((*_TAUGHT, *_TRIED)):
        recorder.record(scene, recorder.builder)
    mixed = recorder.tables[len(tables) :]
    taught = mixed[: len(mixed) * len(_TAUGHT) // len((*_TAUGHT, *_TRIED))]
    trials = mixed[len(taught) :]
    steps = cut_into_steps(
        recorder.builder.program(name), [*tables, *taught], trials, contpte=contpte
    )
    return Recorded(program, steps)


_TAUGHT: Final = (1,)
_TRIED: Final = (2,)
"""Seeds of the mixed tables that steps are cut from, and of those that they are tried on."""


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
        self.cuts: dict[str, SteadyCut] = {}
        self.tables: list[TableRecording] = []
        self.slots: dict[str, int] = {}

    def compare_frames(self) -> None:
        """Raise ConfigError if pages of order 0 on other frames give other rows.

        Releases are not compared: whether the allocator merges pages depends on their frames.
        """
        other = StreamBuilder(self.decoded, sites=self.builder.sites)
        self.record(other_frames(), other)
        self.cut_steady(other)
        _same_rows(self.builder, other)

    def record(self, scene: Scene, builder: StreamBuilder) -> None:
        """Take a process through all states of the operation, and record each of them."""
        self.kernel.reset()
        process = self.operation.lay(scene, self.kernel)
        contiguous = self.kernel.contiguous(process)
        for state in self.operation.states:
            execution = self.operation.execute(self.kernel, scene, process, state)
            done = execution.done
            source = execution.source or process
            targets = Targets(self.kernel, source, execution.process, self.lines, self.counts)
            first, last = _touching(done, targets)
            _no_stubs(self.kernel, done, first, last)
            table = self._table(done, execution.locks)
            _no_stubs(self.kernel, done, table.first, table.end)
            layout = f"{scene.layout}_table" if scene.steady else scene.layout
            window = builder.add(state, layout, done, table, targets)
            if builder is self.builder:
                self.tables.append(TableRecording(scene, contiguous, window))
            if scene.steady:
                run = SteadyRun(done, targets.src)
                self.steady.setdefault(state, []).append((scene.layout, run, targets))
            if execution.released is not None and builder is self.builder:
                self._add_release(scene, state, execution, targets, builder)

    def cut_steady(self, builder: StreamBuilder) -> None:
        """Add windows out of the middle of the tables that were recorded since the last time."""
        for state, runs in self.steady.items():
            if state not in self.cuts:
                every = [run for _, run, _ in runs]
                self.cuts[state] = SteadyCut(every, self.decoded.is_branch)
            for layout, run, targets in runs:
                builder.add(state, layout, run.done, self.cuts[state].window(run), targets)
        self.steady.clear()

    def _add_release(
        self,
        scene: Scene,
        state: str,
        execution: EmulatedRun,
        targets: Targets,
        builder: StreamBuilder,
    ) -> None:
        """Add the release of what a table gathered; the last instruction returns from it."""
        done = execution.released
        assert done is not None
        whole = CutWindow(0, len(done.pcs) - 1, 0, TABLE_PTES)
        _no_stubs(self.kernel, done, whole.first, whole.end)
        window = builder.add(state, f"{scene.layout}{RELEASE}", done, whole, targets)
        self.slots[f"{window.state}/{window.layout}"] = execution.slots

    def _table(self, done: EmulatedCall, locks: Sequence[int]) -> CutWindow:
        functions = _Functions(self.kernel)
        try:
            return whole_table(done, locks, functions)
        except NoLocksError:
            _no_stubs(self.kernel, done, 0, len(done.pcs))
            raise


def _same_rows(one: StreamBuilder, other: StreamBuilder) -> None:
    """Raise ConfigError for a build whose rows depend on where the frames of order 0 lie."""
    for key, window in other.windows.items():
        first = one.windows[key]
        mine, theirs = one.rows(first), other.rows(window)
        if mine != theirs:
            row = next(
                i for i, pair in enumerate(zip(mine, theirs, strict=False)) if len(set(pair)) > 1
            )
            reason = f"executes other instructions where frames descend: row {row} of {key}"
            raise refuse("record", reason)


class _Functions(dict[int, str]):
    """Names of functions by address, looked up once."""

    def __init__(self, kernel: EmulatedKernel) -> None:
        super().__init__()
        self._image = kernel.image

    def __missing__(self, pc: int) -> str:
        self[pc] = self._image.function_at(pc)
        return self[pc]


def _touching(done: EmulatedCall, targets: Targets) -> tuple[int, int]:
    """Return the first and last instruction that touches the parent's table."""
    end = targets.src + TABLE_PTES * PTE_BYTES
    touching = [position for position, at, _, _ in done.accesses if targets.src <= at < end]
    return (touching[0], touching[-1]) if touching else (0, 0)


def _no_stubs(kernel: EmulatedKernel, done: EmulatedCall, first: int, end: int) -> None:
    """Raise ConfigError for rows in which a function was called that no object defines."""
    stubs: Mapping[int, str] = kernel.image.stubs
    called = {stubs[pc] for pc in set(done.pcs[first:end]) if pc in stubs}
    if called:
        names = ", ".join(sorted(called))
        reason = "is called in the loop and was not linked: name its source file with --with"
        raise refuse(names, reason)
