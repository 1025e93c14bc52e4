"""Distillation's arithmetic: losses, and noise that is added where powers add."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinyclap_edge.distill.augment import AugmentConfig, NoiseShapes, augment, mix_powers  # noqa: E402
from tinyclap_edge.distill.losses import (  # noqa: E402
    cosine_distillation_loss,
    similarity_distillation_loss,
    soft_contrastive_loss,
)

QUIET = AugmentConfig(
    noise_share=0, eq_share=0, level_share=0, saturate_share=0, shift_frames=0
)  # every distortion is off


def shapes() -> NoiseShapes:
    return NoiseShapes(torch.full((3, 16, 8), -40.0), level_db=-26.0)


def test_the_cosine_loss_ignores_length_and_is_zero_for_the_same_direction() -> None:
    x = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    assert cosine_distillation_loss(3 * x, x).item() == pytest.approx(0, abs=1e-6)
    assert cosine_distillation_loss(-x, x).item() == pytest.approx(2, abs=1e-6)


def test_the_teacher_gets_no_gradient() -> None:
    student, teacher = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)
    cosine_distillation_loss(student, teacher).backward()
    assert student.grad is not None and teacher.grad is None


def test_the_similarity_loss_sees_which_neighbour_wins() -> None:
    anchors = torch.eye(3)
    teacher = torch.tensor([[0.8, 0.6, 0.0]])
    assert similarity_distillation_loss(5 * teacher, teacher, anchors, 15.0).item() == pytest.approx(0, abs=1e-6)
    swapped, dimmed = torch.tensor([[0.6, 0.8, 0.0]]), torch.tensor([[0.8, 0.6, 0.29]])  # both at a cosine of 0.96
    losses = [similarity_distillation_loss(x, teacher, anchors, 15.0).item() for x in (swapped, dimmed)]
    assert losses[0] > 10 * losses[1] > 0


def test_the_contrastive_loss_is_infonce_when_only_pairs_fit() -> None:
    g = torch.Generator().manual_seed(1)
    audio = torch.nn.functional.normalize(torch.randn(6, 8, generator=g), dim=1)
    text = torch.nn.functional.normalize(torch.randn(6, 8, generator=g), dim=1)
    scale = torch.tensor(10.0)
    logits = scale * audio @ text.T
    target = torch.arange(6)
    cross = torch.nn.functional.cross_entropy
    expected = 0.5 * (cross(logits, target) + cross(logits.T, target))
    loss = soft_contrastive_loss(audio, text, scale, torch.eye(6, dtype=torch.bool), text @ text.T, soft_share=0.0)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_second_true_caption_is_not_punished() -> None:
    text = torch.eye(2)
    audio = torch.nn.functional.normalize(torch.ones(2, 2), dim=1)  # both clips fit both captions
    both = soft_contrastive_loss(audio, text, torch.tensor(5.0), torch.ones(2, 2, dtype=torch.bool), torch.eye(2), 0.0)
    own = audio.clone()
    own[0, 1] = own[1, 0] = 0
    one = soft_contrastive_loss(own, text, torch.tensor(5.0), torch.ones(2, 2, dtype=torch.bool), torch.eye(2), 0.0)
    assert both < one


def test_nothing_changes_when_every_distortion_is_off() -> None:
    db = torch.linspace(-90, 0, 2 * 16 * 8).reshape(2, 16, 8)
    out = augment(db, torch.zeros(2), shapes(), QUIET, torch.Generator().manual_seed(0))
    assert torch.allclose(out, db, atol=0.01)


def test_noise_arrives_at_the_stated_ratio_in_the_power_domain() -> None:
    config = AugmentConfig(noise_share=1, snr_db=(6, 6), eq_share=0, level_share=0, saturate_share=0, shift_frames=0)
    db = torch.full((1, 16, 8), -50.0)
    out = augment(db, torch.tensor([-20.0]), shapes(), config, torch.Generator().manual_seed(0))
    noise_db = -40.0 + (-20.0 - 6.0) - (-26.0)  # the shape, moved to 6 dB below the clip
    expected = 10 * np.log10(10**-5.0 + 10 ** (noise_db / 10))
    assert out.mean().item() == pytest.approx(expected, abs=0.01)


def test_the_same_generator_gives_the_same_distortion() -> None:
    db = torch.randn(4, 16, 8) * 10 - 50
    one = augment(db, torch.full((4,), -20.0), shapes(), AugmentConfig(), torch.Generator().manual_seed(3))
    two = augment(db, torch.full((4,), -20.0), shapes(), AugmentConfig(), torch.Generator().manual_seed(3))
    other = augment(db, torch.full((4,), -20.0), shapes(), AugmentConfig(), torch.Generator().manual_seed(4))
    assert torch.equal(one, two) and not torch.equal(one, other)


def test_a_share_of_clips_is_heard_as_it_is_and_the_rest_as_without_that_share() -> None:
    db = torch.randn(64, 16, 8) * 10 - 50
    level, config = torch.full((64,), -20.0), AugmentConfig(shift_frames=0, noise_share=1.0)
    every = augment(db, level, shapes(), config, torch.Generator().manual_seed(3))
    some = augment(db, level, shapes(), replace(config, clean_share=0.35), torch.Generator().manual_seed(3))
    clean = (some == db).all(-1).all(-1)
    assert 10 <= int(clean.sum()) <= 35
    assert torch.equal(some[~clean], every[~clean])
    assert not (every == db).all(-1).all(-1).any()


def test_two_equal_sounds_are_three_decibels_louder() -> None:
    a = torch.full((1, 2, 2), -30.0)
    assert mix_powers(a, a, torch.zeros(1)).mean().item() == pytest.approx(-30 + 3.0103, abs=1e-3)
