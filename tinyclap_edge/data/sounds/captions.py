"""Training captions: by name, by name with acoustics, and by attributes alone; a finite table that is embedded once.

Texts that examine a model (name_prompts, Family.prompts, attributes.QUERIES) are never in the table, nor is anything about a family
outside folds.SEEN. A caption is referred to by its index in `all_training_texts()`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from .attributes import QUERIES, TRAINING, VALUES, attribute_values, long_sentence, short_sentence
from .composition import KINDS
from .composition_words import describe_kind
from .folds import SEEN
from .registry import FAMILIES, Traits
from .typical import typical_values

_NAME_TEMPLATES = ("{}", "the sound of {}", "a recording of {}", "{} can be heard", "this is {}")
_TEST_TEMPLATES = ("the noise of {}", "an audio clip of {}", "somebody can hear {} here")
_WORD_TEMPLATES = ("{}", "we hear {}")
_NAMED_ATTRIBUTES = ("distance", "rate", "pitch")


@dataclass(frozen=True)
class Description:
    """All that captions need to know of one source in a clip. A composed kind has no family, a family no kind."""

    family: str | None
    kind: int | None
    traits: Traits
    near: bool | None  # None where the clip has no scene


@dataclass(frozen=True)
class CaptionChoices:
    """Every training caption that is true of a source, as int32 indices into all_training_texts(), by sort."""

    name: np.ndarray  # "dog barking" and its wordings; empty for a composed kind
    described: np.ndarray  # name with acoustics, or the description of a kind
    attributes: np.ndarray  # no name at all

    @property
    def every(self) -> np.ndarray:
        """All of them, for masks: a drawn caption j fits clip i when it is in choices[i].every."""
        return np.concatenate([self.name, self.described, self.attributes])

    def draw(self, rng: np.random.Generator, count: int, weights: tuple[float, float, float] = (4, 3, 3)) -> np.ndarray:
        """`count` indices: a sort by weight (empty sorts are skipped), then a caption of it uniformly."""
        sorts = (self.name, self.described, self.attributes)
        chances = np.array([w if s.size else 0.0 for w, s in zip(weights, sorts, strict=True)])
        picks = rng.choice(3, size=count, p=chances / chances.sum())
        return np.array([rng.choice(sorts[p]) for p in picks], np.int32)


def test_texts() -> frozenset[str]:
    """Every text reserved for examination, lower case."""
    prompts = {p.lower() for name in FAMILIES for p in (*name_prompts(name), *reworded_prompts(name))}
    return frozenset(prompts | {q.lower() for by_value in QUERIES.values() for qs in by_value.values() for q in qs})


test_texts.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever pytest thinks of its name


def _name_texts(name: str) -> Iterator[str]:
    yield from (t.format(name) for t in _NAME_TEMPLATES)
    yield from (t.format(w) for w in FAMILIES[name].words for t in _WORD_TEMPLATES)


def _acoustic_texts(name: str) -> Iterator[str]:
    acoustics = FAMILIES[name].acoustics
    yield from (f"{w}: {acoustics}" for w in (name, *FAMILIES[name].words))
    yield f"{acoustics}, from {name}"
    yield acoustics


def _named_attribute_texts(name: str, values: dict[str, str]) -> Iterator[str]:
    usable = {a: v for a, v in values.items() if a in _NAMED_ATTRIBUTES and v != "mid"}
    yield from (short_sentence(chosen, name) for chosen in _subsets(usable) if chosen)
    if "distance" in usable:
        yield f"{name} " + ("close by" if usable["distance"] == "near" else "in the distance")


def _attribute_texts(values: dict[str, str]) -> Iterator[str]:
    for chosen in _subsets(values):
        if chosen:
            yield short_sentence(chosen)
            yield long_sentence(chosen)
    for attribute, value in values.items():
        yield from TRAINING[attribute][value]


def _subsets(values: dict[str, str]) -> Iterator[dict[str, str]]:
    for keep in product((False, True), repeat=len(values)):
        yield {a: values[a] for a, k in zip(values, keep, strict=True) if k}


def _all_value_sets() -> Iterator[dict[str, str]]:
    """Every full assignment of the attributes, in their canonical order; a rate only where the pattern repeats."""
    for combination in product(*VALUES.values()):
        values = dict(zip(VALUES, combination, strict=True))
        if values["pattern"] != "repeating":
            del values["rate"]
        yield values


@cache
def all_training_texts() -> tuple[str, ...]:
    """Every training caption, without repeats, in a fixed order; the same on every machine. A few thousand texts."""
    texts: dict[str, None] = {}
    full = list(_all_value_sets())
    for name in SEEN:
        texts.update(dict.fromkeys(_name_texts(name)))
        texts.update(dict.fromkeys(_acoustic_texts(name)))
        for values in full:
            texts.update(dict.fromkeys(_named_attribute_texts(name, values)))
    for index in range(KINDS):
        texts.update(dict.fromkeys(describe_kind(index)))
    for values in full:
        texts.update(dict.fromkeys(_attribute_texts(values)))
    reserved = test_texts()
    return tuple(t for t in texts if t.lower() not in reserved)


@cache
def _index() -> dict[str, int]:
    return {text: i for i, text in enumerate(all_training_texts())}


def _ids(texts: Iterator[str] | tuple[str, ...]) -> np.ndarray:
    index = _index()
    return np.array(sorted({index[t] for t in texts if t in index}), np.int32)


@cache
def _choices(family: str | None, kind: int | None, items: tuple[tuple[str, str], ...]) -> CaptionChoices:
    values = dict(items)
    attributes = _ids(_attribute_texts(values))
    if family is None:
        described = _ids(describe_kind(kind)) if kind is not None else np.zeros(0, np.int32)
        return CaptionChoices(np.zeros(0, np.int32), described, attributes)
    described = _ids(iter([*_acoustic_texts(family), *_named_attribute_texts(family, values)]))
    return CaptionChoices(_ids(_name_texts(family)), described, attributes)


def caption_ids(description: Description) -> CaptionChoices:
    """Every training caption true of this source. A family outside SEEN raises ValueError: it must not teach."""
    if description.family is not None and description.family not in SEEN:
        raise ValueError(f"{description.family!r} is held out: it has no training captions")
    values = attribute_values(description.traits, description.near)
    ordered = tuple((a, values[a]) for a in VALUES if a in values)
    return _choices(description.family, description.kind, ordered)


def training_captions(description: Description, rng: np.random.Generator, count: int) -> list[str]:
    """`count` captions drawn for this source, as texts."""
    texts = all_training_texts()
    return [texts[i] for i in caption_ids(description).draw(rng, count)]


def name_prompts(name: str, described: bool = False) -> tuple[str, ...]:
    """The examination prompts of a family: its name in sentences that no caption uses.

    described: each with the family's acoustics ("an audio clip of owl hooting: soft low calls").
    """
    prompts = tuple(t.format(name) for t in _TEST_TEMPLATES)
    return tuple(f"{p}: {FAMILIES[name].acoustics}" for p in prompts) if described else prompts


def described_prompts(name: str) -> tuple[str, ...]:
    """A family told by how it sounds, four ways: name with acoustics, acoustics alone, typical attributes short and long.

    Of the forms that no caption uses, this one was the best on the validation families; it was chosen there.
    """
    acoustics, values = FAMILIES[name].acoustics, typical_values(name)
    return f"{name}: {acoustics}", acoustics, f"a {short_sentence(values)}", f"there is {long_sentence(values)}"


def reworded_prompts(name: str) -> tuple[str, ...]:
    """A family in other words, without its name: "a kitten calling for food". Harder than `name_prompts`."""
    return FAMILIES[name].prompts
