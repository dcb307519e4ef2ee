"""What a fresh clone installs, and what the wheel carries."""

import re
import tomllib
from pathlib import Path

import costmodel

TOP = Path(__file__).parents[1]
OLDEST = (TOP / "requirements-lowest.txt").read_text()
LOCK = (TOP / "requirements.lock").read_text()
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())


def test_the_lock_pins_every_package_by_version_and_hash() -> None:
    packages = re.split(r"\n(?=[a-z])", LOCK.partition("\n")[2])
    assert len(packages) > 20
    for package in packages:
        assert re.match(r"[a-z0-9-]+==[\w.]+ ", package)
        assert "--hash=sha256:" in package


def test_the_lock_names_no_registry() -> None:
    assert "://" not in LOCK
    assert "index-url" not in LOCK


def test_the_lock_holds_every_dependency() -> None:
    project = PROJECT["project"]
    groups = [*PROJECT["dependency-groups"].values(), *project["optional-dependencies"].values()]
    wanted = [*project["dependencies"], *(one for group in groups for one in group)]
    for requirement in wanted:
        if isinstance(requirement, str):
            name = re.split(r"[<>=\[]", requirement)[0].lower().replace(".", "-")
            assert f"\n{name}==" in LOCK, name


def test_the_oldest_versions_are_those_of_the_project() -> None:
    for requirement in PROJECT["project"]["dependencies"]:
        name, oldest = requirement.lower().split(">=")
        assert re.search(rf"^{name}=={re.escape(oldest)}(\.0)*$", OLDEST, re.MULTILINE), name


def test_the_version_is_the_newest_of_the_changelog() -> None:
    newest = re.search(r"^## (\S+)", (TOP / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest and newest[1] == costmodel.__version__
    assert f"\nversion: {costmodel.__version__}\n" in (TOP / "CITATION.cff").read_text()


def test_the_wheel_carries_machines_and_scenarios() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {
        "machines": "costmodel/data/machines",
        "scenarios": "costmodel/data/scenarios",
    }
