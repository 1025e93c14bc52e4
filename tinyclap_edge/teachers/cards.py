"""The teachers by name: what each is, under which licence, and where its files are published.

No SHA-256 of the large files could be checked when this was written, so that none is pinned: what the first fetch
brings is recorded and compared ever after. A hash of your own goes into `sha256`.
"""

from __future__ import annotations

from tinyclap_edge.teachers.card import TeacherCard, TeacherFile
from tinyclap_edge.teachers.logmel import TeacherFrontend

HUB = "https://huggingface.co/{}/resolve/main/{}"
MS_PL = "MS-PL (weights; the code of microsoft/CLAP is MIT)"
LAION = "Apache-2.0 (model card of the hub; the code of LAION-AI/CLAP is CC0)"
NO_LICENCE = "none stated: the repository has no licence file; ask its authors before you pass anything on"

CLAP_2022 = TeacherFrontend(44100, 1024, 320, 64, 50.0, 14000.0, 44100, clip_samples=5 * 44100)
CLAP_2023 = TeacherFrontend(44100, 1024, 320, 64, 50.0, 14000.0, 32000, clip_samples=7 * 44100)
CLAP_48K = TeacherFrontend(48000, 1024, 480, 64, 50.0, 14000.0, 48000, clip_samples=10 * 48000, short="repeat")
CLAP_FUSED = TeacherFrontend(
    48000,
    1024,
    480,
    64,
    50.0,
    14000.0,
    48000,
    mel_scale="htk",
    area_norm=False,
    clip_samples=10 * 48000,
    short="repeat",
)
MATPAC_16K = TeacherFrontend(
    16000, 400, 160, 80, 50.0, 8000.0, 16000,
    centred=False, log="ln", floor=1.1920929e-07, offset=7.056, scale=4.193, short="zeros",
)  # fmt: skip


def _hub(repository: str, name: str, saved_as: str = "", instead_of: str = "", optional: bool = False) -> TeacherFile:
    return TeacherFile(saved_as or name, HUB.format(repository, name), None, instead_of, optional)


def _laion(name: str, title: str, fused: bool = False) -> TeacherCard:
    repository = f"laion/{name}"
    return TeacherCard(
        name=name,
        title=title,
        kind="clap",
        dim=512,
        sample_rate=48000,
        window_s=10.0,
        licence=LAION,
        source=f"https://huggingface.co/{repository}",
        files=(
            _hub(repository, "model.safetensors"),
            _hub(repository, "pytorch_model.bin", instead_of="model.safetensors"),
            _hub(repository, "config.json"),
            _hub(repository, "preprocessor_config.json"),
            _hub(repository, "tokenizer.json", optional=True),
        ),
        citation="Wu et al., Large-scale contrastive language-audio pretraining, ICASSP 2023, arXiv 2211.06687",
        family="laion-clap",
        frontend=CLAP_FUSED if fused else CLAP_48K,
        text="RoBERTa, 77 tokens",
    )


CARDS = (
    TeacherCard(
        name="reference",
        title="tinyclap-edge's own teacher: a small residual network beside frozen MiniLM, from procedural sounds",
        kind="clap",
        dim=384,
        sample_rate=16000,
        window_s=2.572,
        licence="Apache-2.0 (text side: all-MiniLM-L6-v2, Apache-2.0)",
        source="ships with the package; `tinyclap-edge reference build` remakes it",
        family="reference",
        text="all-MiniLM-L6-v2, 64 tokens",
    ),
    TeacherCard(
        name="msclap-2022",
        title="MS CLAP 2022: CNN14 and BERT, the teacher of tinyCLAP",
        kind="clap",
        dim=1024,
        sample_rate=44100,
        window_s=5.0,
        licence=MS_PL,
        source="https://huggingface.co/microsoft/msclap",
        files=(
            _hub("microsoft/msclap", "CLAP_weights_2022.pth"),
            _hub("google-bert/bert-base-uncased", "tokenizer.json", optional=True),
        ),
        citation="Elizalde et al., CLAP: learning audio concepts from natural language supervision, arXiv 2206.04769",
        family="msclap-2022",
        frontend=CLAP_2022,
        text="bert-base-uncased, 100 tokens",
    ),
    TeacherCard(
        name="msclap-2023",
        title="MS CLAP 2023: HTSAT and GPT-2",
        kind="clap",
        dim=1024,
        sample_rate=44100,
        window_s=7.0,
        licence=MS_PL,
        source="https://huggingface.co/microsoft/msclap",
        files=(
            _hub("microsoft/msclap", "CLAP_weights_2023.pth"),
            _hub("openai-community/gpt2", "tokenizer.json", optional=True),
        ),
        citation="Elizalde et al., Natural language supervision for general-purpose audio, arXiv 2309.05767",
        family="msclap-2023",
        frontend=CLAP_2023,
        text="gpt2, 77 tokens",
    ),
    _laion("clap-htsat-unfused", "LAION CLAP, HTSAT and RoBERTa"),
    _laion("clap-htsat-fused", "LAION CLAP with feature fusion for long clips (windows here)", fused=True),
    _laion("larger_clap_general", "LAION CLAP, larger audio encoder: speech, music and sounds"),
    _laion("larger_clap_music", "LAION CLAP, larger audio encoder: music"),
    _laion("larger_clap_music_and_speech", "LAION CLAP, larger audio encoder: music and speech"),
    TeacherCard(
        name="matpac",
        title="MATPAC: masked latent prediction and classification, ViT on audio alone",
        kind="audio",
        dim=3840,
        sample_rate=16000,
        window_s=0.0,
        licence=NO_LICENCE,
        source="https://github.com/aurianworld/matpac",
        files=(
            TeacherFile(
                "matpac_10_2048.pt",
                "https://github.com/aurianworld/matpac/releases/download/Initial_release/matpac_10_2048.pt",
            ),
        ),
        citation="Quelennec et al., Masked latent prediction and classification, ICASSP 2025",
        family="matpac",
        frontend=MATPAC_16K,
    ),
    TeacherCard(
        name="matpac-plus",
        title="MATPAC++: MATPAC with multiple-choice heads, the teacher of S-SONDO",
        kind="audio",
        dim=3840,
        sample_rate=16000,
        window_s=0.0,
        licence=NO_LICENCE,
        source="https://github.com/aurianworld/matpac",
        files=(
            TeacherFile(
                "matpac_plus_6s_2048_enconly.pt",
                "https://github.com/aurianworld/matpac/releases/download/MATPAC%2B%2B/matpac_plus_6s_2048_enconly.pt",
            ),
        ),
        citation="Quelennec et al., MATPAC++ (S-SONDO, arXiv 2604.24933, distils it)",
        family="matpac",
        frontend=MATPAC_16K,
    ),
    TeacherCard(
        name="m2d",
        title="M2D: not loaded here, because of its licence; embed with its own code and use embeddings:DIR",
        kind="embeddings",
        dim=3840,
        sample_rate=16000,
        window_s=0.0,
        licence="an evaluation agreement (LICENSE.pdf of its repository): read it before use",
        source="https://github.com/nttcslab/m2d",
        citation="Niizumi et al., Masked modeling duo, ICASSP 2023",
        family="embeddings",
    ),
    TeacherCard(
        name="embeddings:DIR",
        title="anything embedded elsewhere: a store of `embed`, or one .npz a clip with an array `embed`",
        kind="embeddings",
        dim=0,
        sample_rate=0,
        window_s=0.0,
        licence="that of the model that made them",
        source="a folder of yours",
        family="embeddings",
    ),
)
ALIASES = {"laion-clap": "clap-htsat-unfused", "matpac++": "matpac-plus"}
