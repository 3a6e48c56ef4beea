"""The page in a process of its own, for measurements and tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

APP = Path(__file__).parent / "app.py"


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class LocalPage:
    """A running page.

    Attributes:
        url: its address, with a slash at the end.
        pid: its process.
        log: the file with what it wrote.
    """

    url: str
    pid: int
    log: Path

    def memory(self) -> float:
        """Resident memory of the process in MB; 0.0 where the system does not tell."""
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        except OSError:
            return 0.0
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


@contextmanager
def local_page(*options: str, patience: float = 120) -> Iterator[LocalPage]:
    """Run `demo/app.py` with these options on a free port; yields it when it answers.

    Raises:
        RuntimeError: with the log, if it ends early or does not answer within `patience` seconds.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, str(APP), "--port", str(port), *options],
                stdout=output, stderr=subprocess.STDOUT, cwd=folder, env=os.environ | {"GRADIO_SHARE": "False"},
            )  # fmt: skip
        url, end = f"http://127.0.0.1:{port}/", time.monotonic() + patience
        try:
            while not _answers(url):
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"demo/app.py did not start:\n{log.read_text()}")
                time.sleep(0.25)
            yield LocalPage(url, process.pid, log)
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
        return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
