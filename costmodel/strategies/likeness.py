"""Finds the recorded build that is most like a kernel with a known configuration and compiler."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from costmodel.strategies.builds import Build, known_builds

TELLING: Final = (
    "PARAVIRT_XXL", "RETHUNK", "USERFAULTFD", "MEM_SOFT_DIRTY", "CPUMASK_OFFSTACK",
    "DYNAMIC_MEMORY_LAYOUT", "LRU_GEN", "DEVICE_PRIVATE",
)  # fmt: skip
"""Configuration options that tell builds apart. The first one decides before all others: with it,
the helpers that read and make page-table entries are functions, called several times per entry."""
X86_ONLY: Final = frozenset({"PARAVIRT_XXL", "RETHUNK", "MEM_SOFT_DIRTY", "DYNAMIC_MEMORY_LAYOUT"})
"""Those that arm64 does not have (arch/arm64/Kconfig of 6.12): no build lacks them there."""


@dataclass(frozen=True)
class BuildFacts:
    """What is known about how a kernel was built.

    ``options`` holds those of ``TELLING`` that are set; None where the configuration is unknown.
    ``compiler`` is what the compiler calls itself, such as ``gcc (Debian 12.2.0-14) 12.2.0``; empty
    where it is unknown.
    """

    options: frozenset[str] | None = None
    compiler: str = ""


@dataclass(frozen=True)
class LikestBuild:
    """A build and why it was chosen: what it shares with the kernel and where it differs."""

    name: str
    why: str


def build_facts(configuration: str) -> BuildFacts:
    """Return what the text of a kernel's configuration file says; empty text says nothing."""
    if not configuration:
        return BuildFacts()
    found = set(re.findall(r"^CONFIG_(?:MITIGATION_)?(\w+)=y$", configuration, re.MULTILINE))
    compiler = re.search(r'^CONFIG_CC_VERSION_TEXT="(.*)"$', configuration, re.MULTILINE)
    options = frozenset(found.intersection(TELLING))
    return BuildFacts(options, compiler[1] if compiler else "")


def likest_build(kernel: BuildFacts, builds: Iterable[str], isa: str) -> LikestBuild | None:
    """Return the one of ``builds`` (names) that differs least from a kernel on ``isa``.

    PARAVIRT_XXL counts first, then how many options of ``TELLING`` differ, then whether it is
    another compiler, then the distance of the compilers' major versions. The first of equal ones
    is returned; None where the kernel's options are unknown or there are no builds.
    """
    known = [_on(isa, known_builds()[name]) for name in builds]
    if kernel.options is None or not known:
        return None
    best = min(known, key=lambda build: _distance(kernel, build))
    return LikestBuild(best.name, _why(kernel, kernel.options, best))


def _on(isa: str, build: Build) -> Build:
    left_out: frozenset[str] = X86_ONLY if isa == "arm64" else frozenset()
    return replace(build, options=build.options - left_out)


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
    """Return the family of a compiler and its major version: of the last version in its name.

    ``gcc-12 (Debian 12.2.0-14) 12.2.0`` and ``gcc 12.2.0`` give the same.
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
