"""One thread owns the models; people wait for it in a fair line of bounded length.

Each session has one place in the line. A newer job of a session takes the place of its older one that still waits, so
the newest drawing wins and nobody loses a place by drawing on. A session that was served stands at the end again, so
everybody is served in turn, however fast one of them draws.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

PLACES = 64  # sessions that may wait at once


class Busy(RuntimeError):
    """The line is full."""


class Superseded(RuntimeError):
    """A newer job of the same session took this one's place."""


class Ticket:
    """A job that waits or runs.

    Attributes:
        turn: its number among the session's jobs.
        result: a `concurrent.futures.Future`: what the job returned or raised, or Superseded.
        waited: seconds from asking to starting; 0.0 until then.
        took: seconds the job ran; 0.0 until then.
    """

    def __init__(self, worker: Worker, session: Hashable, job: Callable[[], Any], turn: int):
        self.result: Future = Future()
        self.turn = turn
        self.waited = self.took = 0.0
        self._worker, self._session = worker, session
        # On ZeroGPU the request, a context variable, says whose minutes are used.
        self._job, self._context = job, contextvars.copy_context()
        self._asked = time.perf_counter()

    @property
    def place(self) -> int:
        """How many sessions are served before this one, the one being served included; 0 once it runs."""
        return self._worker._place(self)

    def leave(self) -> None:
        """Give the place up, because nobody waits for the result any more. A job that runs already goes on."""
        self._worker._leave(self)

    def _run(self) -> None:
        if not self.result.set_running_or_notify_cancel():
            return
        start = time.perf_counter()
        self.waited = start - self._asked
        try:
            result = self._context.run(self._job)
        except BaseException as problem:
            self.took = time.perf_counter() - start
            self.result.set_exception(problem)
        else:
            self.took = time.perf_counter() - start
            self.result.set_result(result)

    def _refuse(self, problem: Exception) -> None:
        if self.result.set_running_or_notify_cancel():  # False: whoever asked has gone
            self.result.set_exception(problem)


class Worker:
    """The thread and its line.

    Args:
        places: sessions that may wait at once; one more is refused with Busy.
    """

    def __init__(self, places: int = PLACES):
        if places < 1:
            raise ValueError(f"got {places} places, expected at least 1")
        self.places = places
        self.served = 0
        self._line: OrderedDict[Hashable, Ticket] = OrderedDict()
        self._running: Ticket | None = None
        self._open = True
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._serve, name="models", daemon=True)
        self._thread.start()

    def submit(self, session: Hashable, job: Callable[[], Any], turn: int = 0) -> Ticket:
        """Put a job in line for a session; its result is in the ticket.

        turn: of two jobs of one session the one with the higher turn is the newer one, whichever arrives first.

        Raises:
            Busy: if the line is full and the session does not stand in it yet.
            Superseded: if a newer job of the session stands in it already.
        """
        ticket = Ticket(self, session, job, turn)
        with self._change:
            if not self._open:
                raise Busy("the server is going down")
            older = self._line.get(session)
            if older is None and len(self._line) >= self.places:
                raise Busy(f"{len(self._line)} others are waiting")
            if older is not None and older.turn > turn:
                raise Superseded("a newer drawing came before it")
            self._line[session] = ticket  # an older one's place in the order is kept
            if older is not None:
                ticket._asked = older._asked
                older._refuse(Superseded("a newer drawing took its place"))
            self._change.notify()
        return ticket

    def run(self, session: Hashable, job: Callable[[], Any]) -> Any:
        """Put a job in line and wait for what it returns or raises."""
        return self.submit(session, job).result.result()

    @property
    def waiting(self) -> int:
        """Sessions in line."""
        return len(self._line)

    def close(self) -> None:
        """Refuse new jobs and those that wait; return when the running one is done."""
        with self._change:
            self._open = False
            while self._line:
                self._line.popitem()[1]._refuse(Busy("the server is going down"))
            self._change.notify()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            with self._change:
                self._running = None
                self._change.wait_for(lambda: self._line or not self._open)
                if not self._open:
                    return
                self._running = self._line.popitem(last=False)[1]
                self.served += 1
            self._running._run()

    def _place(self, ticket: Ticket) -> int:
        with self._change:
            for k, other in enumerate(self._line.values()):
                if other is ticket:
                    return k + (self._running is not None)
        return 0

    def _leave(self, ticket: Ticket) -> None:
        with self._change:
            if self._line.get(ticket._session) is ticket:
                del self._line[ticket._session]
                ticket.result.cancel()
