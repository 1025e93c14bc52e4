"""False alarms on ambient sound, and each label's lowest threshold that keeps their rate.

Alarms are counted as a board counts events (device/events.py: smoothing, hysteresis, refractory time, the background
row). How many hours were heard limits what the count says: after k alarms in H hours the rate lies, at 95 %, below
m / H, where k events or fewer have a probability of 5 % at a Poisson mean of m; for k = 0 that is 3 / H. The same holds
of a threshold that was chosen on these hours: that the rate above it is too high means that k or fewer alarms came
where more than m were due. So as many alarms are allowed as keep that bound within the rate, and where even none does, no
threshold is lowered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyclap_edge.device.events import EventDetector
from tinyclap_edge.device.link_monitor import EventSettings
from tinyclap_edge.errors import GateFailed, UsageError
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.labels.score import SCORE_MAX

CANDIDATES = 64  # thresholds tried at once for each label; 64^3 > 2^15, so three rounds reach the last bit
_ROUNDS = 3


@dataclass(frozen=True)
class Calibrated:
    """What ambient sound says of each label of a pack; arrays are (labels,), 0 for the background row.

    alarms: in `hours`; at_most: alarms an hour below which the true rate lies at 95 %.
    """

    thresholds_q15: np.ndarray  # int16
    alarms: np.ndarray  # int64
    at_most: np.ndarray  # float64
    hours: float
    per_hour: float
    allowed: int | None  # alarms of a label in these hours; None where they are too few to show the rate

    @property
    def hours_needed(self) -> float:
        """Hours without an alarm from which `per_hour` is shown at 95 %."""
        return poisson_upper(0) / self.per_hour


def check_rate(per_hour: float, hop_s: float, settings: EventSettings) -> None:
    """UsageError for a rate that is none, and for one that no threshold limits."""
    if not 0 < per_hour < math.inf:
        raise UsageError(
            f"a rate of {per_hour:g} false alarms an hour cannot be kept",
            "give one above 0, for example 0.5: no number of hours shows that there will be none",
        )
    most = 3600 / (hop_s * (settings.refractory_windows + 1))
    if per_hour >= most:
        raise UsageError(
            f"{per_hour:g} false alarms an hour are more than a label can make: {most:.0f}, by its refractory time",
            "give a lower rate, for example 0.5",
        )


def poisson_upper(count: int, confidence: float = 0.95) -> float:
    """The mean of which `count` events or fewer have a probability of 1 - confidence; 2.996 for none."""
    low, high = 0.0, 10.0 + 3 * count
    for _ in range(100):
        mean = (low + high) / 2
        term = total = math.exp(-mean)
        for i in range(1, count + 1):
            term *= mean / i
            total += term
        low, high = (mean, high) if total > 1 - confidence else (low, mean)
    return high


def allowed_alarms(hours: float, per_hour: float) -> int | None:
    """The most alarms in `hours` that still show, at 95 %, a rate within `per_hour`; None where none does."""
    if poisson_upper(0) > per_hour * hours * (1 + 1e-9):
        return None
    count = 0
    while poisson_upper(count + 1) <= per_hour * hours * (1 + 1e-9):
        count += 1
    return count


def count_alarms(
    streams: Sequence[np.ndarray], thresholds_q15: np.ndarray, background: int | None, settings: EventSettings
) -> np.ndarray:
    """(labels,) events in streams of windows (n, labels) int16, each stream heard from its begin."""
    total = np.zeros(len(thresholds_q15), np.int64)
    for stream in streams:
        detector = EventDetector(thresholds_q15, background, settings)
        for scores in stream:
            total[detector.take(scores)] += 1
    return total


def choose_thresholds(
    streams: Sequence[np.ndarray], pack: LabelPack, hours: float, per_hour: float, settings: EventSettings
) -> Calibrated:
    """The lowest threshold of each label, 0 or more, from which on up it makes no more alarms than `allowed_alarms`.

    Where these hours are too few to show the rate, the label makes no alarm in them, and its threshold is not lowered.
    streams: (n, labels) int16 raw scores of each recording. The background row keeps its threshold. GateFailed (1) where
    a label is heard in the ambient sound so clearly that no threshold helps.
    """
    shown = allowed_alarms(hours, per_hour)
    allowed = shown or 0
    labels = [i for i in range(len(pack.names)) if i != pack.background]
    low = np.zeros(len(labels), np.int64)  # tried and refused, or 0
    high = np.full(len(labels), SCORE_MAX + 1, np.int64)  # no score reaches it
    for _ in range(_ROUNDS):
        steps = low[:, None] + (high - low)[:, None] * np.arange(CANDIDATES + 1) // CANDIDATES  # (labels, 65)
        alarms = _alarms_at(streams, labels, steps, pack.background, settings)
        kept = np.minimum.accumulate((alarms <= allowed)[:, ::-1], axis=1)[:, ::-1]  # from here up all are within
        first = np.argmax(kept, axis=1)
        rows = np.arange(len(labels))
        high, low = steps[rows, first], steps[rows, np.maximum(first - 1, 0)]
    if hopeless := [pack.names[labels[i]] for i in np.flatnonzero(high > SCORE_MAX)]:
        raise GateFailed(
            f"no threshold keeps {hopeless[0]!r} below {per_hour:g} alarms an hour: the ambient sound is that very sound",
            "leave recordings of it out of --ambient, or the label out of the pack",
        )
    thresholds = pack.thresholds_q15.copy()
    thresholds[labels] = high if shown is not None else np.maximum(high, thresholds[labels])
    counted = count_alarms(streams, thresholds, pack.background, settings)
    at_most = np.array([poisson_upper(int(count)) / hours for count in counted])
    if pack.background is not None:
        at_most[pack.background] = 0.0
    return Calibrated(thresholds, counted, at_most, hours, per_hour, shown)


def _alarms_at(
    streams: Sequence[np.ndarray],
    labels: Sequence[int],
    steps: np.ndarray,
    background: int | None,
    settings: EventSettings,
) -> np.ndarray:
    """Alarms at each of many thresholds (labels, m), side by side as if each were a label of its own: (labels, m)."""
    columns = np.repeat(np.asarray(labels), steps.shape[1])
    thresholds = steps.ravel()
    if background is not None:
        columns, thresholds = np.append(columns, background), np.append(thresholds, 0)
    at = None if background is None else len(columns) - 1
    counted = count_alarms([stream[:, columns] for stream in streams], thresholds, at, settings)
    return counted[: steps.size].reshape(steps.shape)
