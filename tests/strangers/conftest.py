"""What the foreign programs are given: the published log of a filled book, a receipt of it as files and as a paper."""

from pathlib import Path

import pytest

from tests.strangers.material import Material, make_material


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """One for the session, never changed."""
    return make_material(tmp_path_factory.mktemp("material"))


@pytest.fixture
def material(original: Material, tmp_path: Path) -> Material:
    """A copy, to forge."""
    return original.copied_to(tmp_path / "material")
