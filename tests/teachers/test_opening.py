"""Opening teachers: small models through the public path, and what is said where something does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from teachers.rule_filled import rule_waveform  # noqa: E402

from tinyclap_edge.errors import CorruptFile, ToolMissing, UsageError  # noqa: E402
from tinyclap_edge.teachers.registry import find_card, list_teachers, open_teacher, with_parameters  # noqa: E402


@pytest.fixture(scope="module")
def small_clap(tmp_path_factory):
    """make(fusion) -> folder of a tiny ClapModel as transformers itself writes it."""
    from transformers import ClapConfig, ClapModel

    made: dict[bool, Path] = {}

    def make(fusion: bool = False) -> Path:
        if fusion not in made:
            torch.manual_seed(5)
            audio = {
                "patch_embeds_hidden_size": 16, "depths": [1, 1], "num_attention_heads": [2, 2], "hidden_size": 32,
                "num_hidden_layers": 2, "projection_dim": 24,
            }  # fmt: skip
            if fusion:
                audio |= {"enable_fusion": True, "fusion_type": "aff_2d"}
            text = {
                "vocab_size": 40, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
                "intermediate_size": 32, "projection_dim": 24,
            }  # fmt: skip
            model = ClapModel(ClapConfig(audio_config=audio, text_config=text, projection_dim=24)).eval()
            made[fusion] = tmp_path_factory.mktemp("clap")
            model.save_pretrained(made[fusion])
            preprocessor = {
                "sampling_rate": 48000, "frequency_min": 50, "frequency_max": 14000, "hop_length": 480,
                "feature_size": 64, "fft_window_size": 1024, "max_length_s": 10, "padding": "repeatpad",
                "truncation": "fusion" if fusion else "rand_trunc", "top_db": None,
            }  # fmt: skip
            (made[fusion] / "preprocessor_config.json").write_text(json.dumps(preprocessor))
            _tokenizer(made[fusion] / "tokenizer.json")
        return made[fusion]

    return make


def _tokenizer(path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    words = {"<unk>": 3, **{w: i for i, w in enumerate(("this", "is", "the", "sound", "of", "dog", "rain"), start=4)}}
    tokenizer = Tokenizer(WordLevel(words, "<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save(str(path))


@pytest.mark.parametrize("fusion", [False, True])
def test_a_clap_model_embeds_as_transformers_does(small_clap, fusion):
    from transformers import ClapFeatureExtractor, ClapModel

    folder = small_clap(fusion)
    model = ClapModel.from_pretrained(folder).eval()
    clip = rule_waveform(48000, 150_000)
    extractor = ClapFeatureExtractor.from_pretrained(folder)
    inputs = extractor(clip, sampling_rate=48000, return_tensors="pt")
    inputs["is_longer"] = torch.zeros_like(torch.as_tensor(inputs["is_longer"]))  # it marks one clip at random
    with torch.inference_mode():
        wanted = model.get_audio_features(**inputs)
    wanted = torch.nn.functional.normalize(getattr(wanted, "pooler_output", wanted), dim=1).numpy()
    teacher = open_teacher("clap-htsat-fused" if fusion else "laion-clap", folder)
    found = teacher.embed_audio([clip])
    assert teacher.card.dim == 24 and found.shape == (1, 24) and found.dtype == np.float32
    assert np.abs(found - wanted).max() < 1e-4


def test_words_are_embedded_to_unit_length_and_padding_changes_nothing(small_clap):
    teacher = open_teacher("laion-clap", small_clap())
    both = teacher.embed_text(["dog", "this is the sound of rain"])
    assert np.allclose(np.linalg.norm(both, axis=1), 1, atol=1e-6)
    assert np.abs(teacher.embed_text(["dog"]) - both[:1]).max() < 1e-6
    assert teacher.embed_text([]).shape == (0, 24)


def test_any_length_is_embedded_and_the_same_clips_give_the_same_bytes(small_clap):
    teacher = open_teacher("laion-clap", small_clap())
    long = rule_waveform(48000, 700_000)
    clips = [long[:1], long[:100], long]
    once = teacher.embed_audio(clips)
    assert np.array_equal(once, teacher.embed_audio(clips))
    assert np.array_equal(once[2:], teacher.embed_audio([long]))  # whatever its neighbours are
    parts = teacher.embed_audio([long[:480_000], long[-480_000:]])
    mean = parts.mean(0) / np.linalg.norm(parts.mean(0))
    assert np.abs(once[2] - mean).max() < 1e-6
    assert teacher.embed_audio([]).shape == (0, 24)


def test_the_identity_follows_weights_and_front_end_alone(small_clap, tmp_path):
    import shutil

    teacher = open_teacher("laion-clap", small_clap())
    assert len(teacher.identity) == 16 and int(teacher.identity, 16) >= 0
    copy = shutil.copytree(small_clap(), tmp_path / "copy")
    assert open_teacher("laion-clap", copy).identity == teacher.identity
    other = json.loads((copy / "preprocessor_config.json").read_text()) | {"frequency_min": 0}
    (copy / "preprocessor_config.json").write_text(json.dumps(other))
    assert open_teacher("laion-clap", copy).identity != teacher.identity


def test_the_old_torch_layout_and_the_prefix_of_distributed_training_are_read(small_clap, tmp_path):
    import shutil

    from safetensors.torch import load_file

    tensors = load_file(small_clap() / "model.safetensors")
    for name in ("config.json", "preprocessor_config.json"):
        shutil.copy(small_clap() / name, tmp_path)
    torch.save({f"module.{k}": v for k, v in tensors.items()}, tmp_path / "pytorch_model.bin")
    assert open_teacher("laion-clap", tmp_path).identity == open_teacher("laion-clap", small_clap()).identity


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"frequency_max": -3}, "frequency_max is -3"),
        ({"hop_length": "a"}, "hop_length is 'a'"),
        ({"padding": "pad"}, "padding 'pad'"),
        ({"top_db": 80}, "top_db 80"),
    ],
)
def test_a_front_end_that_does_not_match_the_teacher_is_refused(small_clap, tmp_path, values, says):
    import shutil

    folder = shutil.copytree(small_clap(), tmp_path / "copy")
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    with pytest.raises(CorruptFile, match=says):
        open_teacher("laion-clap", folder)


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "not readable JSON"), ("[]", "holds no object"), ('{"audio_config": {"depths": 3}}', "no CLAP model")],
)
def test_a_damaged_configuration_is_refused(small_clap, tmp_path, text, says):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(CorruptFile, match=says):
        open_teacher("laion-clap", tmp_path)


def test_a_tokenizer_of_another_model_is_refused(small_clap, tmp_path):
    import shutil

    folder = shutil.copytree(small_clap(), tmp_path / "copy")
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace('"dog":9', '"dog":30000').replace('"dog": 9', '"dog": 30000'))
    with pytest.raises(CorruptFile, match="token 30000, the text model knows 40"):
        open_teacher("laion-clap", folder).embed_text(["dog"])


def test_without_a_tokenizer_audio_works_and_words_say_what_is_missing(small_clap, tmp_path, monkeypatch):
    import shutil

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = shutil.copytree(small_clap(), tmp_path / "copy")
    (folder / "tokenizer.json").rename(tmp_path / "tokenizer.json")
    teacher = open_teacher("laion-clap", folder)
    assert teacher.embed_audio([np.ones(10, np.float32)]).shape == (1, 24)
    with pytest.raises(ToolMissing, match=r"tokenizer\.json") as caught:
        teacher.embed_text(["dog"])
    assert "teachers fetch clap-htsat-unfused" in caught.value.hint
    snapshot = tmp_path / "hub" / "models--laion--clap-htsat-unfused" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (tmp_path / "tokenizer.json").rename(snapshot / "tokenizer.json")
    assert teacher.embed_text(["dog"]).shape == (1, 24)  # another program had downloaded it


def test_a_missing_tensor_is_named(small_clap, tmp_path):
    with pytest.raises(CorruptFile, match=r"lacks audio_projection\.linear2\.bias"):
        _changed(small_clap(), tmp_path, lambda t: t.pop("audio_projection.linear2.bias"))


def test_a_tensor_of_another_shape_is_named(small_clap, tmp_path):
    with pytest.raises(CorruptFile, match=r"audio_projection\.linear1\.bias is \(25,\)"):
        _changed(small_clap(), tmp_path, lambda t: t.update({"audio_projection.linear1.bias": torch.zeros(25)}))


def test_weights_that_are_not_finite_are_refused(small_clap, tmp_path):
    with pytest.raises(CorruptFile, match="NaN"):
        _changed(small_clap(), tmp_path, lambda t: t["text_projection.linear1.bias"].fill_(float("nan")))


def _changed(folder: Path, tmp_path: Path, change) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(folder, tmp_path / "copy")
    tensors = load_file(copy / "model.safetensors")
    change(tensors)
    (copy / "model.safetensors").unlink()
    save_file(tensors, copy / "model.safetensors")
    open_teacher("laion-clap", copy)


def test_names_are_found_or_the_nearest_are_offered(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYCLAP_HOME", str(tmp_path))
    assert len({card.name for card in list_teachers()}) == len(list_teachers())
    with pytest.raises(UsageError, match="no teacher 'msclap-2024'") as caught:
        open_teacher("msclap-2024")
    assert "msclap-202" in caught.value.hint
    with pytest.raises(ToolMissing, match="has not been fetched") as missing:
        open_teacher("msclap-2022")
    assert "teachers fetch msclap-2022" in missing.value.hint
    with pytest.raises(UsageError, match="evaluation agreement") as m2d:
        open_teacher("m2d")
    assert "embeddings:DIR" in m2d.value.hint


def test_the_parameters_of_the_paper_are_counted_from_the_architecture():
    assert with_parameters(find_card("msclap-2022")).audio_parameters == 82_821_568
    assert with_parameters(find_card("msclap-2023")).audio_parameters == 29_371_544
    assert with_parameters(find_card("matpac")).audio_parameters == 85_400_832


def test_the_reference_teacher_hears_any_length_and_reads_words():
    teacher = open_teacher("reference")
    clip = rule_waveform(16000, 100_000)
    embedded = teacher.embed_audio([clip, clip[:41_152], clip[:5]])
    assert embedded.shape == (3, 384) and np.allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-5)
    for i, alone in enumerate((clip, clip[:41_152], clip[:5])):
        assert np.array_equal(teacher.embed_audio([alone])[0], embedded[i])  # whatever its neighbours are
    db = teacher.logmel(clip[:41_152])
    assert np.abs(teacher._model.embed_db(db[None]) - embedded[1]).max() < 1e-5
    assert teacher.card.audio_parameters > 1e6 and len(teacher.identity) == 16


def test_a_checkpoint_of_the_original_laion_package_is_refused_with_what_is_read(tmp_path):
    torch.save({"state_dict": {"module.audio_branch.bn0.weight": torch.ones(64)}}, tmp_path / "630k-audioset-best.pt")
    with pytest.raises(UsageError, match="checkpoints of the laion_clap package are not read") as caught:
        open_teacher("laion-clap", tmp_path / "630k-audioset-best.pt")
    assert "teachers fetch clap-htsat-unfused" in caught.value.hint


def test_words_of_other_weights_than_a_student_learnt_from_are_refused(small_clap):
    from tinyclap_edge.teachers import registry

    teacher = open_teacher("laion-clap", small_clap())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "open_teacher", lambda name: teacher)
        registry.text_encoder.cache_clear()
        assert registry.text_encoder("laion-clap", teacher.identity) == teacher.embed_text
        with pytest.raises(UsageError, match=f"the laion-clap here is {teacher.identity}, the student learnt from"):
            registry.text_encoder("laion-clap", "0" * 16)
    registry.text_encoder.cache_clear()


def test_the_identity_of_msclap_is_the_same_where_its_text_side_cannot_be_built(tmp_path, monkeypatch):
    from dataclasses import replace

    from torch import nn

    from tinyclap_edge.teachers import msclap

    def absent():
        raise ImportError("transformers")

    torch.manual_seed(2)
    small = replace(
        msclap.RELEASES["msclap-2022"],
        audio=lambda: msclap.Tower(lambda: nn.Linear(3, 8), 8),
        text=lambda: msclap.Tower(lambda: nn.Linear(2, 8), 8),
    )
    state = {f"audio_encoder.{k}": v for k, v in small.audio().state_dict().items()}
    state |= {f"caption_encoder.{k}": v for k, v in small.text().state_dict().items()}

    def opened(name, tensors, text):
        monkeypatch.setitem(msclap.RELEASES, "msclap-2022", replace(small, text=text))
        torch.save({"model": tensors}, tmp_path / name)
        return open_teacher("msclap-2022", tmp_path / name)

    older = state | {"caption_encoder.base.embeddings.position_ids": torch.arange(4)}
    other = state | {"caption_encoder.base.weight": state["caption_encoder.base.weight"] + 1}
    whole, deaf = opened("whole.pth", state, small.text), opened("deaf.pth", older, absent)
    assert whole.card.text_parameters and deaf.card.text_parameters is None
    assert whole.identity == deaf.identity != opened("other.pth", other, small.text).identity
