"""A board behind a pty: it listens and answers at once, and keeps the labels that it was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from serial_boards import PCM, Firmware, built_firmware, lines_of, pack

from tinyclap_edge.device.board_sound import FedSound, PacedSound
from tinyclap_edge.device.link import Link
from tinyclap_edge.device.link_labels import pull, push, show
from tinyclap_edge.device.link_port import PortStream, open_link

KINDS = ("emulated", "on_this_pc")


@pytest.fixture(scope="session")
def firmware() -> Firmware:
    return built_firmware()


@pytest.mark.parametrize("kind", KINDS)
def test_hello_says_who_the_firmware_is_and_what_it_uses(firmware: Firmware, kind: str, tmp_path: Path) -> None:
    with getattr(firmware, kind)(tmp_path) as board, open_link(board.port) as link:
        device = link.hello()
    assert (device.board, device.version, device.labels, device.slot) == ("stm32f4", "0.1.0", 3, None)
    assert (device.encoder_id, device.frontend_id) == ("e00000000000009f", "f000000000000000")
    assert device.arena_bytes == 256 and 9_000 < device.static_bytes < 13_000
    assert device.capacity_bytes > 16_000
    assert kind != "emulated" or 100 < device.stack_bytes < 2048


@pytest.mark.parametrize("kind", KINDS)
def test_pushed_labels_are_in_use_at_once_and_after_a_restart(firmware: Firmware, kind: str, tmp_path: Path) -> None:
    first, second = pack(20, seed=1), pack(5, seed=2)
    for labels, generation in ((first, 1), (second, 2)):
        with getattr(firmware, kind)(tmp_path) as board, open_link(board.port) as link:
            assert push(link, labels.to_bytes()).generation == generation
            assert pull(link) == labels.to_bytes()
        with getattr(firmware, kind)(tmp_path) as board, open_link(board.port) as link:
            device, shown = show(link)
        assert [label.name for label in shown] == list(labels.names)
        assert (device.generation, device.slot) == (generation, generation - 1)


def test_windows_before_a_push_have_the_old_scores_and_windows_after_it_the_new(
    firmware: Firmware, tmp_path: Path
) -> None:
    sound, text, new = FedSound(), bytearray(), pack(5, seed=3)
    half = 1000
    with firmware.emulated(tmp_path, sound) as board:
        stream = PortStream(board.port)
        link = Link(stream, on_text=text.extend)
        sound.feed(PCM[:half])
        while link.hello().windows < len(lines_of(PCM[:half], new)):
            pass
        push(link, new.to_bytes())
        sound.feed(PCM[half:])
        sound.end()
        while link.hello().windows < len(lines_of(PCM, new)):
            pass
        before = show(link)[1]
        stream.close()
    lines = text.decode().splitlines()
    change = lines.index("LABELS 5")
    old = [line for line in lines[:change] if line.startswith("W ")]
    assert old == lines_of(PCM, firmware.image_pack)[: len(old)] and len(old) >= len(lines_of(PCM[:half], new))
    assert [line for line in lines[change:] if line.startswith("W ")] == lines_of(PCM, new, len(old))
    last = lines_of(PCM, new)[-1].split(" S ")[1].split(",")
    assert [round(label.score * 32768) for label in before] == [int(x) for x in last]


def test_the_board_listens_while_nobody_has_the_port_open(firmware: Firmware, tmp_path: Path) -> None:
    sound = FedSound()
    with firmware.emulated(tmp_path, sound) as board:
        with open_link(board.port) as link:
            link.hello()
        sound.feed(np.tile(PCM, 10))
        with open_link(board.port) as link:
            wanted = len(lines_of(np.tile(PCM, 10), firmware.image_pack))
            while link.hello().windows < wanted:
                pass
            assert board.running


def test_half_a_frame_and_noise_leave_the_board_listening_and_answering(firmware: Firmware, tmp_path: Path) -> None:
    with firmware.emulated(tmp_path) as board:
        stream = PortStream(board.port)
        rng = np.random.default_rng(0)
        for noise in (b"\0\x20\xa1half a frame", rng.bytes(3000), b"\0" * 500, b"name%\r\n"):
            stream.write(noise)
        device = Link(stream).hello()
        assert device.labels == 3 and board.running
        stream.close()


def test_a_recording_is_heard_at_its_own_speed_again_and_again() -> None:
    now = [10.0]
    sound = PacedSound(np.arange(100, dtype=np.int16), 1000, lambda: now[0])
    assert sound.due_s() == 0.0 and sound.read(6) == bytes([0, 0, 1, 0, 2, 0])
    assert sound.due_s() == pytest.approx(0.003)
    now[0] += 0.003
    assert sound.due_s() == 0.0
    rest = sound.read(400)
    assert np.frombuffer(rest, np.int16).tolist() == [*range(3, 100), *range(100), *range(3)]
