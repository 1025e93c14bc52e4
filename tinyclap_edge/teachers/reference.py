"""The reference teacher: a small residual network on log-mels, trained against the frozen MiniLM text tower.

Both sides meet in 384 dimensions. The text side passes through one learned matrix that starts as the identity and
moves slowly: staying near the text tower's own space is what lets names that were never trained on work at all.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyclap_edge.errors import CorruptFile

FORMAT = "tinyclap-teacher/1"
DIM = 384
WIDTHS, DEPTHS, STEM = (32, 64, 160, 256), (1, 1, 2, 1), 24
OFFSET_DB, SCALE_DB = 60.0, 20.0  # FrontendSpec's offset_db and scale_db


def normalise(db: Tensor) -> Tensor:
    """Log-mel in dB (batch, frames, mels) -> network input (batch, 1, frames, mels)."""
    return ((db + OFFSET_DB) / SCALE_DB).unsqueeze(1)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (ResNet, arXiv 1512.03385)."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(c_out)
        self.shortcut = None
        if stride != 1 or c_in != c_out:
            self.shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(out + (x if self.shortcut is None else self.shortcut(x)))


class AudioTower(nn.Module):
    """Normalised log-mel (batch, 1, frames, mels) -> (batch, 384), not unit length. About 2.1 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, STEM, 3, 2, 1, bias=False), nn.BatchNorm2d(STEM), nn.ReLU())
        layers: list[nn.Module] = []
        channels = STEM
        for width, depth in zip(WIDTHS, DEPTHS, strict=True):
            for i in range(depth):
                layers.append(ResidualBlock(channels, width, 2 if i == 0 else 1))
                channels = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(2 * channels, DIM)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(self.stem(x)).mean(3)  # (batch, channels, frames / 32)
        return self.head(torch.cat([x.mean(2), x.amax(2)], 1))


class ReferenceTeacher(nn.Module):
    """Audio tower, text projection (384 -> 384), the learned inverse temperature, and the two means of the space.

    All embeddings of one side share a direction that says nothing (half their length, after training). `centre` takes
    it away: what is left differs more, so that a student has more to learn from and int8 more to resolve.
    """

    audio_mean: Tensor
    text_mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.audio = AudioTower()
        self.text_projection = nn.Parameter(torch.eye(DIM))
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        self.register_buffer("audio_mean", torch.zeros(DIM))
        self.register_buffer("text_mean", torch.zeros(DIM))

    def centre(self, audio: np.ndarray, text: np.ndarray) -> None:
        """Take the means of unit embeddings (n, 384) of either side away from now on."""
        self.audio_mean += torch.from_numpy(audio.mean(0)).to(self.audio_mean)
        self.text_mean += torch.from_numpy(text.mean(0)).to(self.text_mean)

    def forward(self, x: Tensor) -> Tensor:
        """Unit audio embeddings (batch, 384) of normalised log-mels."""
        return F.normalize(F.normalize(self.audio(x), dim=1) - self.audio_mean, dim=1)

    def project_text(self, text: Tensor) -> Tensor:
        """Unit vectors (n, 384) in the shared space from the text tower's (n, 384)."""
        return F.normalize(F.normalize(text @ self.text_projection.T, dim=1) - self.text_mean, dim=1)

    @property
    def scale(self) -> Tensor:
        """Inverse temperature, at most 50."""
        return self.log_scale.exp().clamp(max=50.0)

    @torch.no_grad()
    def embed_db(self, db: np.ndarray, batch: int = 256) -> np.ndarray:
        """Unit embeddings (n, 384) float32 of log-mels (n, frames, mels): float dB, or int16 in 1/256 dB."""
        self.eval()
        device = self.log_scale.device
        parts = []
        for start in range(0, len(db), batch):
            x = torch.from_numpy(np.asarray(db[start : start + batch], np.float32)).to(device)
            parts.append(self(normalise(x / 256.0 if np.issubdtype(db.dtype, np.integer) else x)).float().cpu())
        return torch.cat(parts).numpy() if parts else np.zeros((0, DIM), np.float32)


def save_teacher(path: Path, teacher: ReferenceTeacher, card: dict) -> None:
    """One safetensors file with half-precision weights; written beside and renamed; same weights, same bytes."""
    from safetensors.numpy import save

    arrays = {}
    for name, value in sorted(teacher.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            continue
        exact = name.endswith(
            ("running_var", "running_mean", "log_scale", "text_projection", "audio_mean", "text_mean")
        )
        array = value.detach().cpu().numpy().astype(np.float32 if exact else np.float16)
        arrays[name] = np.ascontiguousarray(array)  # safetensors writes the buffer whatever its strides say
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(save(arrays, {"about": json.dumps({"format": FORMAT, "card": card}, sort_keys=True)}))
    temporary.replace(path)


def load_teacher(path: Path | str) -> tuple[ReferenceTeacher, dict]:
    """The teacher, in evaluation mode, and its card. CorruptFile (7) for anything that is not one."""
    from safetensors import safe_open

    path = Path(path)
    teacher = ReferenceTeacher()
    try:
        with safe_open(str(path), framework="np") as handle:
            about = json.loads((handle.metadata() or {}).get("about", "{}"))
            arrays = {key: torch.from_numpy(handle.get_tensor(key)).float() for key in handle.keys()}  # noqa: SIM118
        if about.get("format") != FORMAT:
            raise CorruptFile(f"{path.name} is not of the form {FORMAT}")
        missing, unexpected = teacher.load_state_dict(arrays, strict=False)
        missing = [name for name in missing if not name.endswith("num_batches_tracked")]
        if missing or unexpected:
            raise CorruptFile(f"{path.name} does not fit the reference teacher: {(missing + unexpected)[0]}")
    except CorruptFile:
        raise
    except Exception as error:
        raise CorruptFile(
            f"{path.name} is not a readable teacher ({error})", "`reference build` makes it anew"
        ) from error
    return teacher.eval(), about["card"]
