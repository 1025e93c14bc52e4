"""An emulated board that runs in a thread of its own while somebody talks to it over its port."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

from tinyclap_edge.errors import DeviceError, TinyclapError

_STOP_S = 30.0


class RunningBoard(ABC):
    """Runs `work` from `start` on. failure: why it ended, where it was an error of ours."""

    def __init__(self) -> None:
        self.failure: TinyclapError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ended = threading.Event()  # not Thread.join: Ctrl-C in it makes Python take the thread for ended

    @abstractmethod
    def work(self) -> None:
        """What the board does, until somebody ends it."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        try:
            self.work()
        except TinyclapError as error:
            self.failure = error
        finally:
            self._ended.set()

    @property
    def running(self) -> bool:
        """Whether the firmware has neither ended nor failed."""
        return not self._ended.is_set()

    def join(self) -> None:
        """Wait until the firmware ends, and say why if it failed. An interrupt (Ctrl-C) comes through."""
        while not self._ended.wait(0.2):
            pass
        if self.failure is not None:
            raise self.failure

    def await_end(self) -> None:
        """Behind a request to end: DeviceError when the firmware does not."""
        if not self._ended.wait(_STOP_S):
            raise DeviceError("the emulated board does not stop", "end this program")
