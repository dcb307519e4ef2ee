"""What a fresh clone installs, and what the wheel carries."""

import re
import tomllib
from pathlib import Path

TOP = Path(__file__).parents[1]
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
    for wanted in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        name = re.split(r"[<>=]", wanted)[0].lower().replace(".", "-")
        assert f"\n{name}==" in LOCK, name


def test_the_wheel_carries_machines_and_scenarios() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {
        "machines": "costmodel/data/machines",
        "scenarios": "costmodel/data/scenarios",
    }
