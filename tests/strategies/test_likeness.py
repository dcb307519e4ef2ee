"""Which recorded build is most like a kernel: options first, then the compiler."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.strategies.builds import known_builds
from costmodel.strategies.likeness import TELLING, X86_ONLY, BuildFacts, build_facts, likest_build

CONFIGS = Path(__file__).parents[2] / "tools" / "builds" / "configs"
BUILDS = ("gcc12-own", "gcc16", "clang21", "gcc16-distro", "clang21-distro", "gcc12-debian")


def likest(kernel: BuildFacts) -> str:
    found = likest_build(kernel, BUILDS, "x86_64")
    assert found is not None
    return found.name


def test_a_configuration_file_says_what_tells_builds_apart() -> None:
    text = """
CONFIG_CC_VERSION_TEXT="gcc-13 (Ubuntu 13.3.0-6ubuntu2) 13.3.0"
CONFIG_PARAVIRT_XXL=y
CONFIG_MITIGATION_RETHUNK=y
# CONFIG_LRU_GEN is not set
CONFIG_NUMA=y
"""
    found = build_facts(text)
    assert found.options == frozenset({"PARAVIRT_XXL", "RETHUNK"})
    assert "13.3.0" in found.compiler


def test_nothing_is_chosen_where_nothing_is_known() -> None:
    assert build_facts("") == BuildFacts()
    assert likest_build(BuildFacts(), BUILDS, "x86_64") is None


def test_a_distribution_s_kernel_gets_the_build_whose_helpers_are_functions() -> None:
    """Whatever compiled it: calls per entry cost more than any compiler."""
    for compiler in ("gcc 12.2.0", "gcc-15 (SUSE Linux) 15.3.0", "clang version 21.1.8"):
        kernel = BuildFacts(frozenset({"PARAVIRT_XXL", "USERFAULTFD"}), compiler)
        assert likest(kernel) == "gcc12-debian"


def test_of_builds_with_the_same_options_the_compiler_decides() -> None:
    assert likest(BuildFacts(frozenset(), "gcc-13 (Debian 13.3.0-1) 13.3.0")) == "gcc12-own"
    assert likest(BuildFacts(frozenset(), "gcc-15 (Debian 15.2.0-1) 15.2.0")) == "gcc16"
    assert likest(BuildFacts(frozenset(), "Debian clang version 19.1.7 (3)")) == "clang21"


ARM64_BUILDS = ("gcc12-own", "gcc12-distro-own", "gcc16", "gcc16-distro", "clang21-distro")


@pytest.mark.parametrize(
    ("compiler", "name"),
    [
        ("gcc 12.2.0", "gcc12-distro-own"),
        ("gcc (Debian 15.2.0-1) 15.2.0", "gcc16-distro"),
        ("Debian clang version 19.1.7 (3)", "clang21-distro"),
    ],
)
def test_on_arm64_no_build_has_the_options_of_x86(compiler: str, name: str) -> None:
    """They were built from one configuration there, so that the compiler alone decides."""
    text = (CONFIGS / "arm64-distro.config").read_text()
    options = build_facts(text).options
    assert options == frozenset({"USERFAULTFD", "LRU_GEN", "DEVICE_PRIVATE"})
    kernel = BuildFacts(options | {"CPUMASK_OFFSTACK"}, compiler)  # by more than 256 CPUs
    found = likest_build(kernel, ARM64_BUILDS, "arm64")
    assert found is not None and found.name == name
    assert "it has" not in found.why and "it lacks" not in found.why


def test_a_build_of_arm64_alone_lists_no_option_of_x86() -> None:
    assert not known_builds()["gcc12-distro-own"].options & X86_ONLY


@given(st.sampled_from(BUILDS))
def test_a_recorded_build_is_most_like_itself(name: str) -> None:
    build = known_builds()[name]
    assert likest(BuildFacts(build.options, build.compiler)) == name


@given(st.frozensets(st.sampled_from(TELLING)), st.sampled_from(BUILDS))
def test_the_reason_names_every_option_of_either(options: frozenset[str], name: str) -> None:
    found = likest_build(BuildFacts(options, "gcc 12.2.0"), [name], "x86_64")
    assert found is not None
    assert all(option in found.why for option in options | known_builds()[name].options)
