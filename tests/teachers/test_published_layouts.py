"""Each published architecture at full size: a file in its layout, opened as a user opens it, gives the original's numbers."""

from __future__ import annotations

import gc
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from teachers.rule_filled import agrees, filled, fixture, rule_input, rule_waveform, towers  # noqa: E402

from tinyclap_edge.teachers.cards import CLAP_2023  # noqa: E402
from tinyclap_edge.teachers.logmel import mel_filters  # noqa: E402
from tinyclap_edge.teachers.registry import find_card, open_teacher, with_parameters  # noqa: E402

pytestmark = pytest.mark.slow

MEL_2023 = "audio_encoder.base.htsat.logmel_extractor.melW"


@pytest.fixture(autouse=True)
def freed():
    """Large files and models go before the next test; pytest would keep three runs of them."""
    yield
    gc.collect()


def word_level(path: Path, words: list[str], ids: list[int], unknown: int) -> None:
    """A tokenizer.json that knows one sentence: first and last ids are what the original puts around the words."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.processors import TemplateProcessing

    vocabulary = {"<unk>": unknown, "<s>": ids[0], "</s>": ids[-1], **dict(zip(words, ids[1:-1], strict=True))}
    tokenizer = Tokenizer(WordLevel(vocabulary, "<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.post_processor = TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", ids[0]), ("</s>", ids[-1])])
    tokenizer.save(str(path))


def test_msclap_2022_gives_the_fingerprints_of_the_original(tmp_path):
    known = fixture("msclap2022")
    tensors = towers(known)
    tensors["caption_encoder.base.embeddings.position_ids"] = torch.arange(512)[None]  # older files have it
    weights = tmp_path / "CLAP_weights_2022.pth"
    torch.save({"model": tensors}, weights)
    del tensors
    word_level(tmp_path / "tokenizer.json", known["text"]["words"].split(), known["text"]["token_ids"], 100)
    try:
        teacher = open_teacher("msclap-2022", weights)
        assert (teacher.card.audio_parameters, teacher.card.text_parameters) == (82_821_568, known["totals"]["text"])
        # float32 rounds these weights to 3e-5; in float64 the same tower agrees to 3e-13
        agrees(teacher.embed_logmel(rule_input(1, 64, 64)), known["logmel_64_frames"]["projected"], 5e-5)
        clip = rule_waveform(44100, 220500)
        embedding = teacher.embed_audio([clip])
        agrees(embedding, known["waveform_5s"]["projected"], 1e-4, unit=True)
        assert np.array_equal(teacher.embed_audio([clip[:7], clip])[1:], embedding)
        agrees(teacher.embed_text([known["text"]["words"]]), known["text"]["projected"], 1e-4, unit=True)
        both = teacher.embed_text(["dog", known["text"]["words"]])  # padded beside a longer text: the same
        agrees(both[1:], known["text"]["projected"], 1e-4, unit=True)
    finally:
        weights.unlink()


def test_msclap_2023_gives_the_fingerprints_of_the_original(tmp_path):
    known = fixture("msclap2023")
    tensors = towers(known)
    tensors[MEL_2023] = torch.from_numpy(mel_filters(CLAP_2023).astype(np.float32))
    tensors["caption_encoder.base.h.0.attn.bias"] = torch.ones(1, 1, 4, 4, dtype=torch.bool)  # older files have it
    weights = tmp_path / "CLAP_weights_2023.pth"
    torch.save({"model": tensors}, weights)
    words = known["text"]["words"].split()
    gpt2_words(tmp_path / "tokenizer.json", words, known["text"]["token_ids"])
    try:
        teacher = open_teacher("msclap-2023", weights)
        assert teacher.card.audio_parameters == known["totals"]["audio"] == 29_371_544
        assert teacher.card.text_parameters == known["totals"]["text"]
        agrees(teacher.embed_logmel(rule_input(1, 965, 64)), known["logmel_965_frames"]["projected"])
        clip = rule_waveform(44100, 308700)
        agrees(teacher.embed_audio([clip]), known["waveform_7s"]["projected"], 1e-4, unit=True)
        agrees(teacher.embed_text([known["text"]["words"]]), known["text"]["projected"], 1e-4, unit=True)
        both = teacher.embed_text(["dog", known["text"]["words"]])
        agrees(both[1:], known["text"]["projected"], 1e-4, unit=True)
        # The file's own filters decide: the same weights behind other filters hear something else.
        teacher.filters = teacher.filters * 4
        assert np.abs(teacher.logmel(clip) - 10 * np.log10(4) - open_logmel(clip)).max() < 1e-3
    finally:
        weights.unlink()


def gpt2_words(path: Path, words: list[str], ids: list[int]) -> None:
    """Words, the lone space before the end, and the end: the ids that GPT-2's own tokenizer gives."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split

    vocabulary = {"!": 0, words[0]: ids[0], **{" " + w: i for w, i in zip(words[1:], ids[1:6], strict=True)}}
    vocabulary |= {" ": ids[6], "<|endoftext|>": ids[7]}
    tokenizer = Tokenizer(WordLevel(vocabulary, "!"))
    tokenizer.pre_tokenizer = Split(Regex(r" ?[a-z]+| "), "isolated")
    tokenizer.save(str(path))
    raw = json.loads(path.read_text())
    raw["added_tokens"] = [
        {
            "id": ids[7], "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True,
        }
    ]  # fmt: skip
    path.write_text(json.dumps(raw))
    assert Tokenizer.from_file(str(path)).encode(" ".join(words) + " <|endoftext|>").ids == ids


def open_logmel(clip: np.ndarray) -> np.ndarray:
    from tinyclap_edge.teachers.logmel import logmel

    return logmel(clip, CLAP_2023)


def test_laion_clap_gives_the_fingerprints_of_transformers(tmp_path):
    from safetensors.torch import save_file

    known = fixture("laion_clap")
    tensors = filled(known["audio_keys"]) | filled(known["text_keys"])
    tensors |= {"logit_scale_a": torch.zeros(()), "logit_scale_t": torch.zeros(())}
    save_file(tensors, tmp_path / "model.safetensors")
    del tensors
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clap", "architectures": ["ClapModel"]}))
    ids = known["text"]["token_ids"]
    word_level(tmp_path / "tokenizer.json", [f"w{i}" for i in range(len(ids) - 2)], ids, 3)
    try:
        teacher = open_teacher("clap-htsat-unfused", tmp_path)
        parameters = known["parameters"]
        audio = parameters["audio_model"] + parameters["audio_projection"]
        assert teacher.card.audio_parameters == audio == with_parameters(find_card("laion-clap")).audio_parameters
        agrees(teacher.embed_logmel(rule_input(1, 1001, 64)), known["audio"]["projected"], 1e-4, unit=True)
        words = " ".join(f"w{i}" for i in range(len(ids) - 2))
        agrees(teacher.embed_text([words]), known["text"]["projected"], 1e-4, unit=True)
        agrees(teacher.embed_text([words, words + " w1 w2"])[:1], known["text"]["projected"], 1e-4, unit=True)
    finally:
        shutil.rmtree(tmp_path)


def test_matpac_gives_the_fingerprints_of_the_original(tmp_path):
    known = fixture("matpac")
    keys = {k: s for k, s in known["keys"].items() if not k.startswith("log_mel")}
    tensors = filled(keys) | {k: torch.zeros(s) for k, s in known["keys"].items() if k.startswith("log_mel")}
    # The original takes any path with the letters "as" for its longer configuration; here the file decides.
    weights = tmp_path / "as.pt"
    torch.save(tensors, weights)
    del tensors
    try:
        teacher = open_teacher("matpac-plus", weights)
        assert teacher.card.audio_parameters == known["parameters"] == 85_400_832
        agrees(teacher.embed_logmel(rule_input(1, 80, 96)), known["frames_96"])
        agrees(teacher.embed_logmel(rule_input(1, 80, 998)), known["frames_998"])
        agrees(teacher.embed_audio([rule_waveform(16000, 16000)]), known["waveform_1s"], 1e-4)
        assert np.isfinite(teacher.embed_audio([np.zeros(1, np.float32)])).all()  # one sample is a clip too
    finally:
        weights.unlink()
