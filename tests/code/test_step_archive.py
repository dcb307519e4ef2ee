"""Archives of steps: what was packed comes back, and equal programs give equal bytes."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.library import builds_of, load_library, program_names
from costmodel.code.step_archive import Arrays, Programs, names_in, pack
from costmodel.operations.registry import operation_names

columns = st.dictionaries(
    st.sampled_from(["site", "uop", "near"]),
    st.lists(st.integers(0, 2**32 - 1), max_size=20),
    min_size=1,
)


def arrays(columns: dict[str, list[int]]) -> Arrays:
    text = json.dumps({"columns": {name: [0, len(values)] for name, values in columns.items()}})
    values = [value for column in columns.values() for value in column]
    return np.array(values, np.int64), np.frombuffer(text.encode(), np.uint8)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(max_size=8), st.builds(arrays, columns)))
def test_what_was_packed_comes_back(programs: dict[str, Arrays]) -> None:
    archive = pack(programs)
    found = Programs(archive)
    assert names_in(archive) == sorted(programs) == list(found)
    for name, (values, text) in programs.items():
        assert found[name][0].tolist() == values.tolist()
        assert found[name][1].tobytes() == text.tobytes()


def test_the_order_of_programs_does_not_matter() -> None:
    one, other = arrays({"site": [1, 70_000]}), arrays({"uop": [3]})
    assert pack({"a": one, "b": other}) == pack({"b": other, "a": one})


def test_every_program_and_build_opens() -> None:
    for operation in operation_names():
        for name in program_names(operation):
            assert load_library(operation, name).name == name
            for build in builds_of(operation, name)[:2]:
                source, _, architecture = name.rpartition(".")
                built = load_library(operation, f"{source}@{build}.{architecture}")
                assert len(built.fragment_start) > 0
