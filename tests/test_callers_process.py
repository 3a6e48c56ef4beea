"""A model in somebody's process: whatever it has set, pictures stay the same, and so does what it has set."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from i2i import Translator
from i2i.edges import photo_to_drawing
from i2i.metrics.features import pooled
from i2i.serving.exactly import exactly


@pytest.fixture
def defaults():
    """Puts torch's defaults back."""
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)


def picture(translator, drawing) -> bytes:
    domain = {"domain": translator.domains[0]} if translator.domains else {}
    return np.asarray(translator.sample(drawing, seeds=[7], **domain)[0]).tobytes()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "change",
    [
        lambda: torch.set_default_dtype(torch.float64),
        lambda: torch.set_default_dtype(torch.bfloat16),
        lambda: torch.set_default_device("meta"),
    ],
    ids=["float64", "bfloat16", "device"],
)
@pytest.mark.parametrize("name", ["edges2shoes", "coats", "orange2grey"])
def test_torch_s_defaults_change_no_picture(defaults, change, when, name, cat_drawing):
    def load():
        return Translator.from_pretrained(name, device="cpu", dtype="float32")

    translator = load()
    before = picture(translator, cat_drawing)
    change()
    assert picture(load() if when == "before" else translator, cat_drawing) == before


@pytest.mark.parametrize("name", ["edges2shoes", "coats", "orange2grey"])
def test_the_caller_s_autocast_changes_no_picture_and_no_style(name, cat_drawing):
    translator = Translator.from_pretrained(name, device="cpu", dtype="float32")
    domain = {"domain": translator.domains[0]} if translator.domains else {}

    def answers() -> list[bytes]:
        styles = [translator.styles([7], **domain).tobytes()] if translator.has_styles else []
        return [picture(translator, cat_drawing), *styles]

    before = answers()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert answers() == before
        assert torch.is_autocast_enabled("cpu")


def test_the_caller_s_autocast_changes_no_drawing_and_no_features():
    class Means(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 4, 3)

        def forward(self, y):
            return [self.conv(y)]

    cells = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    photo = cells.repeat(32, 0).repeat(32, 1)
    features, pictures = Means(), torch.rand(2, 3, 8, 8)
    before = photo_to_drawing(photo), pooled(pictures, features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = photo_to_drawing(photo), pooled(pictures, features)
    assert all(map(np.array_equal, before, within))


def test_threads_leave_torch_s_switches_as_they_were():
    device, inside, go = torch.device("cuda"), threading.Barrier(2), threading.Event()
    switches = torch.backends.cudnn
    before = switches.benchmark, switches.deterministic, switches.allow_tf32
    seen = []

    def first():
        with exactly(device):
            inside.wait(10)  # the other one is within, too
            seen.append((switches.benchmark, switches.deterministic, switches.allow_tf32))
        go.set()

    def second():
        with exactly(device):
            inside.wait(10)
            go.wait(10)  # leaves last
            seen.append((switches.benchmark, switches.deterministic, switches.allow_tf32))

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(False, True, False)] * 2
    assert (switches.benchmark, switches.deterministic, switches.allow_tf32) == before


def test_a_locale_without_unicode_reads_and_writes_models(tmp_path):
    script = (
        "import locale; assert locale.getpreferredencoding(False).lower() not in ('utf-8', 'utf8')\n"
        "import sys; from i2i import Translator, bundled_models\n"
        "assert 'edges2cats' in bundled_models()\n"
        "translator = Translator.from_pretrained('edges2shoes', device='cpu', dtype='float32')\n"
        "translator.config['name'] = 'Schuhe ä'\n"
        "translator.save_pretrained(sys.argv[1], card='# Fréchet −\\n')\n"
        "assert Translator.from_pretrained(sys.argv[1], device='cpu').name == 'Schuhe ä'\n"
    )
    plain = os.environ | {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "utf-8"}
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py", tmp_path / "model"], env=plain, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "model" / "README.md").read_text(encoding="utf-8") == "# Fréchet −\n"
