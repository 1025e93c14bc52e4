"""Stages `teacher` and `embed`: train the audio tower on captions, pick the step by the validation families."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from tinyclap_edge.data.sounds.captions import CaptionChoices, Description, all_training_texts, caption_ids
from tinyclap_edge.data.sounds.folds import SEEN, VALIDATION
from tinyclap_edge.distill.augment import NoiseShapes, augment, mix_powers
from tinyclap_edge.distill.checkpoint import load_checkpoint, save_checkpoint
from tinyclap_edge.distill.loop import TrainConfig, train
from tinyclap_edge.distill.losses import cosine_distillation_loss, soft_contrastive_loss
from tinyclap_edge.distill.noise import NOISE_LEVEL_DB
from tinyclap_edge.evaluate.zeroshot import class_matrix, top1
from tinyclap_edge.reference.config import BuildConfig
from tinyclap_edge.reference.data import Clips
from tinyclap_edge.teachers.reference import DIM, ReferenceTeacher, normalise

Log = Callable[[str], None]
_ENOUGH_SEEN = 0.975
_OCTAVES = 0.33219  # doublings of power in a decibel


@dataclass(frozen=True)
class Captions:
    """Which captions are true of which clip. fits: (groups, captions) bool; groups: (clips, 2) int, -1 for none."""

    choices: list[CaptionChoices]
    groups: np.ndarray
    fits: np.ndarray

    def draw(self, picks: np.ndarray, rng: np.random.Generator, weights: tuple[float, float, float]) -> np.ndarray:
        """One true caption for each clip of `picks`: (batch,) indices."""
        pair = self.groups[picks]
        which = np.where((pair[:, 1] >= 0) & (rng.uniform(size=len(picks)) < 0.4), pair[:, 1], pair[:, 0])
        return np.array([self.choices[g].draw(rng, 1, weights)[0] for g in which])

    def truth(self, picks: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """(batch, batch) bool: drawn caption j is true of clip i."""
        pair = self.groups[picks]
        first = self.fits[pair[:, 0]][:, drawn]
        second = self.fits[pair[:, 1]][:, drawn] & (pair[:, 1] >= 0)[:, None]
        return first | second | np.eye(len(picks), dtype=bool)


def gather_captions(descriptions: Sequence[tuple[Description, ...]]) -> Captions:
    """The caption table of a set of clips; clips about which the same can be said share a group."""
    index: dict[int, int] = {}
    choices: list[CaptionChoices] = []
    groups = np.full((len(descriptions), 2), -1, np.int32)
    for i, each in enumerate(descriptions):
        for j, description in enumerate(each[:2]):
            choice = caption_ids(description)  # cached: the same object for the same facts
            if id(choice) not in index:
                index[id(choice)] = len(choices)
                choices.append(choice)
            groups[i, j] = index[id(choice)]
    fits = np.zeros((len(choices), len(all_training_texts())), bool)
    for row, choice in zip(fits, choices, strict=True):
        row[choice.every] = True
    return Captions(choices, groups, fits)


def caption_centres(captions: Captions, text_vectors: np.ndarray) -> np.ndarray:
    """(groups, 384) float32: the mean of what is true of each group, names before descriptions before attributes."""
    rows = []
    for choice in captions.choices:
        sorts = ((0.5, choice.name), (0.3, choice.described), (0.2, choice.attributes))
        rows.append(sum(weight * text_vectors[ids].mean(0) for weight, ids in sorts if ids.size))
    return np.stack(rows).astype(np.float32)


def features_of(clips: Clips | np.ndarray, picks: np.ndarray) -> torch.Tensor:
    """(batch, frames, mels) float32 dB."""
    features = clips.features if isinstance(clips, Clips) else clips
    return torch.from_numpy(features[picks].astype(np.float32)) / 256.0


def train_teacher(
    clips: Clips,
    validation: Clips,
    seen_validation: Clips,
    text_vectors: np.ndarray,
    examination: dict[str, np.ndarray],
    shapes: np.ndarray,
    config: BuildConfig,
    work: Path,
    log: Log,
    device: str = "cpu",
) -> ReferenceTeacher:
    """text_vectors: (captions, 384) of all_training_texts(); examination: text -> (384,) of the text tower.

    Returns the averaged weights of the step with the best validation families among those that know the seen ones.
    """
    torch.manual_seed(config.seed)
    teacher = ReferenceTeacher().to(device)
    teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    captions = gather_captions(clips.descriptions)
    texts = torch.from_numpy(text_vectors).to(device)
    noise = NoiseShapes(torch.from_numpy(shapes).to(device), NOISE_LEVEL_DB)
    levels = torch.from_numpy(clips.level_db)
    centres = torch.from_numpy(caption_centres(captions, text_vectors)).to(device)

    def loss(number: int, step: int, generator: torch.Generator) -> torch.Tensor:
        rng = np.random.default_rng([config.seed, 2 + 100 * number, step])
        picks = rng.integers(0, len(clips), config.teacher_batch)
        db = features_of(clips, picks).to(device)
        mixed = max(1, int(config.mix_share * len(picks)))
        others = rng.integers(0, len(clips), mixed)
        below = torch.from_numpy(rng.uniform(0, 14, mixed).astype(np.float32))
        gain = levels[picks[:mixed]] - levels[others] - below
        db[:mixed] = mix_powers(db[:mixed], features_of(clips, others).to(device), gain.to(device))
        db = augment(db, levels[picks], noise, config.teacher_augment, generator)
        cycle = config.teacher_cycles[number]
        drawn = captions.draw(picks, rng, cycle.caption_weights)
        fits = torch.from_numpy(captions.truth(picks, drawn)).to(device)
        raw = texts[torch.from_numpy(drawn).to(device)]
        disturbed = raw
        if cycle.text_noise:
            disturbed = raw + cycle.text_noise / DIM**0.5 * torch.randn(raw.shape, generator=generator).to(device)
        audio = teacher(normalise(db).contiguous(memory_format=torch.channels_last))
        scale = teacher.scale.clamp(max=cycle.top_scale)
        value = soft_contrastive_loss(
            audio, teacher.project_text(disturbed), scale, fits, raw @ raw.T, config.soft_share
        )
        if cycle.pull:
            middle = teacher.project_text(centres[torch.from_numpy(captions.groups[picks, 0]).long().to(device)])
            value = value + cycle.pull * cosine_distillation_loss(audio, middle)
        return value

    best_path = work / "teacher-best.pt"
    best = load_checkpoint(best_path) or {"score": -1.0}

    def look(step: int, model: torch.nn.Module) -> None:
        seen, described, soft = validation_scores(teacher, validation, seen_validation, examination)
        score = described + soft + (1.0 if seen >= _ENOUGH_SEEN else seen - 1.0)
        mark = ""
        if score > best["score"]:
            best.update(score=score, step=step, seen=seen, described=described)
            save_checkpoint(best_path, best | {"model": teacher.state_dict()})
            mark = " (best)"
        log(f"teacher: step {step} seen {seen:.3f}, validation families {described:.3f}, probability {soft:.3f}{mark}")

    own = [p for n, p in teacher.named_parameters() if n != "text_projection"]
    for number, cycle in enumerate(config.teacher_cycles):
        groups: list[dict] = [
            {"params": own},
            {"params": [teacher.text_projection], "lr_factor": config.text_rate_factor, "weight_decay": 0.0},
        ]
        weights = train(
            teacher,
            partial(loss, number),
            TrainConfig(
                steps=cycle.steps,
                learning_rate=cycle.learning_rate,
                stop=cycle.stop,
                batch=config.teacher_batch,
                ema=0.99,
                seed=config.seed % 1000 + number,
                checkpoint_every=config.teacher_checks,
                log_every=50,
                weight_decay=1e-2,
            ),
            checkpoint=work / ("teacher-run.pt" if number == 0 else f"teacher-run-{number}.pt"),
            groups=groups,
            log=log,
            title=f"teacher, cycle {number + 1}",
            at_step=look,
        )
        teacher.load_state_dict(weights)
    chosen = load_checkpoint(best_path)
    assert chosen is not None
    teacher.load_state_dict(chosen["model"])
    log(f"teacher: step {chosen['step']} chosen, seen {chosen['seen']:.3f}, validation {chosen['described']:.3f}")
    return teacher.eval()


def validation_scores(
    teacher: ReferenceTeacher, validation: Clips, seen_validation: Clips, examination: dict[str, np.ndarray]
) -> tuple[float, float, float]:
    """Accuracy on the seen families by their bare names; accuracy and mean true probability (at an inverse
    temperature of 20) on the validation families by described prompts."""
    names = [n for n in SEEN if any(d[0].family == n for d in seen_validation.descriptions)]
    labels = np.array([names.index(d[0].family or "") for d in seen_validation.descriptions])
    bare = project(teacher, np.stack([examination[f"the sound of {n}"] for n in names]))
    seen = top1(teacher.embed_db(seen_validation.features), labels, bare).value
    texts = dict(zip(examination, project(teacher, np.stack(list(examination.values()))), strict=True))
    audio = teacher.embed_db(validation.features)
    labels = np.array([VALIDATION.index(d[0].family) for d in validation.descriptions])
    accuracy, probability = [], []
    for how in ("described", "described-ensemble"):
        classes = class_matrix(VALIDATION, texts, how)
        accuracy.append(top1(audio, labels, classes).value)
        logits = 20 * audio @ classes.T
        logits -= logits.max(1, keepdims=True)
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        probability.append(float(p[np.arange(len(p)), labels].mean()))
    return seen, float(np.mean(accuracy)), float(np.mean(probability))


@torch.no_grad()
def project(teacher: ReferenceTeacher, text: np.ndarray) -> np.ndarray:
    """Text-tower vectors (n, 384) into the shared space, unit length."""
    device = teacher.log_scale.device
    return teacher.project_text(torch.from_numpy(np.asarray(text, np.float32)).to(device)).cpu().numpy()


def extra_mixtures(clips: Clips, config: BuildConfig) -> tuple[np.ndarray, np.ndarray]:
    """Mel-domain mixtures for the students: features (n, frames, mels) int16 and levels (n,) in dB."""
    rng = np.random.default_rng(config.seed + 3)
    out = np.zeros((config.extra_mixtures, *clips.features.shape[1:]), np.int16)
    level = np.zeros(config.extra_mixtures, np.float32)
    for start in range(0, config.extra_mixtures, 512):
        n = min(512, config.extra_mixtures - start)
        a, b = rng.integers(0, len(clips), n), rng.integers(0, len(clips), n)
        gain = clips.level_db[a] - clips.level_db[b] - rng.uniform(0, 12, n).astype(np.float32)
        mixed = mix_powers(features_of(clips, a), features_of(clips, b), torch.from_numpy(gain))
        out[start : start + n] = np.round(mixed.numpy() * 256).clip(-32768, 32767).astype(np.int16)
        level[start : start + n] = (
            np.logaddexp2(clips.level_db[a] * _OCTAVES, (clips.level_db[b] + gain) * _OCTAVES) / _OCTAVES
        )
    return out, level
