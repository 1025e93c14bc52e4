"""Everything that decides the reference models: counts, steps, rates, seeds. Fixed: a rebuild is the same recipe."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinyclap_edge.distill.augment import AugmentConfig
from tinyclap_edge.evaluate.sets import EvaluationSizes


@dataclass(frozen=True)
class StudentRecipe:
    """One student: its architecture, optimiser steps, peak rate, the dimension it ships with, and the share of clips
    that it hears as they are."""

    name: str
    arch: str
    steps: int
    learning_rate: float = 1.2e-2
    default_r: int = 128
    clean_share: float = 0.0


# A smaller student needs more steps, and each costs it less.
# A small t0 with a large beta keeps the wide early maps cheap and spends on the late ones: as many operations,
# a fifth more clips a second in training, and a lower peak of activations.
STUDENTS = (
    # STM32H7 class: 352 k parameters, 10.5 M MACs, 128 KB of activations layer by layer
    StudentRecipe(
        "nucleo",
        "phinet:alpha=0.667,beta=2.5,t0=2,N=8,compat=1,padding=same,divisor=4",
        9000,
        clean_share=0.35,  # rain and radio static, distorted, are one sound: without clean ones it takes rain for static
    ),
    # ESP32 class: 211 k parameters, 6.1 M MACs, 96 KB
    StudentRecipe("esp", "phinet:alpha=0.5,beta=2.5,t0=2,N=8,compat=1,padding=same,divisor=4", 7000),
    # 256 KB-RAM Cortex-M4 class: 121 k parameters, 3.3 M MACs, 64 KB
    StudentRecipe("small", "phinet:alpha=0.334,beta=3,t0=2,N=8,compat=1,padding=same,divisor=4", 11000),
)


@dataclass(frozen=True)
class TeacherCycle:
    """One cosine cycle of the teacher's training.

    Without the last three, audio vectors fit the captions they were shown so closely that another wording of the same
    name misses them (96 % by trained names, 73 % by paraphrases, measured after the first cycle).
    """

    steps: int
    learning_rate: float
    caption_weights: tuple[float, float, float] = (4, 3, 3)  # by name, name with acoustics, attributes alone
    text_noise: float = 0.0  # length of the noise added to unit caption vectors
    pull: float = 0.0  # weight of 1 - cos(audio, mean of everything true of the clip)
    top_scale: float = 50.0  # limit of the inverse temperature
    stop: int | None = None  # steps really done; the next cycle brings the rate down


@dataclass(frozen=True)
class BuildConfig:
    """clips_*: how many clips of each sort; teacher_* and students: training; seeds are part of the recipe."""

    seen_families: int | None = None  # None: every seen family
    clips_per_family: int = 220
    kinds: int = 960
    clips_per_kind: int = 6
    mixtures: int = 2400
    validation_clips: int = 60
    noise_shapes: int = 64
    teacher_cycles: tuple[TeacherCycle, ...] = (
        TeacherCycle(900, 2.5e-3),
        TeacherCycle(600, 2e-3, (5, 4, 2), 0.7, 1.0, 20.0, stop=225),
        TeacherCycle(220, 1.4e-3, (5, 4, 2), 0.5, 1.0, 25.0),
    )
    teacher_batch: int = 128
    teacher_checks: int = 75  # steps between looks at the validation families
    text_rate_factor: float = 0.02
    soft_share: float = 0.3
    mix_share: float = 0.25
    extra_mixtures: int = 10000  # mel-domain mixtures that only the students see: they need no caption
    student_batch: int = 64
    plain_share: float = 0.4  # of a student's batch: seen families alone, beside draws from everything
    anchors: int = 2048  # embeddings whose ranking the student learns beside its own
    anchor_scale: float = 15.0
    anchor_weight: float = 1.0
    students: tuple[StudentRecipe, ...] = STUDENTS
    calibration_clips: int = 192
    curve: tuple[int, ...] = (8, 16, 32, 64, 128, 384)
    evaluation: EvaluationSizes = field(default_factory=EvaluationSizes)
    teacher_augment: AugmentConfig = field(default_factory=lambda: AugmentConfig(noise_share=0.5))
    student_augment: AugmentConfig = field(default_factory=AugmentConfig)
    seed: int = 20261121


FULL = BuildConfig()
QUICK = BuildConfig(
    seen_families=6,
    clips_per_family=4,
    kinds=6,
    clips_per_kind=2,
    mixtures=4,
    validation_clips=2,
    noise_shapes=2,
    teacher_cycles=(TeacherCycle(4, 1e-3),),
    teacher_batch=16,
    teacher_checks=2,
    extra_mixtures=8,
    student_batch=8,
    students=(StudentRecipe("small", "phinet:alpha=0.334,beta=3,t0=2,N=8,compat=1,padding=same,divisor=4", 5),),
    calibration_clips=8,
    curve=(8, 384),
    evaluation=EvaluationSizes(fresh=1, second=1, held_out=1, shifted=1),
)
