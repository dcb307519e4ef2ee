"""One run of ``costmodel record``: from what was asked to the archive and what to say about it."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from costmodel.checking.check import report_text
from costmodel.config.errors import ConfigError, Fault, Faults, describe
from costmodel.emulation.kernel import SETUP, EmulatedKernel, build_kernel
from costmodel.emulation.objects import defined
from costmodel.emulation.operations import OPERATIONS, EmulatedOperation
from costmodel.emulation.patching import CPUS, BootCpu
from costmodel.emulation.record import Recorded, record_program
from costmodel.emulation.tree import BuildTree, compiler_words, read_tree
from costmodel.files import why_not
from costmodel.operations.registry import DEFAULT
from costmodel.recorder.archive import RecordedProgram
from costmodel.recorder.build_archive import (
    RELEASE,
    SUFFIX,
    TABLE,
    BuildArchive,
    BuildInfo,
    find_archive,
    load_archive,
    save_archive,
)
from costmodel.units import WIDTH

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_EXCLUSIVE: Final = re.compile(r"(lda?|stl?)xr[bh]?$")


@dataclass(frozen=True)
class Request:
    """What to record; None where the default is meant."""

    build_tree: str | None = None
    like: str | None = None
    object_file: str | None = None
    compiler: str | None = None
    name: str | None = None
    output: str | None = None
    sources: tuple[str, ...] = ()
    mitigations: bool = False
    operation: str | None = None
    cpu: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What to print, and whether the kernel broke a guarantee (then nothing was written)."""

    text: str
    broken: bool


def record(request: Request, *, setup: Path = SETUP, told: Faults | None = None) -> Outcome:
    """Record a build; raise ConfigError for what cannot be recorded.

    ``setup`` is the C file that makes what the loop meets: another one for another kernel. ``told``
    has faults that were found before.
    """
    faults = told or Faults()
    if request.like is not None:
        with faults.collected():
            request = _like(request)
    tree, name, output = _asked(request, faults)
    operation = OPERATIONS[request.operation or DEFAULT]
    with TemporaryDirectory() as folder:
        kernel = _kernel(tree, request, operation, Path(folder), setup)
    checked = operation.check(kernel, name)
    if not checked.passed:
        return Outcome(f"{report_text(checked)}\n\n{_broken_advice(request)}", True)
    info = _info(tree, kernel, request, operation, name)
    recorded = record_program(kernel, operation, info.program)
    archive = _archive(info, recorded)
    save_archive(output, archive)
    return Outcome(_summary(archive, operation, output, checked.layouts), False)


def _broken_advice(request: Request) -> str:
    """Return what to do about a kernel that broke a guarantee."""
    advice = "nothing was written: mend the kernel first"
    if request.object_file is None:
        return advice
    text = f"{advice}, or see whether {request.object_file} was built with the options of the tree"
    return "\n".join(textwrap.wrap(text, WIDTH))


def _asked(request: Request, faults: Faults) -> tuple[BuildTree, str, Path]:
    """Return the tree, the name of the recording and its file; raise ConfigError for all faults."""
    if request.build_tree is None and request.like is None:
        faults.found.append(Fault("--build-tree", reason="needed, or --like NAME"))
    folder = Path(request.build_tree or os.curdir).expanduser()
    name = request.name or folder.resolve().name
    if not _NAME.fullmatch(name):
        reason = "must be letters, digits and . _ + - alone"
        faults.found.append(Fault("--name", reason=reason, got=describe(name)))
    output = Path(request.output or f"{name}{SUFFIX}")
    if reason := why_not(output):
        faults.found.append(Fault("-o", reason=reason, got=describe(str(output))))
    elif not output.parent.is_dir():
        reason = "must lie in a folder that exists"
        faults.found.append(Fault("-o", reason=reason, got=describe(str(output))))
    if request.compiler is not None and not compiler_words(request.compiler):
        reason = "must be a compiler, with what is quoted at both ends"
        faults.found.append(Fault("--cc", reason=reason, got=describe(request.compiler)))
    if request.like is not None and request.name is None and request.output is None:
        reason = "needed with --like: the archive must not write over its model"
        faults.found.append(Fault("--name", reason=reason))
    if request.build_tree is not None:
        with faults.collected():
            tree = read_tree(folder)
            with faults.collected():
                _cpu(tree, request)
            with faults.collected():
                _named(tree, request)
            for source in request.sources:
                with faults.collected():
                    _check_source(tree, source)
    faults.tell()
    return tree, name, output


def _check_source(tree: BuildTree, source: str) -> None:
    if not (tree.source / source).is_file():
        raise ConfigError.of("--with", "no such file in the tree", got=describe(source))


def _like(request: Request) -> Request:
    """Fill in what the archive named by ``--like`` was recorded with."""
    known = load_archive(find_archive(f"@{request.like}".replace("@@", "@"), origin="--like")).info
    if request.build_tree is None and not Path(known.tree).is_dir():
        reason = "was recorded in a tree that is gone; name it with --build-tree"
        raise ConfigError.of("--like", reason, got=describe(known.tree))
    return replace(
        request,
        build_tree=request.build_tree or known.tree,
        compiler=request.compiler or known.used_compiler or None,
        sources=request.sources or known.sources,
        mitigations=request.mitigations or known.mitigations,
        operation=request.operation or known.operation,
        cpu=request.cpu or known.cpu,
    )


def _kernel(
    tree: BuildTree, request: Request, operation: EmulatedOperation, folder: Path, setup: Path
) -> EmulatedKernel:
    compiler = request.compiler or ""
    recorded = _object(tree, operation, request, folder)
    linked = [_made(tree, name, compiler, folder) for name in operation.linked]
    cpu = replace(_cpu(tree, request), mitigations=request.mitigations)
    extra = [tree.source / source for source in request.sources]
    # The first definition of a name is taken.
    setups = (*(setup.with_name(name) for name in operation.setups), setup)
    objects = [recorded, *linked]
    return build_kernel(
        tree, objects, cpu, setups=setups, compiler=compiler, extra=extra, sources=operation.sources
    )


def _cpu(tree: BuildTree, request: Request) -> BootCpu:
    known = CPUS[tree.isa]
    name = request.cpu or next(iter(known))
    if name not in known:
        reason = f"must be one of {', '.join(known)} for {tree.isa}"
        raise ConfigError.of("--cpu", reason, got=describe(name))
    return known[name]


def _object(tree: BuildTree, operation: EmulatedOperation, request: Request, folder: Path) -> Path:
    """Return the object to record: the one named, below this directory or the tree."""
    path = _named(tree, request)
    if path is None:
        return _made(tree, operation.recorded, request.compiler or "", folder)
    tree.refuse_other(path, "--object")
    if defined(path).isdisjoint(operation.entries):
        names = " and no ".join(f"{function}()" for function in operation.entries)
        reason = f"holds no {names}: {operation.name} is recorded from {operation.recorded}"
        raise ConfigError.of("--object", reason, got=describe(str(path)))
    return path


def _named(tree: BuildTree, request: Request) -> Path | None:
    """Return the file of the object that is named; raise ConfigError where there is none."""
    name = request.object_file
    if name is None:
        return None
    for path in (Path(name).expanduser(), tree.folder / name):
        if path.is_file():
            return path
    raise ConfigError.of("--object", "no such file, here or in the tree", got=describe(name))


def _made(tree: BuildTree, name: str, compiler: str, folder: Path) -> Path:
    """Return an object of the tree; compile what another compiler or nobody has made."""
    made = tree.folder / name
    if made.is_file() and not compiler:
        return made
    output = folder / Path(name).name
    tree.compile((tree.source / name).with_suffix(".c"), output, compiler=compiler)
    return output


def _info(
    tree: BuildTree,
    kernel: EmulatedKernel,
    request: Request,
    operation: EmulatedOperation,
    name: str,
) -> BuildInfo:
    warnings = []
    if tree.instrumented:
        what = ", ".join(tree.instrumented)
        warnings.append(f"built with {what}: this code runs in no ordinary kernel")
    return BuildInfo(
        name=name,
        operation=operation.name,
        isa=tree.isa,
        version=".".join(map(str, tree.version)),
        compiler=request.compiler or tree.compiler,
        config_hash=tree.config_hash,
        contpte=bool(kernel.facts["contpte"]),
        mitigations=request.mitigations,
        cpu=request.cpu or next(iter(CPUS[tree.isa])),
        tree=str(tree.folder),
        used_compiler=request.compiler or "",
        sources=request.sources,
        options=tree.options,
        warnings=tuple(warnings),
    )


def _archive(info: BuildInfo, recorded: Recorded) -> BuildArchive:
    steps = recorded.steps
    info = replace(info, slots=recorded.slots)
    if any(_EXCLUSIVE.match(op) for op in recorded.program.op.tolist()):
        text = "its atomics are LL/SC pairs: priced as a plain load and a plain store each"
        info = replace(info, warnings=(*info.warnings, text))
    if isinstance(steps, str):
        return BuildArchive(replace(info, uncut=steps), recorded.program)
    info = replace(
        info,
        has_steps=True,
        loop=steps.loop,
        exact=steps.exact,
        off_pct=round(steps.off_pct, 3),
    )
    return BuildArchive(info, recorded.program, steps.library)


def _summary(
    archive: BuildArchive, operation: EmulatedOperation, output: Path, layouts: int
) -> str:
    info, program = archive.info, archive.program
    lines = [
        f"{output}: {operation.name}, Linux {info.version}, {info.isa}"
        f"{', contpte' if info.contpte else ''}, configuration {info.config_hash}",
        f"compiler: {info.compiler}; booted on {info.cpu}",
        f"checked: page tables and counts on {layouts} layouts; the same instructions",
        "for two layouts of frames; no stub in the loop",
        "",
        *_micro_ops(program, _states(program), releases=archive.releases),
    ]
    lines += ["", *textwrap.wrap(_priced(archive), WIDTH)]
    lines += [line for text in info.warnings for line in textwrap.wrap(f"warning: {text}", WIDTH)]
    asked = "" if operation.name == DEFAULT else f"--operation {operation.name} "
    lines.append(f"next: costmodel run {asked}--machine M --strategy @{output.with_suffix('')}")
    return "\n".join(lines)


def _states(program: RecordedProgram) -> list[str]:
    """Return the recorded states, in the order in which a process went through them."""
    return list(dict.fromkeys(window.state for window in program.recordings.values()))


def _micro_ops(program: RecordedProgram, states: Sequence[str], *, releases: bool) -> Iterator[str]:
    """Yield a table of micro-ops per PTE; the release of pages has columns of its own."""
    yield "micro-ops per PTE" + "".join(
        f"{_TITLES.get(s, s):>14}" + f"{'+ release':>11}" * releases for s in states
    )
    for order in (0, 2, 4, 9):
        table = f"order{order}" if order == 9 else f"order{order}{TABLE}"
        line = f"order-{order:<11}"
        for state in states:
            window = program.recordings[f"{state}/{table}"]
            line += f"{len(window) / window.ptes:14.2f}"
            if releases:
                released = program.recordings[f"{state}/order{order}{RELEASE}"]
                line += f"{len(released) / released.ptes:11.2f}"
        yield line


def _priced(archive: BuildArchive) -> str:
    """Return what can be priced."""
    info = archive.info
    held = sorted({layout.removeprefix("order")[0] for layout in archive.layouts()})
    orders = f"{', '.join(held[:-1])} and {held[-1]}"
    if not info.has_steps:
        return (
            f"priced as whole tables of orders {orders}: no mixes, other orders or partial "
            f"tables, for it was not cut into steps ({info.uncut})"
        )
    loop = "entry by entry" if info.loop["batching"] is None else "batch by batch"
    off_pct = max(info.off_pct, 0.01)
    by_steps = info.exact or archive.releases_by_steps
    tables = "" if by_steps else f", tables of orders {orders} as they were recorded"
    released = " What is released: shares of recorded tables of one order." if info.slots else ""
    return (
        f"priced by its steps, {loop}: any order, mix and strategy{tables}. Tables of mixed "
        f"folios that the steps were not cut from: micro-ops within {off_pct:.2f} %.{released} "
        "What lies between two tables comes from the recordings of v6.12."
    )


_TITLES: Final = {
    "rw": "writable", "ro": "read-only", "to-write-protected": "uffd-wp",
    "to-write-resolved": "uffd-wp gone",
}  # fmt: skip
