"""The bank: every promised name is in it, and it holds what the text tower says."""

from __future__ import annotations

import numpy as np
import pytest

from tinyclap_edge.errors import CorruptFile, ToolMissing
from tinyclap_edge.labels.bank import PATH, load_bank
from tinyclap_edge.labels.build_bank import LISTS, bank_keys, build, read_names
from tinyclap_edge.labels.prompts import TEMPLATES, ensemble, normalise_label, prompts


@pytest.mark.parametrize(("which", "count"), [("audioset", 527), ("esc50", 50), ("urbansound8k", 10)])
def test_every_class_name_of_the_known_data_sets_is_in_the_bank(which, count):
    names = read_names(which)
    assert len(set(names)) == count
    assert [name for name in names if name not in load_bank()] == []


def test_every_family_of_our_sounds_is_in_the_bank():
    pytest.importorskip("scipy")
    from tinyclap_edge.data.sounds import FAMILIES

    names = [name for f in FAMILIES.values() for name in (f.name, *f.words, *f.prompts)]
    assert [name for name in names if name not in load_bank()] == []


def test_the_bank_is_what_its_script_would_name():
    pytest.importorskip("scipy")
    assert list(load_bank()) == bank_keys()


def test_parts_of_a_class_name_are_names_too():
    bank = load_bank()
    for name in ("chuckle", "chortle", "Dog_Bark", "  smoke   alarm ", "ambulance", "crying_baby"):
        assert name in bank, name
    assert "etc." not in bank and "" not in bank


def test_the_bank_is_small_and_its_rows_have_unit_length():
    bank = load_bank()
    assert PATH.stat().st_size < 3_000_000 and bank.dim == 384
    lengths = np.linalg.norm(bank.embeddings.astype(np.float64), axis=1)
    assert np.abs(lengths - 1).max() < 1e-3


def test_like_sounds_are_nearer_than_unlike_ones():
    near, like, far = load_bank().vectors(["dog barking", "dog_bark", "violin"])
    assert near @ like > 0.8 > 0.4 > near @ far


def test_a_damaged_bank_is_refused(tmp_path):
    path = tmp_path / "bank.safetensors"
    path.write_bytes(PATH.read_bytes()[:-1])
    with pytest.raises(CorruptFile, match="not a readable bank"):
        load_bank(path)
    with pytest.raises(CorruptFile):
        load_bank(tmp_path / "absent.safetensors")


def test_labels_are_normalised_before_they_are_looked_up():
    assert normalise_label(" Dog_Bark\u00a0 LOUD ") == "dog bark loud"
    assert prompts("Dog_Bark")[1] == "the sound of dog bark"


def test_an_ensemble_is_the_mean_of_the_prompts():
    def encode(texts):
        return np.array([[len(t) % 7 + 1, len(t) % 3] for t in texts], np.float32)

    one = encode([t.format("rain") for t in TEMPLATES]).mean(0)
    assert np.allclose(ensemble(["wind", "rain"], encode)[1], one / np.linalg.norm(one))


def test_the_same_text_tower_builds_the_same_bytes(tmp_path):
    pytest.importorskip("scipy")

    def encode(texts):
        return np.array([[1.0, len(t)] for t in texts], np.float32)

    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    counts = [build(path, encode) for path in paths]
    assert counts[0] == len(bank_keys()) and paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.slow
def test_the_bank_agrees_with_the_text_tower():
    from tinyclap_edge.teachers.text_minilm import TextTower

    try:
        tower = TextTower()
    except ToolMissing as missing:
        pytest.skip(str(missing))
    names = [read_names(which)[7] for which in LISTS]
    assert np.abs(ensemble(names, tower.encode) - load_bank().vectors(names)).max() < 1e-3
