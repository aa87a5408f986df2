"""The demo's witnesses: made once, two of three, and none for a book that was made without or names others."""

from pathlib import Path

from api.demo.witnesses import with_witnesses, witness_folders
from api.settings import read_settings
from ledger.log.policy import parse_quorum


def test_a_new_demo_names_three_witnesses_of_whom_two_are_enough(tmp_path: Path) -> None:
    settings = read_settings({"BXL_DATA": str(tmp_path)})
    assert witness_folders(settings) == {}
    made = with_witnesses(settings)
    quorum = parse_quorum(made.witnesses_file.read_bytes())
    assert [witness.name for witness in quorum.witnesses] == list(witness_folders(settings)) == ["w1", "w2", "w3"]
    assert quorum.is_met_by(["w3", "w1"])
    assert not quorum.is_met_by(["w2"])
    assert parse_quorum(with_witnesses(settings).witnesses_file.read_bytes()) == quorum


def test_whoever_names_witnesses_gets_none_made(tmp_path: Path) -> None:
    (tmp_path / "quorum").write_text("quorum none\n")
    settings = read_settings({"BXL_DATA": str(tmp_path / "data"), "BXL_WITNESSES": str(tmp_path / "quorum")})
    assert with_witnesses(settings) is settings
    assert witness_folders(settings) == {}
