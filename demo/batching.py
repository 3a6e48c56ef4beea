"""One thread owns the models; people wait for it in a fair line of bounded length.

Each session has one place in the line. A newer job of a session takes the place of its older one that still waits, so
the newest drawing wins and nobody loses a place by drawing on. A session that was served stands at the end again, so
everybody is served in turn, however fast one of them draws. Jobs that one call of a model can answer are taken from the
line together, as many as the call may hold: on a GPU the drawings of several people cost little more than one. Each
result goes to its own ticket.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

PLACES = 64  # sessions that may wait at once

log = logging.getLogger(__name__)


class Busy(RuntimeError):
    """The line is full."""


class Superseded(RuntimeError):
    """A newer job of the same session took this one's place."""


@dataclass(frozen=True, eq=False)
class Together:
    """A call that answers jobs of several sessions at once.

    Attributes:
        run: jobs → their results, in the same order. Where it raises for several, each of them runs alone, so nobody
            fails because of somebody else.
        rows: rows (pictures) that one call holds at most; a single job may have more.
    """

    run: Callable[[list[Any]], list[Any]]
    rows: int


class Ticket:
    """A job that waits or runs.

    Attributes:
        turn: its number among the session's jobs.
        result: a `concurrent.futures.Future`: what the job returned or raised, or Superseded.
        waited: seconds from asking to starting; 0.0 until then.
        took: seconds the job ran, or the call that it shared; 0.0 until then.
    """

    def __init__(
        self, worker: Worker, session: Hashable, job: Any, turn: int, together: Together | None, rows: int
    ):
        self.result: Future = Future()
        self.turn = turn
        self.waited = self.took = 0.0
        self._worker, self._session = worker, session
        self._job, self._together, self._rows = job, together, rows
        # On ZeroGPU the request, a context variable, says whose minutes are used.
        self._context = contextvars.copy_context()
        self._asked = time.perf_counter()

    @property
    def place(self) -> int:
        """How many sessions are served before this one, the one being served included; 0 once it runs."""
        return self._worker._place(self)

    def leave(self) -> None:
        """Give the place up, because nobody waits for the result any more. A job that runs already goes on."""
        self._worker._leave(self)

    def _start(self) -> bool:
        """Whether anybody still wants the result; if so, the wait is over."""
        if not self.result.set_running_or_notify_cancel():
            return False
        self.waited = time.perf_counter() - self._asked
        return True

    def _run_alone(self) -> None:
        job = self._job if self._together is None else lambda: self._together.run([self._job])[0]
        start = time.perf_counter()
        try:
            result = self._context.run(job)
        except BaseException as problem:
            self.took = time.perf_counter() - start
            self.result.set_exception(problem)
        else:
            self.took = time.perf_counter() - start
            self.result.set_result(result)

    def _refuse(self, problem: Exception) -> None:
        if self.result.set_running_or_notify_cancel():  # False: whoever asked has gone
            self.result.set_exception(problem)


def _run(tickets: list[Ticket]) -> None:
    """Run jobs that share a call, or a single one."""
    wanted = [ticket for ticket in tickets if ticket._start()]
    if len(wanted) > 1:
        start = time.perf_counter()
        try:
            # In nobody's context: it is everybody's call.
            results = wanted[0]._together.run([ticket._job for ticket in wanted])
            pairs = list(zip(wanted, results, strict=True))
        except ValueError:
            pass  # one of them asked for something impossible, and is told so below
        except Exception:
            log.warning("answering %d sessions together failed; each is answered alone", len(wanted), exc_info=True)
        else:
            took = time.perf_counter() - start
            for ticket, result in pairs:
                ticket.took = took
                ticket.result.set_result(result)
            return
    for ticket in wanted:
        ticket._run_alone()


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
        self._running: list[Ticket] = []
        self._open = True
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._serve, name="models", daemon=True)
        self._thread.start()

    def submit(
        self, session: Hashable, job: Any, turn: int = 0, together: Together | None = None, rows: int = 1
    ) -> Ticket:
        """Put a job in line for a session; its result is in the ticket.

        Args:
            session: whose it is.
            job: a function without arguments; with `together`, what that call takes as one of its jobs.
            turn: of two jobs of one session the one with the higher turn is the newer one, whichever arrives first.
            together: the call that may answer it with other jobs of the same `together`.
            rows: how much of that call it fills.

        Raises:
            Busy: if the line is full and the session does not stand in it yet.
            Superseded: if a newer job of the session stands in it already.
        """
        ticket = Ticket(self, session, job, turn, together, rows)
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
                self._running = []
                self._change.wait_for(lambda: self._line or not self._open)
                if not self._open:
                    return
                self._running = self._take()
                self.served += len(self._running)
            _run(self._running)

    def _take(self) -> list[Ticket]:
        """The first in line, and those behind it, in their order, for whom there is room in the same call.

        Jobs of other calls keep their places. The first one without room ends it: nobody overtakes for being small.
        """
        first = self._line.popitem(last=False)[1]
        taken, rows = [first], first._rows
        mates = [t for t in self._line.values() if t._together is first._together] if first._together else []
        for mate in mates:
            rows += mate._rows
            if rows > first._together.rows:
                break
            taken.append(self._line.pop(mate._session))
        return taken

    def _place(self, ticket: Ticket) -> int:
        with self._change:
            for k, other in enumerate(self._line.values()):
                if other is ticket:
                    return k + len(self._running)
        return 0

    def _leave(self, ticket: Ticket) -> None:
        with self._change:
            if self._line.get(ticket._session) is ticket:
                del self._line[ticket._session]
                ticket.result.cancel()
