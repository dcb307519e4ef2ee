"""What the YAML reader accepts, what it refuses, and where it says things stand."""

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from costmodel.config import yaml_text
from costmodel.config.document import Place, parse_document, parse_scalar, read_document
from costmodel.config.errors import ConfigError


@pytest.fixture(params=[False, True])
def without_libyaml(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """PyYAML can be built without it: read by its parser in Python."""
    if request.param:
        monkeypatch.setattr(yaml_text, "_PARSER", yaml.BaseLoader)
    return bool(request.param)


def faults(text: str) -> list[str]:
    try:
        return [str(fault) for fault in parse_document(text, "f.yaml").faults]
    except ConfigError as error:
        return [str(fault) for fault in error.faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-9", 1e-9),
        ("12:30", "12:30"),
        ("on", "on"),
        ("true", True),
        ("0o10", 8),
        ("1_000", 1000),
        ("50%", "50%"),
        ("2024-01-22", "2024-01-22"),
        ("~", None),
        ("'5'", "5"),
        ("-.inf", -math.inf),
        (".5", 0.5),
        ("0x1F", 31),
        ("<<", "<<"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_reads_them(text: str, value: object) -> None:
    read = parse_document(f"key: {text}", "f.yaml").data["key"]
    assert read == value
    assert type(read) is type(value)


def test_a_yaml_1_1_directive_does_not_bring_its_booleans_back() -> None:
    assert parse_document("%YAML 1.1\n---\nkey: on\n", "f.yaml").data == {"key": "on"}


def test_keys_and_values_have_their_places(without_libyaml: bool) -> None:
    document = parse_document("a:\n  b: [1, {c: 2}]\n", "f.yaml")
    assert document.keys["a", "b"] == Place(2, 3)
    assert document.values["a", "b", 1, "c"] == Place(2, 14)


def test_every_fault_of_a_readable_file_is_reported_at_once(without_libyaml: bool) -> None:
    assert faults("a: 1\na: 2\nb: 010\nc: &x 1\nd: *x\ne: !!set {q}\n[f]: 1\n") == [
        "f.yaml:2:1: a: duplicate key, first on line 1 (got 2, an int)",
        "f.yaml:3:4: b: is not a plain number (leading zero or colon?) (got '010')",
        "f.yaml:4:4: c: anchors and aliases are not used here",
        "f.yaml:5:4: d: anchors and aliases are not used here",
        "f.yaml:6:4: e: tags are not used here (got 'tag:yaml.org,2002:set')",
        "f.yaml:7:1: a key must be a word or a number",
    ]


def test_keys_are_plain_and_aliases_stand_for_nothing() -> None:
    assert faults("&x a: 1\n!!str b: 2\n010: 3\nc: *y\n? [d]\n: 010\n") == [
        "f.yaml:1:1: anchors and aliases are not used here",
        "f.yaml:2:1: tags are not used here (got 'tag:yaml.org,2002:str')",
        "f.yaml:3:1: is not a plain number (leading zero or colon?) (got '010')",
        "f.yaml:4:4: c: anchors and aliases are not used here",
        "f.yaml:5:3: a key must be a word or a number",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "f.yaml:1:1: is empty (got nothing)"),
        ("# nothing\n", "f.yaml:1:1: is empty (got nothing)"),
        ("- 1\n", "f.yaml:1:1: must be a mapping of keys (got a list)"),
        ("a: b: c\n", "f.yaml:1:5: is not YAML: mapping values are not allowed here"),
        ("a: [1\nb: 2\n", "f.yaml:2:2: is not YAML: expected ',' or ']', but got ':'"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: is not YAML: but found another document"),
        ("a: \x00", "f.yaml:1:4: is not YAML: a character that no text has (got '\\x00')"),
        ("[" * 1000, "f.yaml:1:1: is nested too deeply"),
        ("? " * 1000, "f.yaml:1:1: is nested too deeply"),
        ("é: \udc80", "f.yaml:1:4: is not YAML: a character that no text has (got '\\udc80')"),
    ],
)
def test_what_is_no_mapping_gets_one_line(text: str, fault: str, without_libyaml: bool) -> None:
    assert faults(text) == [fault]


def test_a_mapping_in_one_line_needs_a_blank_behind_the_colon(without_libyaml: bool) -> None:
    """YAML takes the whole for a key without a value, of which a schema would say two things."""
    reason = "has no value (no blank behind the colon?)"
    assert faults("a: 012\norders: [{0:50%, 4: 50%}]") == [
        "f.yaml:1:4: a: is not a plain number (leading zero or colon?) (got '012')",
        f"f.yaml:2:11: orders[0].0:50%: {reason}",
    ]
    assert faults('"0:50%":') == [] == faults("0:50%: 1")
    assert parse_scalar("{0:50%}") == "{0:50%}"


def test_an_escape_beyond_unicode_is_no_text(without_libyaml: bool) -> None:
    (fault,) = faults(r'a: "\U00110000"')
    assert "is not YAML: " in fault


def test_files_that_hold_no_text(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"title: x\n\x7fELF\xff\xfe")
    with pytest.raises(ConfigError, match=r"binary.yaml:2:5: is not UTF-8 text \(got byte 0xff\)"):
        read_document(binary)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_document(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_document(tmp_path / "missing.yaml")


def test_a_file_too_large_to_be_meant_is_not_parsed(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigError, match="is larger than"):
        read_document(large)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_never_a_crash(text: str) -> None:
    for line in faults(text):
        assert "\n" not in line


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.integers(), min_size=1))
def test_plain_mappings_come_back_as_they_were(data: dict[str, int]) -> None:
    text = "".join(f"'{key}': {value}\n" for key, value in data.items())
    assert parse_document(text, "f.yaml").data == data


def test_values_of_options_follow_the_same_rules() -> None:
    assert parse_scalar("true") is True
    assert parse_scalar("1e-9") == 1e-9
    assert parse_scalar("2 GiB") == "2 GiB"
    assert parse_scalar("{0: 50%}") == {0: "50%"}
    assert parse_scalar("010") == "010"  # text, which no number will accept
