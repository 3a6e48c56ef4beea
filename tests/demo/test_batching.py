import threading
import time
from concurrent.futures import CancelledError

import pytest

from demo.batching import Busy, Superseded, Worker


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
