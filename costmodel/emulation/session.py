"""One run of ``costmodel record``: from what was asked to the archive and what to say about it."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from costmodel.checking.check import report_text
from costmodel.config.errors import describe
from costmodel.emulation.archive import (
    SUFFIX,
    BuildArchive,
    BuildInfo,
    find_archive,
    load_archive,
    save_archive,
)
from costmodel.emulation.errors import refuse
from costmodel.emulation.guarantees import check_kernel
from costmodel.emulation.kernel import SETUP, EmulatedKernel, build_kernel
from costmodel.emulation.patching import DEFAULT_CPU
from costmodel.emulation.record import record_program
from costmodel.emulation.tree import MEMORY, BuildTree, read_tree

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_WIDTH: Final = 76


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


@dataclass(frozen=True)
class Outcome:
    """What to print, and whether the kernel broke a guarantee (then nothing was written)."""

    text: str
    broken: bool


def record(request: Request, *, setup: Path = SETUP) -> Outcome:
    """Record a build; raise ConfigError for what cannot be recorded.

    ``setup`` is the C file that makes what the loop meets: another one for another kernel.
    """
    if request.like is not None:
        request = _like(request)
    if request.build_tree is None:
        raise refuse("--build-tree", "needed, or --like NAME")
    tree = read_tree(Path(request.build_tree).expanduser())
    name = request.name or tree.folder.name
    if not _NAME.fullmatch(name):
        reason = "must be letters, digits and . _ + - alone"
        raise refuse("--name", reason, got=describe(name))
    output = Path(request.output or f"{name}{SUFFIX}")
    if not output.parent.is_dir():
        raise refuse("--output", "must lie in a folder that exists", got=describe(str(output)))
    with TemporaryDirectory() as folder:
        kernel = _kernel(tree, request, Path(folder), setup)
    report = check_kernel(kernel, name)
    if not report.passed:
        return Outcome(f"{report_text(report)}\n\nnothing was written: mend the kernel first", True)
    info = _info(tree, kernel, request, name)
    archive = BuildArchive(info, record_program(kernel, name))
    save_archive(output, archive)
    return Outcome(_summary(archive, output, report.layouts), False)


def _like(request: Request) -> Request:
    """Fill in what the archive named by ``--like`` was recorded with."""
    known = load_archive(find_archive(f"@{request.like}".replace("@@", "@"), origin="--like")).info
    if request.build_tree is None and not Path(known.tree).is_dir():
        reason = "was recorded in a tree that is gone; name it with --build-tree"
        raise refuse("--like", reason, got=describe(known.tree))
    if request.name is None and request.output is None:
        raise refuse("--name", "needed with --like: the archive must not write over its model")
    return replace(
        request,
        build_tree=request.build_tree or known.tree,
        compiler=request.compiler or known.used_compiler or None,
        sources=request.sources or known.sources,
        mitigations=request.mitigations or known.mitigations,
    )


def _kernel(tree: BuildTree, request: Request, folder: Path, setup: Path) -> EmulatedKernel:
    memory = _object(tree, request.object_file)
    compiler = request.compiler or ""
    if compiler and request.object_file is None:
        memory = folder / "memory.o"
        tree.compile(tree.source / "mm/memory.c", memory, compiler=compiler)
    for source in request.sources:
        if not (tree.source / source).is_file():
            raise refuse("--with", "no such file in the tree", got=describe(source))
    cpu = replace(DEFAULT_CPU[tree.isa], mitigations=request.mitigations)
    extra = [tree.source / source for source in request.sources]
    return build_kernel(tree, [memory], cpu, setup=setup, compiler=compiler, extra=extra)


def _object(tree: BuildTree, name: str | None) -> Path:
    """Return the object to record: below this directory, else below the tree."""
    if name is None:
        return tree.folder / MEMORY
    for path in (Path(name).expanduser(), tree.folder / name):
        if path.is_file():
            return path
    raise refuse("--object", "no such file, here or in the tree", got=describe(name))


def _info(tree: BuildTree, kernel: EmulatedKernel, request: Request, name: str) -> BuildInfo:
    warnings = []
    if tree.instrumented:
        what = ", ".join(tree.instrumented)
        warnings.append(f"built with {what}: this code runs in no ordinary kernel")
    return BuildInfo(
        name=name,
        operation="fork",
        isa=tree.isa,
        version=".".join(map(str, tree.version)),
        compiler=request.compiler or tree.compiler,
        config_hash=tree.config_hash,
        contpte=bool(kernel.facts["contpte"]),
        mitigations=request.mitigations,
        tree=str(tree.folder),
        used_compiler=request.compiler or "",
        sources=request.sources,
        options=tree.options,
        warnings=tuple(warnings),
    )


def _summary(archive: BuildArchive, output: Path, layouts: int) -> str:
    info, program = archive.info, archive.program
    lines = [
        f"{output}: Linux {info.version}, {info.isa}"
        f"{', contpte' if info.contpte else ''}, configuration {info.config_hash}",
        f"compiler: {info.compiler}",
        f"checked: page tables and counts on {layouts} layouts; rows alike for two",
        "layouts of frames; no stub in the loop",
        "",
        "micro-ops per PTE      writable   read-only",
    ]
    for order in (0, 2, 4, 9):
        key = f"order{order}" if order == 9 else f"order{order}_table"
        counts = [len(w) / w.ptes for w in (program.recordings[f"{s}/{key}"] for s in ("rw", "ro"))]
        lines.append(f"order-{order:<12} {counts[0]:13.2f} {counts[1]:11.2f}")
    lines += ["", "priced as whole tables of orders 0, 2, 4 and 9: no mixes, other orders or"]
    lines += ["partial tables. Allocating a table comes from the recordings of v6.12."]
    lines += [line for text in info.warnings for line in textwrap.wrap(f"warning: {text}", _WIDTH)]
    lines.append(f"next: costmodel run --machine M --strategy @{output.with_suffix('')}")
    return "\n".join(lines)
