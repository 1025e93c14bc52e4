"""A hardware map is read as twister writes it, strictly, and chooses the boards that are connected."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyclap_edge.device.hardware_map import MappedBoard, board_name, choose, map_text, merged, read_map
from tinyclap_edge.errors import UsageError

TWISTER = """\
- connected: true
  id: 000683759358
  platform: nrf52840dk/nrf52840
  product: J-Link
  runner: nrfjprog
  serial: /dev/ttyACM1
- available: true
  connected: true
  fixtures:
  - gpio_loopback
  id: "066DFF485550755187"
  platform: nucleo_h743zi
  product: STM32 STLink
  runner: openocd
  runner_params: ["--cmd-pre-init", "x"]
  serial: /dev/ttyACM0
  baud: 230400
  flash_timeout: 60
  post_script: /bin/false
- connected: false
  id: gone
  platform: [stm32f4, other]
  product: unknown
  runner: unknown
- connected: true
  id: strange
  platform: frdm_k64f
  product: DAPLink
  runner: pyocd
  serial: /dev/ttyACM3
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    path = tmp_path / "hardware-map.yaml"
    path.write_text(TWISTER)
    return path


def changed(path: Path, old: str, new: str) -> Path:
    assert TWISTER.count(old) >= 1
    path.write_text(TWISTER.replace(old, new, 1))
    return path


def test_a_map_of_twister_is_read_as_it_is(lab: Path) -> None:
    nrf, h7, f4, k64 = read_map(lab)
    assert (nrf.id, nrf.board.name, nrf.probe, nrf.baud) == ("000683759358", "nrf52840", "000683759358", 115_200)
    assert (h7.board.name, h7.baud, h7.serial, h7.fixtures) == ("stm32h7", 230_400, "/dev/ttyACM0", ("gpio_loopback",))
    assert (f4.board.name, f4.runner, f4.probe) == ("stm32f4", "", "")
    assert k64.board is None


def test_the_connected_boards_that_are_known_are_chosen(lab: Path) -> None:
    assert [d.board.name for d in choose(read_map(lab))] == ["nrf52840", "stm32h7"]
    assert [d.serial for d in choose(read_map(lab), "stm32h7")] == ["/dev/ttyACM0"]


def test_a_board_that_is_not_connected_is_named_with_those_that_are(lab: Path) -> None:
    with pytest.raises(UsageError, match=r"no connected stm32f4 \(connected: nrf52840, stm32h7\)"):
        choose(read_map(lab), "stm32f4")


def test_a_connected_board_without_a_port_is_named(lab: Path) -> None:
    with pytest.raises(UsageError, match="no port of 000683759358"):
        choose(read_map(changed(lab, "  serial: /dev/ttyACM1\n", "")), "nrf52840")


@pytest.mark.parametrize("name", ["stm32h7", "nucleo_h743zi", "nucleo-h743zi"])
def test_a_board_has_its_own_name_and_those_of_others(name: str) -> None:
    assert board_name(name) == "stm32h7"


def test_names_of_zephyr_are_boards_here() -> None:
    from tinyclap_edge.boards import load_boards
    from tinyclap_edge.device.hardware_map import ZEPHYR

    assert set(ZEPHYR.values()) <= set(load_boards())
    assert board_name("rpi_pico/rp2040") == "rp2040" and board_name("frdm_k64f") is None


@pytest.mark.parametrize(
    ("old", "new", "said", "line"),
    [
        ("  runner: nrfjprog", "  ruuner: nrfjprog", "unknown key 'ruuner'", 5),
        ("  runner: nrfjprog", "  colour: red", "unknown key 'colour'", 5),
        ("- connected: true\n  id: 000683759358\n", "- id: 000683759358\n", "'connected' is missing", 1),
        ("connected: true", "connected: yes please", "connected must be true or false", 1),
        ("baud: 230400", "baud: fast", "baud must be a number", 17),
        ("baud: 230400", "baud: 1", "baud: 1 is outside", 17),
        ("  id: 000683759358", "  id: ''", "id is empty", 2),
        ("  id: 000683759358", "  id: [1]", "id must be a word", 2),
        ("platform: nrf52840dk/nrf52840", "platform: ''", "platform is empty", 3),
        ("  product: J-Link", "  product: J-Link\n  product: again", "'product' is given twice", 5),
        ("  - gpio_loopback", "    a: b", "fixtures must be a list", 10),
        ("serial: /dev/ttyACM1", "serial: /dev/ttyACM0", "2 connected boards have the port /dev/ttyACM0", 1),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(lab: Path, old: str, new: str, said: str, line: int) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        read_map(changed(lab, old, new))
    assert f"hardware-map.yaml:{line}:" in caught.value.fact


@pytest.mark.parametrize(
    "content", ["boards: here", "", "- just words", "- {a: [b", "!!python/object/apply:os.system ['true']", "[" * 5000]
)
def test_what_is_no_map_is_refused(lab: Path, content: str) -> None:
    lab.write_text(content)
    with pytest.raises(UsageError):
        read_map(lab)


def test_a_file_of_ten_megabytes_or_none_is_refused(lab: Path) -> None:
    lab.write_text("-" * 10_000_000)
    with pytest.raises(UsageError, match="larger than a hardware map"):
        read_map(lab)
    with pytest.raises(UsageError, match="there is no hardware map"):
        read_map(lab.parent / "none.yaml")


def test_what_is_written_is_read_again(lab: Path) -> None:
    devices = read_map(lab)
    lab.write_text(map_text(devices))
    assert read_map(lab) == devices


def test_a_new_look_keeps_what_a_person_wrote_and_tells_who_is_gone(lab: Path) -> None:
    now = [
        MappedBoard("066DFF485550755187", ("unknown",), True, "STM32 STLink", "openocd", "/dev/ttyACM7"),
        MappedBoard("new", ("rp2040",), True, "Pico", "uf2", "/dev/ttyACM8"),
    ]
    lab.write_text(map_text(merged(read_map(lab), now)))
    nrf, h7, _, _, new = read_map(lab)
    assert not nrf.connected and not nrf.serial and nrf.runner == "nrfjprog"
    assert (h7.platforms, h7.serial, h7.baud) == (("nucleo_h743zi",), "/dev/ttyACM7", 230_400)
    assert new.board.name == "rp2040"
