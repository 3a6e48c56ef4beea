"""The page: draw, and photos answer. Layout and launch only; answers.py and its neighbours do the work.

    python demo/app.py                                  every bundled model
    python demo/app.py --model edges2cats --port 8000
    python demo/app.py --model RUN/model                a model folder that training made
"""

from __future__ import annotations

import argparse
import functools
import html
import io
import logging
import os
import socket
import sys
import threading
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
if __package__ in (None, ""):  # started as a script: the clone itself is the package, installed or not
    sys.path.insert(0, str(ROOT))
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported
os.environ.setdefault("GRADIO_RUN_HISTORY", "False")  # drawings are not kept in the browser

from demo.zero_gpu import LIVE  # noqa: E402  first: before torch

import gradio as gr  # noqa: E402  # isort: skip
import torch  # noqa: E402
from gradio.utils import get_upload_folder  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402

from demo.answers import Answers  # noqa: E402
from demo.batching import Worker  # noqa: E402
from demo.calls import Page  # noqa: E402
from demo.canvas import drawing_surface, load_examples  # noqa: E402
from demo.examples import examples_for, fitting_examples, keep_examples, showcase  # noqa: E402
from demo.handlers import PICTURES, Endpoints, check_servable, facts, model_facts  # noqa: E402
from demo.limits import BodyLimit  # noqa: E402
from demo.routes import MAX_BODY, routes  # noqa: E402
from demo.tiles import below_tiles, photo_tiles  # noqa: E402
from demo.tools import Tools  # noqa: E402
from demo.uploads import keep_swept  # noqa: E402
from demo.words import words_of  # noqa: E402
from i2i.model_folder import ASSETS, bundled_models  # noqa: E402
from i2i.translator import DRAWING_SIZE, Translator, choose_device  # noqa: E402

HERE = Path(__file__).parent
LARGEST_UPLOAD = "10mb"  # to the endpoints; the page's own requests are smaller (routes.py)
LARGEST_REQUEST = 11 * 2**20  # bytes: one such file, and its headers
SWEEP, LIFETIME = 300, 900  # seconds: uploads to the endpoints are looked through, and deleted when they are that old
CALLS = 4  # of an endpoint that stand in the worker's line at once; Gradio queues CALLS_WAITING more
CALLS_WAITING = 40


def build_page(answers: Answers, address: str = "") -> gr.Blocks:
    """The page for the models of `answers`, the first one chosen. Launch it with `**serving_options(answers)`.

    address: where links point to; "": where the page is.
    """
    translators = answers.translators
    examples = load_examples(ASSETS / "sketches")
    models = [
        model_facts(name, translator)
        | words_of(name, translator)
        | {"examples": [example["id"] for example in examples_for(name, translator, examples)]}
        for name, translator in translators.items()
    ]
    first = models[0]
    options = {"analytics_enabled": False, "delete_cache": (SWEEP, LIFETIME), "lifetime": LIFETIME}
    with Page(title=first["title"], **options) as page:
        title, invitation = html.escape(first["title"]), html.escape(first["invitation"])
        gr.HTML(f"<h1>{title}</h1><p>{invitation}</p>", elem_id="title")
        with gr.Row(elem_id="halves"):
            with gr.Column(min_width=300):
                drawing_surface(
                    examples,
                    size=DRAWING_SIZE,
                    hint=first["hint"],
                    mode=first["mode"],
                    palette=first["palette"],
                    live=LIVE,
                    elem_id="canvas",
                )
            with gr.Column(min_width=300, elem_id="answer"):
                tiles = photo_tiles(
                    models,
                    showcase=_first_showcase(answers, first["name"], examples) if LIVE else None,
                    live=LIVE,
                    address=address,
                    elem_id="tiles",
                )
        below_tiles(facts(first["name"], translators[first["name"]]), elem_id="below")
        if not LIVE:
            _answer_in_queue(answers, tiles)
        _endpoints(Endpoints(answers), first["name"])
    page.queue(max_size=CALLS_WAITING, default_concurrency_limit=CALLS)
    return page


def _first_showcase(answers: Answers, model: str, examples: list[dict]) -> dict | None:
    try:
        return showcase(answers, model, examples)
    except ValueError as error:  # the page works without
        logging.getLogger(__name__).warning("the first example of %s was not answered: %s", model, error)
        return None


def _answer_in_queue(answers: Answers, tiles: gr.HTML) -> None:
    """On ZeroGPU answers go through Gradio's queue; everywhere else, and all else that the page asks, by plain routes
    (routes.py), so that a lost connection is the page's own matter: Gradio's would load the page anew."""
    own = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": CALLS}
    tiles.input(answers.answer_now, tiles, tiles, trigger_mode="multiple", **own)


def _endpoints(endpoints: Endpoints, model: str) -> None:
    """The endpoints for other programs: components that are not on the page give them names and checks."""

    def in_words(function):
        @functools.wraps(function)  # Gradio reads the names of the parameters
        def call(*values):
            try:
                return function(*(io.BytesIO(value) if isinstance(value, bytes) else value for value in values))
            except ValueError as problem:
                raise gr.Error(str(problem), print_exception=False) from problem

        return call

    def endpoint(name: str, function, inputs: list, words: str) -> None:
        gr.Button(visible=False).click(
            in_words(function), inputs, gr.JSON(visible=False), api_name=name, api_description=words,
            concurrency_limit=CALLS,
        )

    def file(label: str):
        # As bytes: of a path Gradio leaves an empty file behind.
        return gr.File(label=label, type="binary", visible=False)

    def name(label: str):
        return gr.Textbox(None, label=label, visible=False)

    def number(label: str, value: int):
        return gr.Number(value, label=label, visible=False)  # unrounded: 1.7 gets an error in words

    endpoint(
        "sample",
        endpoints.sample,
        [
            file("sketch"), gr.Textbox(model, label="model", visible=False), number("n", PICTURES), number("seed", 0),
            gr.JSON(None, label="styles", visible=False), name("direction"), name("domain"),
        ],
        "Photos of a sketch or of a photo: data URLs, seeds, model, weights, milliseconds.",
    )
    endpoint(
        "edges",
        endpoints.edges,
        [file("photo"), gr.Textbox("crop", label="fit", visible=False)],
        "The edges of a photo: soft map and drawing as data URLs, strokes, milliseconds.",
    )
    endpoint(
        "styles",
        endpoints.styles,
        [
            gr.Textbox(model, label="model", visible=False), gr.JSON(None, label="seeds", visible=False), file("photo"),
            name("domain"),
        ],
        "Style vectors of seeds, or of a reference photo.",
    )


def launch_options() -> dict:
    """What belongs to the page's looks but goes to `launch`. System fonts: the page needs no other host."""
    sans = ["ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    theme = gr.themes.Soft(
        primary_hue="teal", neutral_hue="slate", font=sans, font_mono=["ui-monospace", "Menlo", "monospace"]
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_title_background_fill="transparent",
        block_title_background_fill_dark="transparent",
        block_title_text_color="*body_text_color_subdued",
        block_title_text_color_dark="*body_text_color_subdued",
        block_title_text_size="12px",
        block_title_text_weight="400",
        block_title_padding="0",
        input_border_width="1px",
        input_border_width_dark="1px",
        input_shadow="none",
        input_background_fill="*background_fill_primary",
        input_background_fill_dark="*background_fill_primary",
        input_border_color="*border_color_primary",
        input_border_color_dark="*border_color_primary",
        button_primary_background_fill="*primary_700",  # white words on it are readable: contrast above 4.5
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        body_text_color_subdued="*neutral_500",
    )
    # In the head, not as `css`: Gradio rewrites selectors there, and rules inside @media no longer match.
    style = f"<style>{(HERE / 'page.css').read_text(encoding='utf-8')}</style>"
    return {"theme": theme, "head": style, "footer_links": ["api", "gradio"], "ssr_mode": False}


def serving_options(answers: Answers) -> dict:
    """All that `launch` needs to serve the page: looks, limits, and the page's own routes."""
    return {
        **launch_options(),
        "max_file_size": LARGEST_UPLOAD,
        "enable_monitoring": False,
        "app_kwargs": {
            "routes": routes(answers, Tools(answers).functions()),
            "middleware": [Middleware(BodyLimit, most=MAX_BODY, upload=LARGEST_REQUEST)],
        },
    }


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; use a number from 1 to 65535")
    return int(text)


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")) or "#" in text or any(c.isspace() for c in text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as https://user-name.hf.space/")
    return text


def page_address(given: str | None) -> str:
    """Where links point to: what was given, else the Space that this runs on, else "" (the page's own address)."""
    host = os.environ.get("SPACE_HOST")  # user-name.hf.space: there a fragment reaches the page itself
    return given or (f"https://{host}/" if host else "")


def parse_options(argv: list[str] | None) -> argparse.Namespace:
    """Command line → options; a mistake is one line on stderr and exit code 2."""
    parser = _Parser(prog="demo/app.py", description="Serve the drawing page.")
    parser.add_argument(
        "--model", action="append", metavar="NAME_OR_FOLDER",
        help="a bundled model, or a folder that training made; may be repeated (default: every bundled model)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0: every network (default: %(default)s)"
    )
    parser.add_argument("--port", type=_port, default=7860, help="default: %(default)s")
    parser.add_argument("--share", action="store_true", help="also make a temporary public link (Gradio's tunnel)")
    parser.add_argument(
        "--space-url", type=_url, metavar="URL",
        help="address that links to drawings point to (default: the page's own)",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="default: %(default)s")
    return parser.parse_args(argv)


def check_address(host: str, port: int) -> None:
    """OSError in words if nothing can listen there; asked first, because loading models takes longer."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror:
        raise OSError(f"--host {host} is not an address of this machine; use 127.0.0.1 or 0.0.0.0") from None
    except OSError as problem:
        raise OSError(
            f"cannot listen on {host}:{port} ({problem.strerror}); free that port or choose another with --port"
        ) from None


def load_translators(models: list[str] | None, device: str) -> dict[str, Translator]:
    """One translator a model, in the order given; without any, every bundled one, those of drawings first.

    Two folders with one name keep both: the later one is called "name (first digits of its weights)".
    ValueError if there is nothing to load, or a model cannot be loaded or served.
    """
    asked = models or bundled_models()
    translators: dict[str, Translator] = {}
    for model in asked:
        translator = Translator.from_pretrained(model, device=device)
        name = translator.name
        check_servable(translator)
        if name in translators:
            name = f"{name} ({translator.weights_id})"
        translators[name] = translator
        translator.warm_up()  # nobody should wait for the first call
    if not translators:
        raise ValueError(f"no bundled model in {ASSETS / 'models'}; name one with --model NAME_OR_FOLDER")
    return translators


LOOPBACK = ("127.0.0.1", "localhost", "::1")


def model_threads(host: str) -> int | None:
    """Threads for the models where visitor and page share the machine: one less than its cores, which the browser gets.

    On two cores an answer is on the screen sooner so (`demo/latency.py`), though the model alone takes longer. None,
    for all cores, where others are served, and where OMP_NUM_THREADS says it.
    """
    if host not in LOOPBACK or os.environ.get("OMP_NUM_THREADS"):
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


def main(argv: list[str] | None = None) -> int:
    """Serve the page until Ctrl-C. Returns the exit code: 0, or 2 after one line on stderr."""
    options = parse_options(argv)
    try:
        check_address(options.host, options.port)
        choose_device(options.device)
        if threads := model_threads(options.host):
            torch.set_num_threads(threads)
        answers = Answers(load_translators(options.model, options.device), Worker())
        page = build_page(answers, page_address(options.space_url))
        page.launch(
            server_name=options.host,
            server_port=options.port,
            share=options.share,
            prevent_thread_lock=True,
            **serving_options(answers),
        )
    except (ValueError, OSError) as problem:
        print(f"demo/app.py: {' '.join(str(problem).split())}", file=sys.stderr)
        return 2
    if options.share and not page.share_url:
        print(
            "demo/app.py: no public link: Gradio's tunnel cannot be reached from here (no network, a firewall, or the "
            f"service is down). The page itself runs at {page.local_url}",
            file=sys.stderr,
        )
    if LIVE:
        threading.Thread(target=keep_examples, args=(answers, fitting_examples(answers)), daemon=True).start()
    folder = Path(get_upload_folder())
    threading.Thread(target=keep_swept, args=(folder, SWEEP, LIFETIME), daemon=True).start()
    page.block_thread()
    return 0


if __name__ == "__main__":
    sys.exit(main())
