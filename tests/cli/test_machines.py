"""``costmodel machines``."""

import pytest

from costmodel.cli.main import main
from costmodel.config.machine import load_machine
from costmodel.config.resources import names
from tests.cli.lines import flat


def test_the_list_names_every_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["machines"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == names("machines")
    assert max(map(len, lines)) <= 76


@pytest.mark.parametrize("name", names("machines"))
def test_a_machine_shows_every_parameter_for_a_mail(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["machines", name]) == 0
    text = capsys.readouterr().out
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 76
    words = " ".join(text.split())
    for key, parameter in load_machine(name).parameters.items():
        assert key in words
        assert f"{parameter.kind}: {' '.join(parameter.source.split())}" in words


def test_values_intervals_and_caution(capsys: pytest.CaptureFixture[str]) -> None:
    main(["machines", "ampere-altra"])
    text = capsys.readouterr().out
    assert "core.clock_ghz                       3 (2.99 to 3)" in text
    assert "caches.llc.size_bytes                32 MiB (16 MiB to 32 MiB)" in text
    assert "tlbi.range                           no\n" in text
    assert "Caution: " in text


def test_an_unknown_machine_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["machines", "ampere-altar"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert flat(captured.err) == (
        "MACHINE: unknown machine, did you mean 'ampere-altra'? (got 'ampere-altar')"
    )
