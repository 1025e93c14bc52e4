"""The front ends that published students were trained with."""

from __future__ import annotations

import math

from tinyclap_edge.frontend.spec import FrontendSpec

# tinyCLAP and its teacher MS CLAP 2022: torchlibrosa's log-mel of 5 s clips; the network normalises it itself.
TINYCLAP = FrontendSpec(
    sample_rate_hz=44100,
    n_fft=1024,
    window_samples=1024,
    hop_samples=320,
    mel_bins=64,
    f_min_hz=50.0,
    f_max_hz=14000.0,
    mel_scale="slaney",
    mel_norm="slaney",
    power="raw",
    centred=True,
    frames=690,
    floor_db=-100.0,
    offset_db=0.0,
    scale_db=1.0,
)

# S-SONDO's students: ln(energy + 1e-3) of 10 s segments; a natural logarithm is dB over 10 / ln 10.
SSONDO = FrontendSpec(
    sample_rate_hz=32000,
    n_fft=1024,
    window_samples=1024,
    hop_samples=512,
    mel_bins=128,
    f_min_hz=50.0,
    f_max_hz=16000.0,
    mel_scale="slaney",
    mel_norm="slaney",
    power="raw",
    power_offset=1e-3,
    frames=624,
    floor_db=-100.0,
    offset_db=0.0,
    scale_db=10.0 / math.log(10.0),
)
