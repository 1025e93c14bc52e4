"""boards.yaml is read strictly: typed records, and a message with file, line and the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyclap_edge.boards import Board, find_board, load_boards
from tinyclap_edge.errors import UsageError
from tinyclap_edge.resources import data_file

ASKED = (
    ["stm32h7", "stm32f4", "stm32l4", "stm32u5", "nrf52840", "rp2040", "rp2350", "teensy41", "esp32", "esp32s3", "esp32c3", "mps3-an547"]
)  # fmt: skip


@pytest.fixture(scope="module")
def text() -> str:
    return data_file("boards.yaml").read_text()


def changed(tmp_path: Path, text: str, old: str, new: str) -> Path:
    assert old in text
    path = tmp_path / "boards.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_every_promised_board_is_there() -> None:
    assert set(ASKED) <= set(load_boards())


@pytest.mark.parametrize("board", load_boards().values(), ids=lambda b: b.name)
def test_a_board_has_room_for_code_arena_and_data(board: Board) -> None:
    assert board.flash.size_bytes >= 512 << 10
    assert board.regions_for("arena")[0].size_bytes >= 128 << 10
    assert board.regions_for("data")
    assert board.power.source and board.time.source


def test_the_largest_block_of_an_stm32h7_is_512_kb_not_its_total() -> None:
    board = find_board("stm32h7")
    assert board.regions_for("arena")[0].size_bytes == 512 << 10
    assert sum(r.size_bytes for r in board.regions if r.kind == "ram") > 1 << 20


def test_an_unknown_board_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(UsageError) as error:
        find_board("stm32h9")
    assert "stm32h7" in error.value.hint
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("old", "new", "fact", "hint"),
    [
        ("clock_hz: 480_000_000", "clok_hz: 480_000_000", "unknown key 'clok_hz'", "'clock_hz'"),
        ("erase: 16x128KB", "erase: 15x128KB", "add up to 1,966,080 bytes", ""),
        ("erase: 16x128KB", "erase: 16*128KB", "is no run of sectors", "4x16KB"),
        ("program: 32,", "program: 24,", "no power of two", ""),
        ("clock_hz: 480_000_000", "clock_hz: 0", "outside", ""),
        ("clock_hz: 480_000_000", "clock_hz: fast", "must be a number", ""),
        ("clock_hz: 480_000_000", "clock_hz: true", "must be a number", ""),
        ("size: 512KB", "size: -512KB", "must be bytes", "512KB"),
        ("size: 128KB, use: [data]", "size: 128KB, use: [dato]", "'dato' is not known", "'data'"),
        ("core: cortex-m7", "core: cortex-m77", "'cortex-m77' is not known", "cortex-m7"),
        ("address: 0x24000000", "address: 0x20000000", "overlap", ""),
        ("address: 0x38000000", "address: 0xFFFFF000", "beyond 32 bits", ""),
        ("size: 2MB, use: [code, labels]", "size: 2MB, use: [code, arena]", "flash cannot hold", ""),
        ("  tier: B\n", "", "'tier' is missing", ""),
        ("  tier: B\n", "  tier: B\n  tier: A\n", "given twice", ""),
        ("low: 0.48", "low: 0.9", "outside its own bounds", ""),
        ("name: axi", "name: dtcm", "same name", ""),
        ("use: [arena]}\n    - {name: sram123", "use: []}\n    - {name: sram123", "", ""),
    ],
)
def test_an_impossible_board_is_refused_with_file_and_line(
    tmp_path: Path, text: str, old: str, new: str, fact: str, hint: str
) -> None:
    path = changed(tmp_path, text, old, new)
    if not fact:  # control: another region may still hold the arena
        assert load_boards(path)
        return
    with pytest.raises(UsageError) as error:
        load_boards(path)
    assert fact in error.value.fact
    assert error.value.fact.startswith("boards.yaml:")
    assert error.value.fact.split(":")[1].isdigit()
    assert hint in error.value.hint


@pytest.mark.parametrize(
    "content", ["", "[]", "a: [", "a: {b: 1}", "? [x]\n: 1", "\x00", "a: !!python/object:os.system x"]
)
def test_a_file_that_is_no_board_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "boards.yaml"
    path.write_text(content)
    with pytest.raises(UsageError):
        load_boards(path)


def test_the_estimate_of_time_lies_within_its_own_bounds() -> None:
    typical, low, high = find_board("stm32f4").estimate_seconds(168_000_000)
    assert low <= typical <= high
    assert typical == pytest.approx(1.15)
