"""What test_loop.py starts in two processes: a run that never stops, and one that stops after a step and goes on."""

import dataclasses
import sys
from pathlib import Path

from tiny_runs import HOW, run

folder, how = Path(sys.argv[1]), dataclasses.replace(HOW, steps=3)
run(folder / "whole", how)
run(folder / "broken", dataclasses.replace(how, minutes=1e-9))
run(folder / "broken", how, resume=True)
