"""Two slots in flash: whenever the power goes, the old pack or the new one comes up."""

from __future__ import annotations

import itertools
import struct

import numpy as np
import pytest
from link_native import NativeDevice, library, pack_bytes

from tinyclap_edge.device.link import Command, Link
from tinyclap_edge.device.link_frames import Frame, FrameDecoder, encode
from tinyclap_edge.device.link_labels import push

# sector bytes, sectors of a slot, bytes programmed at once, room for a pack while an erase goes on in the background:
# an SPI NOR page, an nRF52 word, an STM32H7 flash word
GEOMETRIES = [(1024, 2, 256, 0), (512, 2, 4, 0), (2048, 1, 32, 0), (2048, 1, 32, 2048)]


def after_two_updates(geometry: tuple[int, ...]) -> NativeDevice:
    """A device with a valid pack in both slots; that of seed 2 is in use."""
    device = NativeDevice(pack_bytes(2), *geometry)
    assert device.update(pack_bytes(9, seed=1)) == device.update(pack_bytes(11, seed=2)) == 0
    return device


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("updates", [0, 1, 2])
def test_a_reset_at_every_operation_of_an_update_and_at_every_one_of_the_next_leaves_old_or_new(geometry, updates):
    first, second = pack_bytes(12, seed=5), pack_bytes(7, seed=6)
    cuts = 0
    for cut in itertools.count(1):
        device = NativeDevice(pack_bytes(2), *geometry)
        for seed in range(1, updates + 1):
            assert device.update(pack_bytes(9, seed=seed)) == 0
        old = device.pack
        device.start(cut_at=cut, seed=cut)
        done = device.update(first)
        if done == 0 and device.fact("operations") < cut:
            break  # the update has fewer operations
        device.start()
        assert device.pack in (old, first), cut
        held, flash = device.pack, device.flash.copy()
        for again in itertools.count(1):
            device.flash[:] = flash
            device.start(cut_at=again, seed=1000 * cut + again)
            assert device.pack == held and device.fact("operations") == 0  # opening repairs nothing: nothing can be cut
            done = device.update(second)
            finished = done == 0 and device.fact("operations") < again
            device.start()
            assert device.pack == second if finished else device.pack in (held, second), (cut, again)
            if finished:
                break
        cuts += 1
        assert device.update(first) == 0 and device.pack == first
    assert cuts >= 5


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_no_rule_of_flash_is_broken(geometry):
    device = after_two_updates(geometry)
    for seed in range(3, 9):
        assert device.update(pack_bytes(seed, seed=seed)) == 0
    assert device.fact("broken_rules") == 0 and device.fact("generation") == 8


def test_the_simulated_flash_does_notice_a_unit_that_is_programmed_twice_or_off_its_place():
    device = NativeDevice(pack_bytes(2), 1024, 2, 4)
    for offset, broken in ((8, 0), (12, 0), (8, 1), (10, 2)):
        device.program(offset, b"\x5a\xff\x00\x0f")
        assert device.fact("broken_rules") == broken
    assert bytes(device.flash[8:12]) == b"\x5a\xff\x00\x0f"


def test_the_simulated_cut_leaves_half_a_write_and_half_an_erase():
    halves = set()
    for seed in range(20):
        device = after_two_updates((1024, 2, 4))
        device.start(cut_at=2, seed=seed)  # an erase, then the header
        assert device.update(pack_bytes(9, seed=1)) != 0
        halves.add(int((device.flash[:256] != 0xFF).sum()))
    assert len(halves) > 5
    device.start(cut_at=1)
    device.update(pack_bytes(9, seed=1))
    assert (device.flash[2048:3072] != 0xFF).sum() > 0 or (device.flash[:1024] != 0xFF).sum() > 0


def test_an_update_that_stops_anywhere_does_not_touch_the_pack_in_use():
    device = after_two_updates(GEOMETRIES[0])
    before = device.flash.copy()
    slot = device.fact("slot")
    device.start(cut_at=5)
    device.update(pack_bytes(8, seed=7))
    half = before.size // 2
    assert (device.flash[slot * half : (slot + 1) * half] == before[slot * half : (slot + 1) * half]).all()


@pytest.mark.parametrize("slot", [0, 1])
def test_every_flipped_bit_of_a_slot_leaves_a_pack_that_was_pushed_or_the_images(slot):
    device = after_two_updates((1024, 1, 4))
    packs = {0: pack_bytes(9, seed=1), 1: pack_bytes(11, seed=2)}
    flash, other = device.flash.copy(), packs[1 - slot]
    used = 48 + 8 + len(packs[slot])
    for bit in range(8 * used):
        device.flash[1024 * slot + bit // 8] ^= 1 << bit % 8
        device.start()
        assert device.pack == other, bit  # the damaged slot is refused, the other one is whole
        device.flash[:] = flash
    device.start()
    assert device.pack == packs[1]


def test_with_both_slots_damaged_the_images_pack_is_heard():
    device = after_two_updates((1024, 1, 4))
    device.flash[[20, 1024 + 20]] ^= 1
    assert device.start() == 0 and device.pack == device.image and device.fact("generation") == 0


def test_flash_full_of_anything_is_no_pack():
    device = NativeDevice(pack_bytes(2), 1024, 1, 4)
    rng = np.random.default_rng(0)
    for fill in (0x00, 0xFF, None):
        device.flash[:] = rng.integers(0, 256, device.flash.size) if fill is None else fill
        assert device.start() == 0 and device.pack == device.image


def test_a_slot_of_another_image_gives_way_to_the_images_own_labels():
    device = NativeDevice(pack_bytes(2), 1024, 1, 4)
    assert device.update(pack_bytes(9, seed=1)) == 0
    flash = device.flash.copy()
    for image, kept in ((pack_bytes(2), True), (pack_bytes(2, seed=8), False)):
        again = NativeDevice(image, 1024, 1, 4)
        again.flash[:] = flash
        again.start()
        assert (again.pack == pack_bytes(9, seed=1)) is kept
        assert kept or again.pack == image


def test_the_newer_slot_wins_across_the_wrap_of_the_generations():
    device = NativeDevice(pack_bytes(2), 1024, 1, 4)
    for seed in range(1, 8):
        assert device.update(pack_bytes(3, seed=seed)) == 0
        device.start()
        assert device.pack == pack_bytes(3, seed=seed) and device.fact("generation") == seed


def test_a_pack_for_another_encoder_or_of_another_dimension_is_not_taken():
    device = NativeDevice(pack_bytes(2), 1024, 1, 4)
    assert device.update(pack_bytes(3, encoder="aaaaaaaaaaaaaaaa")) == -13 and device.fact("operations") == 0
    assert device.update(pack_bytes(3, dim=9)) == -13
    assert device.pack == device.image and device.start() == 0 and device.pack == device.image


def test_the_capacity_is_what_fits_and_one_byte_more_is_refused():
    device = NativeDevice(pack_bytes(2), 1024, 1, 4)
    capacity = device.fact("capacity")
    assert capacity == 1024 - 56
    fitting = [pack_bytes(1, dim=8, name="x" * n) for n in (1,)]
    assert all(device.update(p) == 0 for p in fitting)
    assert device.update(bytes(pack_bytes(60, seed=1))) == -33
    assert NativeDevice(pack_bytes(2), 1024, 0, 4).fact("capacity") == 0


def test_every_truncation_and_every_flipped_bit_of_a_fifty_label_pack_is_refused():
    data = pack_bytes(50, dim=32, seed=3)
    assert library().packs_accepted(data, len(data)) == 1  # the pack itself


BACKGROUND = (4096, 1, 32, 4096)


def test_a_pack_that_comes_while_its_sector_is_erased_waits_and_is_written_behind_the_erase():
    device = NativeDevice(pack_bytes(2), *BACKGROUND, polls=5)
    pushed = pack_bytes(9, seed=1)
    before = device.flash.copy()
    link = Link(device, clock=lambda: 0.0)
    assert device.fact("operations") == 0
    push(link, pushed)
    assert device.pack == pushed and device.fact("broken_rules") == 0
    assert link.repeated > 0  # COMMIT found the erase going on
    assert (device.flash[4096:] == before[4096:]).all()


def test_a_pack_without_room_waits_for_its_erase_as_on_any_flash():
    device = NativeDevice(pack_bytes(2), 4096, 1, 32, 256)
    assert device.update(pack_bytes(30, seed=1)) == 0 and device.pack == pack_bytes(30, seed=1)
    assert device.update(pack_bytes(1, seed=2)) == 0 and device.fact("broken_rules") == 0


def test_an_update_that_is_given_up_during_its_erase_leaves_the_next_one_whole():
    device = NativeDevice(pack_bytes(2), *BACKGROUND, polls=50)
    link = Link(device, clock=lambda: 0.0)
    ids = bytes.fromhex("0123456789abcdeffedcba9876543210")
    link.hello()
    for pushed in (pack_bytes(3, seed=1), pack_bytes(4, seed=2)):
        begin = struct.pack("<I", len(pushed)) + pushed[-4:] + ids
        link.request(Command.LABELS_BEGIN, begin)
    assert device.fact("broken_rules") == 0 and device.fact("operations") == 2
    assert device.update(pack_bytes(5, seed=3)) == 0 and device.pack == pack_bytes(5, seed=3)
    assert device.fact("broken_rules") == 0


def test_another_request_that_comes_while_commit_waits_is_answered_in_its_place():
    device = NativeDevice(pack_bytes(2), *BACKGROUND, polls=3)
    pushed = pack_bytes(3, seed=1)
    ids = bytes.fromhex("0123456789abcdeffedcba9876543210")
    requests = [
        Frame(Command.HELLO, 0, b"once"),
        Frame(Command.LABELS_BEGIN, 1, struct.pack("<I", len(pushed)) + pushed[-4:] + ids),
        Frame(Command.LABELS_DATA, 2, bytes(4) + pushed),
        Frame(Command.LABELS_COMMIT, 3),
        Frame(Command.HELLO, 0, b"more"),
    ]
    for request in requests:
        device.write(encode(request))
    answers = [e for e in FrameDecoder().feed(b"".join(device.read() for _ in range(9))) if isinstance(e, Frame)]
    assert [a.type & 0x7F for a in answers] == [1, 0x10, 0x11, 1]  # COMMIT was given up with its host
    assert device.pack == device.image
