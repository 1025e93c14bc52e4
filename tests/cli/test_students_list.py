"""`students list` says what each board should get, and what that uses of it."""

from __future__ import annotations

import json

from cli.command import cli

from tinyclap_edge.boards import load_boards


def test_every_board_gets_one_of_the_shipped_students_with_shares_that_fit() -> None:
    students = json.loads(cli("students", "list", "--json").stdout)["data"]
    uses = [use for student in students for use in student["boards"]]
    assert sorted(use["board"] for use in uses) == sorted(load_boards())
    for use in uses:
        assert use["latency_s"] > 0 and use["accuracy"]
        assert use["shares"] and all(0 < share <= 1 for share in use["shares"].values()), use["board"]
