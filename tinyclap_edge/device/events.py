"""From the scores of windows to events, as a board does it: the twin of firmware/app/tce_events.c, to the last bit.

    detector = EventDetector(thresholds_q15, background=0, settings=EventSettings())
    for scores_q15 in windows:
        heard = detector.take(scores_q15)        # labels whose event begins in this window

docs/protocol.md states the rule.
"""

from __future__ import annotations

import numpy as np

from tinyclap_edge.device.link_monitor import EventSettings


class EventDetector:
    """One stream of windows. thresholds_q15: (labels,) int; background: the row of "none of these".

    `scores_q15` holds the smoothed scores of the newest window, (labels,) int32 within int16.
    """

    def __init__(
        self, thresholds_q15: np.ndarray, background: int | None = None, settings: EventSettings | None = None
    ) -> None:
        self.settings = settings or EventSettings()
        self.thresholds_q15 = np.asarray(thresholds_q15, np.int32)
        self.scores_q15: np.ndarray | None = None
        self._rest = np.zeros(len(self.thresholds_q15), np.int32)
        self._heard = np.zeros(len(self.thresholds_q15), bool)
        self._may = np.ones(len(self.thresholds_q15), bool)  # the background row never is an event
        self._background = background
        if background is not None:
            self._may[background] = False

    def take(self, scores_q15: np.ndarray) -> list[int]:
        """One window's raw scores, (labels,) in Q15: the labels whose event begins."""
        settings, new = self.settings, np.asarray(scores_q15, np.int32)
        if self.scores_q15 is None:
            self.scores_q15 = new.copy()
        else:
            half = (1 << settings.smoothing) >> 1
            self.scores_q15 = self.scores_q15 + ((new - self.scores_q15 + half) >> settings.smoothing)
        score = self.scores_q15
        resting = self._rest > 0
        self._rest -= resting
        beats = score > score[self._background] if self._background is not None else np.ones(len(score), bool)
        begins = ~self._heard & ~resting & (score >= self.thresholds_q15) & beats & self._may
        goes_on = self._heard & (score >= self.thresholds_q15 - settings.hysteresis_q15)
        self._heard = begins | goes_on
        self._rest[begins] = settings.refractory_windows
        return [int(label) for label in np.flatnonzero(begins)]
