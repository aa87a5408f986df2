"""The wheel holds everything that runs, and the four package names are ours alone."""

import subprocess
import sys
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("ledger", "contracts", "api", "frontend")
DATA = {".toml", ".html", ".css", ".js", ".ttf", ".svg", ".xml", ".icc", ".json", ".txt", ".ico", ".png"}


@pytest.mark.parametrize("name", PACKAGES)
def test_each_of_the_four_names_is_ours_alone(name: str) -> None:
    module = __import__(name)
    assert module.__file__ is not None
    assert Path(module.__file__).is_relative_to(ROOT)
    others = set(packages_distributions().get(name, ())) - {"bxl-invest"}
    assert others == set()


def test_the_command_is_declared() -> None:
    [command] = [e for e in distribution("bxl-invest").entry_points if e.group == "console_scripts"]
    assert (command.name, command.value) == ("bxl", "api.cli.main:main")


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What a wheel built from the tracked and new files of this tree holds."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_every_module_and_every_data_file(wheel_names: set[str]) -> None:
    expected = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in DATA | {".py"} and "__pycache__" not in path.parts
    }
    assert len(expected) > 100
    assert expected - wheel_names == set()
    assert "api/migrations/versions/0001_initial.py" in wheel_names
    assert "ledger/chart.toml" in wheel_names
    assert "ledger/rubrics.toml" in wheel_names


def test_the_wheel_holds_nothing_else(wheel_names: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.startswith("bxl_invest-")} == set(PACKAGES)
    assert [name for name in wheel_names if name.startswith("tests/") or "__pycache__" in name] == []
