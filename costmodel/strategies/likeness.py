"""Which recorded build is most like a kernel whose configuration and compiler are known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from costmodel.strategies.builds import Build, known_builds

TELLING: Final = (
    "PARAVIRT_XXL", "RETHUNK", "USERFAULTFD", "MEM_SOFT_DIRTY", "CPUMASK_OFFSTACK",
    "DYNAMIC_MEMORY_LAYOUT", "LRU_GEN", "DEVICE_PRIVATE",
)  # fmt: skip
"""Options that tell builds apart. The first decides before all others: with it the helpers that
read and make page-table entries are functions, called several times per entry."""


@dataclass(frozen=True)
class BuildFacts:
    """What is known of how a kernel was built.

    ``options``: those of ``TELLING`` that are set; None where nobody can say. ``compiler``: as it
    names itself, such as ``gcc (Debian 12.2.0-14) 12.2.0``; empty where it is not known.
    """

    options: frozenset[str] | None = None
    compiler: str = ""


@dataclass(frozen=True)
class LikestBuild:
    """A build, and why it was taken: what it shares with the kernel and what not."""

    name: str
    why: str


def build_facts(configuration: str) -> BuildFacts:
    """Return what a kernel's configuration file says; an empty one says nothing."""
    if not configuration:
        return BuildFacts()
    found = set(re.findall(r"^CONFIG_(?:MITIGATION_)?(\w+)=y$", configuration, re.MULTILINE))
    compiler = re.search(r'^CONFIG_CC_VERSION_TEXT="(.*)"$', configuration, re.MULTILINE)
    options = frozenset(found.intersection(TELLING))
    return BuildFacts(options, compiler[1] if compiler else "")


def likest_build(kernel: BuildFacts, builds: Iterable[str]) -> LikestBuild | None:
    """Return that of some builds which differs least from a kernel; None where nothing is known.

    PARAVIRT_XXL decides first, then the number of other options that differ, then the compiler:
    another one, then how far its version is. Of equals the first.
    """
    known = [known_builds()[name] for name in builds]
    if kernel.options is None or not known:
        return None
    best = min(known, key=lambda build: _distance(kernel, build))
    return LikestBuild(best.name, _why(kernel, kernel.options, best))


def _distance(kernel: BuildFacts, build: Build) -> tuple[int, int, int, int]:
    differing = build.options ^ (kernel.options or frozenset())
    family, version = _compiler(kernel.compiler)
    of_build, version_of_build = _compiler(build.compiler)
    return (
        int(TELLING[0] in differing),
        len(differing),
        int(family != of_build),
        abs(version - version_of_build),
    )


def _compiler(text: str) -> tuple[str, int]:
    """Return the family of a compiler and its major version, which stands last in its name.

    ``gcc-12 (Debian 12.2.0-14) 12.2.0`` and ``gcc 12.2.0`` are alike.
    """
    family = "clang" if "clang" in text else "gcc"
    version = re.findall(r"(\d+)\.\d+\.\d+", text)
    return family, int(version[-1]) if version else 0


def _why(kernel: BuildFacts, options: frozenset[str], build: Build) -> str:
    """Return the reason: ``PARAVIRT_XXL and RETHUNK as here; here without LRU_GEN; ...``."""
    shared = [name for name in TELLING if name in options & build.options]
    parts = [f"{_listed(shared)} as in this kernel"] if shared else []
    for names, said in ((options - build.options, "it lacks"), (build.options - options, "it has")):
        missing = [name for name in TELLING if name in names]
        if missing:
            parts.append(f"{said} {_listed(missing)}")
    if not options ^ build.options and not shared:
        parts.append("none of the options that tell builds apart, as in this kernel")
    compiler = kernel.compiler or "an unknown compiler"
    parts.append(f"{build.compiler} (this kernel: {compiler})")
    return "; ".join(parts)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
