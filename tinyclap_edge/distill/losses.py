"""Losses: distillation of a student from stored embeddings, and the contrastive training of the reference teacher."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cosine_distillation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of 1 - cos(student, teacher) over the batch.

    student, teacher: (batch, dim) float, any norm. Returns a scalar in [0, 2].
    tinyCLAP (arXiv 2311.14517), the unimodal loss; the teacher carries no gradient.
    """
    return (1.0 - F.cosine_similarity(student, teacher.detach(), dim=-1)).mean()


def similarity_distillation_loss(student: Tensor, teacher: Tensor, anchors: Tensor, scale: float) -> Tensor:
    """How differently student and teacher rank the same anchors: mean KL(teacher's shares || student's shares).

    student, teacher: (batch, dim) float, any norm; anchors: (n, dim) unit vectors, stored embeddings of the teacher.
    Shares are softmax(scale * cosine to each anchor). Returns a scalar >= 0. SEED (arXiv 2101.04731), with a fixed
    queue. The cosine alone is blind to which of two near labels wins; this is not, and it needs neither.
    """
    shares = F.log_softmax(scale * F.normalize(student, dim=-1) @ anchors.T, -1)
    wanted = F.log_softmax(scale * F.normalize(teacher.detach(), dim=-1) @ anchors.T, -1)
    return F.kl_div(shares, wanted, reduction="batchmean", log_target=True)


def soft_contrastive_loss(
    audio: Tensor,
    text: Tensor,
    scale: Tensor,
    fits: Tensor,
    similarity: Tensor,
    soft_share: float = 0.3,
    soft_width: float = 0.07,
) -> Tensor:
    """Symmetric contrastive loss whose targets know which captions are true and which resemble one another.

    audio, text: (batch, dim) unit vectors, pair i at row i; scale: scalar, the inverse temperature;
    fits: (batch, batch) bool, caption j is true of clip i (the diagonal is); similarity: (batch, batch) cosines of the
    captions in the *frozen* text space. Targets are (1 - soft_share) uniform over the captions that fit, plus
    soft_share falling off as exp((s - 1) / soft_width). Returns a scalar.
    InfoNCE as in CLIP (arXiv 2103.00020) is soft_share=0 with a diagonal `fits`.
    """
    with torch.no_grad():
        hard = fits.float()
        soft = torch.softmax(similarity / soft_width, 1)
        rows = (1 - soft_share) * hard / hard.sum(1, keepdim=True) + soft_share * soft
        columns = (1 - soft_share) * (hard / hard.sum(0, keepdim=True)).T + soft_share * soft  # similarity is symmetric
    logits = scale * audio @ text.T  # (batch, batch)
    to_text = -(rows * F.log_softmax(logits, 1)).sum(1).mean()
    to_audio = -(columns * F.log_softmax(logits.T, 1)).sum(1).mean()
    return 0.5 * (to_text + to_audio)


def kl_distillation_loss(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Mean KL(teacher || student) of the softmax over an embedding's entries, times temperature².

    student, teacher: (batch, dim) float. One of S-SONDO's losses (arXiv 2604.24933, table 2).
    """
    shares = F.log_softmax(student / temperature, -1)
    wanted = F.log_softmax(teacher.detach() / temperature, -1)
    return temperature**2 * F.kl_div(shares, wanted, reduction="batchmean", log_target=True)


def l1_distillation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean absolute difference of raw embeddings (batch, dim); S-SONDO."""
    return F.l1_loss(student, teacher.detach())


def mse_distillation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of raw embeddings (batch, dim); S-SONDO."""
    return F.mse_loss(student, teacher.detach())


def pair_contrastive_loss(first: Tensor, second: Tensor, scale: Tensor | float) -> Tensor:
    """Symmetric cross-entropy of the cosines of all pairs, times `scale`; pair i is row i of both.

    first, second: (batch, dim) float, any norm, of all processes; scale: the inverse temperature itself, not its
    logarithm. CLIP's loss (arXiv 2103.00020) between a student's and its teacher's embedding of the same clip.
    """
    logits = scale * F.normalize(first, dim=-1) @ F.normalize(second, dim=-1).T  # (batch, batch)
    own = torch.arange(len(logits), device=logits.device)
    return 0.5 * (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own))


def consistency_loss(first: Tensor, second: Tensor) -> Tensor:
    """Mean of 1 - cos between a student's embeddings (batch, dim) of two crops of the same clips; both carry gradients."""
    return (1.0 - F.cosine_similarity(first, second, dim=-1)).mean()
