"""Records shipped builds: ``python -m tools.builds.record TREES FOLDER [OPERATION | TREE ...]``.

``TREES`` is a YAML file: each build tree below ``FOLDER`` with the build that it is and the loops
of fork to record in it. A loop is the tree's own source (``own: NAME`` says what that is called) or
one of the patches here, which put the loop of an older kernel into the source of 6.12. ``zap``
names the loops of an unmap; the older one is 6.12's without its batches. How pages are released is
recorded once for each tree without contiguous blocks, with its own loop. What is kept are the
steps, cut as ``costmodel record`` cuts them; ``python -m costmodel.recorder.extract`` then puts
them into the step archives. What was recorded before is not recorded again.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from costmodel.checking.check import report_text
from costmodel.code.library import to_arrays
from costmodel.emulation.cutting import MOST_OFF_PCT
from costmodel.emulation.image import Image, link
from costmodel.emulation.kernel import SETUP, EmulatedKernel, compile_around
from costmodel.emulation.operations import OPERATIONS, EmulatedOperation
from costmodel.emulation.patching import CPUS
from costmodel.emulation.record import record_program
from costmodel.emulation.scenes import releases_by_batch
from costmodel.emulation.tree import MEMORY, BuildTree, read_tree
from costmodel.files import write_bytes
from costmodel.recorder.archive import STEPS_FOLDER, zip_arrays
from costmodel.recorder.extract import without_unused
from tools.files.fork import FORK_OF_FILES, SETUPS_OF_FILES, before_large_mapcount
from tools.files.record import PER_PTE
from tools.three_tables import changed_source

PATCHES: Final = Path(__file__).parent
_NO_LARGE_MAPCOUNT: Final = frozenset({"v6.7", "v6.8base", "v6.9", "prototype_dec20"})
"""Loops from before 6.10, which keep no ``_large_mapcount``."""
_MOST_OFF_PCT: Final = 1.5
"""By how many percent an older loop may miss a table. Page by page, the first one of a folio of two
pages takes 40 micro-ops in an unmap that the steps do not know: it finds that such a folio has no
room for the list of those to be split."""
_WITH_CONTPTE: Final = {"v6.7": "v4_before_change"}
"""What recordings call the loop of a version where the kernel has contiguous blocks."""


@dataclass(frozen=True)
class ShippedBuild:
    """A build tree: the build that it is, its own loop, and patches to record beside it.

    ``mitigations``: returns and indirect calls go through the thunks of the build. ``files``: fork
    copies entries of file pages. ``unmaps``: the loop is that of zap, not of fork.
    """

    tree: str
    build: str
    own: str
    patches: tuple[str, ...] = ()
    mitigations: bool = False
    files: bool = False
    unmaps: bool = False

    @property
    def operation(self) -> EmulatedOperation:
        """Return what is recorded."""
        return FORK_OF_FILES if self.files else OPERATIONS["zap" if self.unmaps else "fork"]


def shipped_builds(path: Path) -> Iterator[ShippedBuild]:
    """Yield the builds that a YAML file lists: those of fork, and those of zap of the same tree."""
    listed: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())
    for tree, facts in listed.items():
        zap = facts.pop("zap", ())
        fork = ShippedBuild(tree, **{**facts, "patches": tuple(facts.get("patches", ()))})
        yield fork
        if zap:
            older = tuple(loop for loop in zap if loop != fork.own)
            yield replace(fork, patches=older, unmaps=True)


def record_build(shipped: ShippedBuild, folder: Path) -> None:
    """Record all loops of a build tree; write their steps."""
    tree = read_tree(folder / shipped.tree)
    own = tree.folder / MEMORY
    with TemporaryDirectory() as made:
        folder = Path(made)
        operation = shipped.operation
        further = (SETUP.with_name(name) for name in operation.setups)
        setups = SETUPS_OF_FILES if shipped.files else (*further, SETUP)
        parts = compile_around(tree, [own], folder, setups=setups, sources=operation.sources)
        for source in (shipped.own, *shipped.patches):
            if not _path(shipped, _name(shipped, tree, source)).exists():
                recorded = own
                if source != shipped.own:
                    recorded = _patched(shipped, tree, source, folder)
                _record(shipped, tree, source, link([recorded, *parts], tree.isa))


def _name(shipped: ShippedBuild, tree: BuildTree, source: str) -> str:
    place = tree.isa
    if place == "arm64":
        contpte = "CONFIG_ARM64_CONTPTE" in tree.config
        place = "arm64_contpte" if contpte else "arm64_nocontpte"
        source = _WITH_CONTPTE.get(source, source) if contpte else source
    return f"{source}@{shipped.build}.{place}"


def _path(shipped: ShippedBuild, name: str) -> Path:
    return STEPS_FOLDER / shipped.operation.name / f"{name}.npz"


def _patched(shipped: ShippedBuild, tree: BuildTree, source: str, folder: Path) -> Path:
    """Return the object of the tree's source with another loop in it."""
    own, changed, made = tree.source / "mm/memory.c", folder / "memory.c", folder / "memory.o"
    if shipped.unmaps:
        changed.write_text(changed_source(own.read_text(), PER_PTE))
    else:
        patch = PATCHES / f"{source}.patch"
        subprocess.run(["patch", "-s", "-o", changed, own, patch], check=True)
    if shipped.files and source in _NO_LARGE_MAPCOUNT:
        changed.write_text(before_large_mapcount(changed.read_text()))
    tree.compile(changed, made)
    return made


def _record(shipped: ShippedBuild, tree: BuildTree, source: str, image: Image) -> None:
    cpu = next(iter(CPUS[tree.isa].values()))
    kernel = EmulatedKernel(image, replace(cpu, mitigations=shipped.mitigations))
    if source in _NO_LARGE_MAPCOUNT and not shipped.unmaps:
        kernel.facts = {**kernel.facts, "large_mapcount": 0}
    name = _name(shipped, tree, source)
    checked = shipped.operation.check(kernel, name)
    if not checked.passed:
        raise SystemExit(report_text(checked))
    older = shipped.unmaps and source != shipped.own
    steps = record_program(
        kernel,
        shipped.operation,
        name,
        batches=[] if older or kernel.facts["contpte"] else releases_by_batch(),
        most_off_pct=_MOST_OFF_PCT if older else MOST_OFF_PCT,
    ).steps
    if isinstance(steps, str):
        print(f"{name}: not kept: {steps}", flush=True)
        return
    kept = without_unused(steps.library)
    write_bytes(_path(shipped, name), zip_arrays(to_arrays(kept).items()))
    print(name, steps.loop, f"exact {steps.exact}, off {steps.off_pct:.3f} %", flush=True)


def main() -> None:
    """Record the trees that are named, or all that the file lists."""
    listed, folder, *names = sys.argv[1:]
    for shipped in shipped_builds(Path(listed)):
        if not names or {shipped.tree, shipped.operation.name} & set(names):
            record_build(shipped, Path(folder))


if __name__ == "__main__":
    main()
