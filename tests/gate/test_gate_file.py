"""A gate on disk: the same gate gives the same bytes, and a file that no `gate train` wrote is refused before it is compiled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_gate import made_gate

from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.gate.file import MAX_BYTES, Gate, read_gate


def test_a_gate_is_read_as_it_was_written():
    gate = made_gate()
    data = gate.to_bytes()
    assert Gate.from_bytes(data) == gate and Gate.from_bytes(data).to_bytes() == data


def changed(**fields: object) -> bytes:
    record = json.loads(made_gate().to_bytes())
    return json.dumps({**record, **fields}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"[" * 100_000,
        changed(format="tinyclap-gate/2"),
        changed(more=1),
        changed(model=["int x;"]),
        changed(model=7),
        changed(frontend={"mel_bins": "many"}),
        changed(frontend=[]),
        changed(miss_rate=2),
        changed(miss_rate=True),
        changed(miss_rate="0.02"),
        changed(missed={"value": 0.1}),
        changed(missed={"value": 0.1, "low": -1, "high": 1, "n": 3}),
        changed(missed=[1, 2]),
        changed(versions=3),
        made_gate().to_bytes().replace(b"300.0", b"NaN"),
        made_gate().to_bytes().replace(b"300.0", b"Infinity"),
        made_gate().to_bytes()[:-40],
    ],
)
def test_what_is_no_gate_is_refused(data):
    with pytest.raises(CorruptFile):
        Gate.from_bytes(data)


def test_a_file_that_is_absent_or_far_too_large_is_refused_unread(tmp_path: Path):
    with pytest.raises(UsageError, match="there is no gate"):
        read_gate(tmp_path / "absent.json")
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(CorruptFile, match=f"at most {MAX_BYTES:,}"):
        read_gate(huge)
