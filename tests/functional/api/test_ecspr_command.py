"""`bxl ecspr evidence`: one JSON object a line for each check, of one article or of all."""

import json
import os

from tests.api_kit import Desk
from tests.commands import run_bxl


def test_the_command_prints_the_checks_of_an_article(desk: Desk) -> None:
    amelie = desk.stage.parties["amelie"]
    environment = os.environ | {"BXL_DATA": str(desk.wiring.settings.data)}
    printed = run_bxl("ecspr", "evidence", "--article", "21(1)", env=environment)
    assert printed.returncode == 0, printed.stderr
    found = [json.loads(line) for line in printed.stdout.splitlines()]
    assert {(line["article"], line["kind"]) for line in found} == {("21(1)", "knowledge-test")}
    [hers] = [line for line in found if line["subject"] == amelie]
    assert (hers["actor"], hers["on"], hers["facts"]["is_passed"]) == (amelie, "2026-03-02", True)
    every = run_bxl("ecspr", "evidence", env=environment).stdout.splitlines()
    assert {"5", "8(2)", "22", "23"} & {json.loads(line)["article"] for line in every}
    none = run_bxl("ecspr", "evidence", "--article", "30", env=environment)
    assert (none.returncode, none.stdout) == (0, "")
