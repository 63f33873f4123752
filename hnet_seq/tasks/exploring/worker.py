"""One thread that asks the models, so that a page's server answers meanwhile.

What takes long goes in steps, between which more urgent work comes. Of one slot the last question
counts: what was asked before it is dropped, wherever it is by then.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from hnet_seq.tasks.exploring.explorer import Steps
from hnet_seq.tasks.exploring.reading import OnTokens

Value = TypeVar("Value")
CUTS, BITS, MAP = range(3)
"""What is urgent comes first."""


class Superseded(Exception):
    """Another question has taken the place of this one."""


@dataclass
class Question(Generic[Value]):
    """Work that waits, runs or is done.

    Attributes:
        make: begins it; is given what a reading has to be told.
        answer: what it comes to, or what it raised.
        progress: done, of how many steps.
    """

    make: Callable[[OnTokens], Steps[Value]]
    answer: Future[Value] = field(default_factory=Future)
    progress: tuple[int, int] = (0, 1)
    _dropped: bool = False
    _began: bool = False
    _steps: Steps[Value] | None = None

    def drop(self) -> None:
        """Nobody waits for it any more."""
        self._dropped = True

    def step(self) -> bool:
        """Do some of it; whether there is more to do."""
        if not self._began:
            # From here on nobody can cancel the answer: it is the thread's to give.
            self._began = self.answer.set_running_or_notify_cancel()
            if not self._began:
                return False
        try:
            self._check(0)
            self._steps = self._steps or self.make(self._check)
            self.progress = next(self._steps)
        except StopIteration as end:
            self.answer.set_result(end.value)
        except BaseException as error:  # it is the asker's
            self.answer.set_exception(error)
        return not self.answer.done()

    def _check(self, _tokens: int) -> None:
        if self._dropped:
            raise Superseded("another request came after this one")


class Worker:
    """The thread."""

    def __init__(self) -> None:
        self._waiting: queue.PriorityQueue[tuple[int, int, Question[Any]]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._last: dict[str, Question[Any]] = {}
        self._thread = threading.Thread(target=self._work, daemon=True, name="models")
        self._thread.start()

    def ask(
        self, slot: str, urgency: int, make: Callable[[OnTokens], Steps[Value]]
    ) -> Question[Value]:
        """Put a question.

        Args:
            slot: of it one question at a time is worth an answer.
            urgency: the lower, the sooner.
            make: see :class:`Question`.
        """
        question = Question(make)
        self.drop(slot)
        self._last = {name: own for name, own in self._last.items() if not own.answer.done()}
        self._last[slot] = question
        self._waiting.put((urgency, next(self._numbers), question))
        return question

    def drop(self, slot: str) -> None:
        """Nobody waits for the answer to the last question of a slot."""
        if (before := self._last.get(slot)) is not None:
            before.drop()

    def close(self) -> None:
        """End the thread, after the call of a model that runs: a process that ended in one would
        be aborted."""
        for question in self._last.values():
            question.drop()
        self._waiting.put((-1, -1, Question(lambda _tell: _nothing())))
        self._thread.join()

    def _work(self) -> None:
        while True:
            urgency, number, question = self._waiting.get()
            if urgency < 0:
                return
            if question.step():
                self._waiting.put((urgency, number, question))


def _nothing() -> Steps[None]:
    yield 0, 1
