"""Which recorded build is most like a kernel: options first, then the compiler."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from costmodel.strategies.builds import known_builds
from costmodel.strategies.likeness import TELLING, BuildFacts, build_facts, likest_build

BUILDS = ("gcc12-own", "gcc16", "clang21", "gcc16-distro", "clang21-distro", "gcc12-debian")


def likest(kernel: BuildFacts) -> str:
    found = likest_build(kernel, BUILDS)
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
    assert likest_build(BuildFacts(), BUILDS) is None


def test_a_distribution_s_kernel_gets_the_build_whose_helpers_are_functions() -> None:
    """Whatever compiled it: calls per entry cost more than any compiler."""
    for compiler in ("gcc 12.2.0", "gcc-15 (SUSE Linux) 15.3.0", "clang version 21.1.8"):
        kernel = BuildFacts(frozenset({"PARAVIRT_XXL", "USERFAULTFD"}), compiler)
        assert likest(kernel) == "gcc12-debian"


def test_of_builds_with_the_same_options_the_compiler_decides() -> None:
    assert likest(BuildFacts(frozenset(), "gcc-13 (Debian 13.3.0-1) 13.3.0")) == "gcc12-own"
    assert likest(BuildFacts(frozenset(), "gcc-15 (Debian 15.2.0-1) 15.2.0")) == "gcc16"
    assert likest(BuildFacts(frozenset(), "Debian clang version 19.1.7 (3)")) == "clang21"


@given(st.sampled_from(BUILDS))
def test_a_recorded_build_is_most_like_itself(name: str) -> None:
    build = known_builds()[name]
    assert likest(BuildFacts(build.options, build.compiler)) == name


@given(st.frozensets(st.sampled_from(TELLING)), st.sampled_from(BUILDS))
def test_the_reason_names_every_option_of_either(options: frozenset[str], name: str) -> None:
    found = likest_build(BuildFacts(options, "gcc 12.2.0"), [name])
    assert found is not None
    assert all(option in found.why for option in options | known_builds()[name].options)
