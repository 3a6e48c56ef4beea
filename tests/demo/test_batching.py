import contextvars
import threading
import time
from concurrent.futures import CancelledError

import pytest

from demo.batching import Busy, Superseded, Together, Worker


@pytest.fixture
def worker():
    running = Worker(places=8)
    yield running
    running.close()


class Gate:
    """A job that holds the worker until it is opened."""

    def __init__(self, worker):
        self.opened, self.entered = threading.Event(), threading.Event()
        self.ticket = worker.submit("gate", self._wait)
        assert self.entered.wait(5)

    def _wait(self):
        self.entered.set()
        assert self.opened.wait(5)

    def open(self):
        self.opened.set()


def test_results_and_errors_reach_whoever_asked(worker):
    assert worker.run("a", lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        worker.run("a", lambda: 1 // 0)
    assert worker.run("a", lambda: 8) == 8  # an error does not end the thread


def test_one_thread_runs_everything(worker):
    assert len({worker.run(k, threading.get_ident) for k in range(5)} | {worker._thread.ident}) == 1


def test_the_newest_job_of_a_session_takes_the_place_of_the_older_one(worker):
    gate, order = Gate(worker), []
    tickets = [worker.submit(name, lambda n=name: order.append(n)) for name in ("a", "b", "c")]
    newer = worker.submit("a", lambda: order.append("newer a"))
    with pytest.raises(Superseded):
        tickets[0].result.result(timeout=5)
    assert (newer.place, tickets[1].place, tickets[2].place) == (1, 2, 3)  # the gate's job comes first
    gate.open()
    tickets[2].result.result(timeout=5)
    assert order == ["newer a", "b", "c"]
    assert newer.place == 0


def test_an_older_job_that_comes_late_replaces_nothing(worker):
    gate = Gate(worker)
    newer = worker.submit("a", lambda: "newer", turn=5)
    with pytest.raises(Superseded):
        worker.submit("a", int, turn=4)
    gate.open()
    assert newer.result.result(timeout=5) == "newer"


def test_everybody_is_served_in_turn_however_fast_one_draws(worker):
    gate, order = Gate(worker), []

    def greedy():
        order.append("greedy")
        if len(order) < 6:
            worker.submit("greedy", greedy)  # asks again before anybody else is served

    worker.submit("greedy", greedy)
    tickets = [worker.submit(name, lambda n=name: order.append(n)) for name in ("a", "b", "c")]
    gate.open()
    for ticket in tickets:
        ticket.result.result(timeout=5)
    assert order[:4] == ["greedy", "a", "b", "c"]


def test_beyond_its_places_the_line_is_full(worker):
    gate = Gate(worker)
    tickets = [worker.submit(k, int) for k in range(8)]
    with pytest.raises(Busy):
        worker.submit("one more", int)
    newer = worker.submit(3, lambda: "newer")  # who stands in line may still change their drawing
    gate.open()
    assert newer.result.result(timeout=5) == "newer"
    assert tickets[7].result.result(timeout=5) == 0
    assert worker.run("one more", int) == 0


def test_whoever_leaves_frees_the_place(worker):
    gate, ran = Gate(worker), []
    tickets = [worker.submit(k, lambda k=k: ran.append(k)) for k in range(8)]
    tickets[2].leave()
    with pytest.raises(CancelledError):
        tickets[2].result.result(timeout=5)
    last = worker.submit("last", int)
    assert last.place == 8
    tickets[3].result.cancel()  # without leaving: the job is passed over
    gate.open()
    last.result.result(timeout=5)
    assert ran == [0, 1, 4, 5, 6, 7]
    gate.ticket.leave()  # after it ran: nothing happens


def test_times_are_told(worker):
    gate = Gate(worker)
    ticket = worker.submit("a", lambda: time.sleep(0.02))
    time.sleep(0.02)
    gate.open()
    ticket.result.result(timeout=5)
    assert ticket.waited >= 0.02 and ticket.took >= 0.02


def test_a_newer_drawing_has_waited_as_long_as_the_one_that_it_replaces(worker):
    gate = Gate(worker)
    worker.submit("a", int)
    time.sleep(0.05)
    newer = worker.submit("a", int)
    gate.open()
    newer.result.result(timeout=5)
    assert newer.waited >= 0.05


def test_closing_refuses_those_who_wait():
    worker = Worker()
    gate = Gate(worker)
    ticket = worker.submit("a", int)
    threading.Timer(0.05, gate.open).start()
    worker.close()
    with pytest.raises(Busy):
        ticket.result.result(timeout=5)
    with pytest.raises(Busy):
        worker.submit("a", int)


def test_a_line_needs_a_place():
    with pytest.raises(ValueError, match="got 0 places"):
        Worker(places=0)


# --- jobs that share a call ------------------------------------------------------------------------------------------

class Pot:
    """A call for several jobs, numbers, that notes who was served with whom."""

    def __init__(self, rows: int = 8):
        self.calls: list[list[int]] = []
        self.contexts: list[str] = []
        self.together = Together(self._run, rows)

    def _run(self, jobs):
        self.calls.append(jobs)
        self.contexts.append(WHO.get())
        if 0 in jobs:
            raise (ValueError if len(jobs) > 1 else ZeroDivisionError)("zero is impossible")
        return [10 * job for job in jobs]


WHO = contextvars.ContextVar("who", default="nobody")


def results(tickets) -> list:
    return [ticket.result.result(timeout=5) for ticket in tickets]


def test_jobs_of_one_call_run_together_and_each_result_goes_to_its_own_ticket(worker):
    gate, pot = Gate(worker), Pot()
    tickets = [worker.submit(name, k, together=pot.together) for k, name in enumerate("abc", 1)]
    assert [ticket.place for ticket in tickets] == [1, 2, 3]
    gate.open()
    assert results(tickets) == [10, 20, 30]
    assert pot.calls == [[1, 2, 3]]
    assert worker.served == 4
    assert all(ticket.took == tickets[0].took for ticket in tickets)


def test_a_call_holds_a_bounded_number_of_rows_and_nobody_overtakes_for_being_small(worker):
    gate, pot = Gate(worker), Pot(rows=8)
    sizes = {"a": 4, "b": 3, "c": 4, "d": 1, "e": 12, "f": 1}
    tickets = [worker.submit(n, k, together=pot.together, rows=r) for k, (n, r) in enumerate(sizes.items(), 1)]
    gate.open()
    results(tickets)
    assert pot.calls == [[1, 2], [3, 4], [5], [6]]  # one that is larger than a call runs by itself


def test_whoever_waits_is_told_of_all_that_are_served_at_once(worker):
    gate, begun, done, pot = Gate(worker), threading.Event(), threading.Event(), Pot()

    def slow(jobs):
        begun.set()
        done.wait(5)
        return jobs

    together = Together(slow, 8)
    tickets = [worker.submit(name, name, together=together) for name in "abc"]
    gate.open()
    assert begun.wait(5)
    last = worker.submit("d", 1, together=pot.together)
    assert [ticket.place for ticket in tickets] == [0, 0, 0] and last.place == 3
    done.set()
    assert results([*tickets, last]) == ["a", "b", "c", 10]


def test_on_a_cpu_everybody_is_served_alone_and_first_come(worker):
    gate, pot = Gate(worker), Pot(rows=1)
    tickets = [worker.submit(k, k, together=pot.together, rows=4) for k in (1, 2, 3)]
    gate.open()
    results(tickets)
    assert pot.calls == [[1], [2], [3]]


def test_other_calls_and_other_jobs_keep_their_places(worker):
    gate, pot, other, order = Gate(worker), Pot(), Pot(), []
    tickets = [
        worker.submit("a", 1, together=pot.together),
        worker.submit("b", 1, together=other.together),
        worker.submit("c", lambda: order.append((len(pot.calls), len(other.calls)))),
        worker.submit("d", 2, together=pot.together),
        worker.submit("e", 2, together=other.together),
    ]
    gate.open()
    results(tickets)
    assert (pot.calls, other.calls) == ([[1, 2]], [[1, 2]])
    assert order == [(1, 1)]


def test_the_newest_job_of_a_session_is_the_one_that_is_shared(worker):
    gate, pot = Gate(worker), Pot()
    older, mate = (worker.submit(name, k, 0, pot.together) for k, name in ((1, "a"), (2, "b")))
    newer = worker.submit("a", 3, 1, pot.together)
    gate.open()
    assert results([newer, mate]) == [30, 20] and pot.calls == [[3, 2]]
    with pytest.raises(Superseded):
        older.result.result(timeout=5)


def test_one_that_fails_takes_nobody_along(worker):
    gate, pot = Gate(worker), Pot()
    tickets = [worker.submit(k, k, together=pot.together) for k in (1, 0, 2)]
    gate.open()
    assert results(tickets[::2]) == [10, 20]
    with pytest.raises(ZeroDivisionError):
        tickets[1].result.result(timeout=5)
    assert pot.calls == [[1, 0, 2], [1], [0], [2]]
    assert worker.run("a", lambda: 7) == 7


def test_whoever_left_is_not_answered(worker):
    gate, pot = Gate(worker), Pot()
    tickets = [worker.submit(k, k, together=pot.together) for k in (1, 2, 3)]
    tickets[1].result.cancel()
    gate.open()
    assert results(tickets[::2]) == [10, 30] and pot.calls == [[1, 3]]


def test_alone_a_job_runs_in_the_context_of_whoever_asked(worker):
    """Which on ZeroGPU says whose minutes are used; a shared call is nobody's."""
    gate, pot, single = Gate(worker), Pot(), Pot(rows=1)
    WHO.set("me")
    try:
        tickets = [worker.submit(k, k, together=p.together) for k, p in enumerate((pot, pot, single), 1)]
    finally:
        WHO.set("nobody")
    gate.open()
    results(tickets)
    assert (pot.contexts, single.contexts) == (["nobody"], ["me"])
