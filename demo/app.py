"""The page: draw, and four photos answer. Layout and launch only; what happens is in handlers.py.

    python demo/app.py                                  every bundled model
    python demo/app.py --model edges2cats --port 8000
    python demo/app.py --model RUN/model                a model folder that training made
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
if __package__ in (None, ""):  # started as a script: the clone itself is the package, installed or not
    sys.path.insert(0, str(ROOT))
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported
os.environ.setdefault("GRADIO_RUN_HISTORY", "False")  # drawings are not kept in the browser

import gradio as gr  # noqa: E402

from demo import handlers  # noqa: E402
from demo.canvas import drawing_surface, load_examples  # noqa: E402
from demo.tiles import photo_tiles  # noqa: E402
from i2i.model_folder import ASSETS, bundled_models  # noqa: E402
from i2i.translator import DRAWING_SIZE, Translator, choose_device  # noqa: E402

HERE = Path(__file__).parent
CATS = "edges2cats"  # the bundled model that the page speaks of cats for
_SENT = "(...inputs) => { window.dispatchEvent(new Event('drawing-sent')); return inputs; }"


def build_page(translators: dict[str, Translator]) -> gr.Blocks:
    """The page for loaded models, the first one chosen. Launch it with `**launch_options()`."""
    names = list(translators)

    def answer(drawing, model, seed):
        return handlers.answer(translators, drawing, model, seed)

    def facts(model):
        return handlers.facts(translators, model)

    def sample(sketch, model, n, seed):
        """Four (or `n`) photos of a sketch; see handlers.sample."""
        try:
            return handlers.sample(translators, sketch, model, n, seed)
        except ValueError as problem:
            raise gr.Error(str(problem), print_exception=False) from problem

    cats = names[0] == CATS
    with gr.Blocks(title="Draw, and photos answer", analytics_enabled=False) as page:
        title, invitation = (
            ("Draw a cat, meet four", "Draw a cat’s face on the paper: after every line, four photos answer.")
            if cats
            else ("Draw, and photos answer", "Draw something on the paper: after every line, four photos answer.")
        )
        gr.HTML(f"<h1>{title}</h1><p>{invitation}</p>", elem_id="title")
        with gr.Row(elem_id="halves"):
            with gr.Column(min_width=300):
                canvas = drawing_surface(
                    load_examples(ASSETS / "sketches"),
                    size=DRAWING_SIZE,
                    hint="draw a cat …" if cats else "draw something …",
                    elem_id="canvas",
                )
            with gr.Column(min_width=300, elem_id="answer"):
                tiles = photo_tiles(handlers.nothing_drawn(), elem_id="tiles")
                with gr.Row(elem_id="controls"):
                    new_samples = gr.Button("New samples", variant="primary", min_width=130, elem_id="new-samples")
                    seed = gr.Number(0, label="Seed", precision=0, step=1, min_width=90, elem_id="seed")
                    model = gr.Dropdown(
                        names, value=names[0], label="Model", visible=len(names) > 1, min_width=130, elem_id="model"
                    )
        about = gr.HTML(handlers.facts(translators, names[0]), elem_id="facts")

        # One event for everything that asks for pictures: while one request runs, only the newest waits.
        gr.on(
            [canvas.input, seed.change, model.change],
            answer,
            [canvas, model, seed],
            tiles,
            js=_SENT,
            trigger_mode="always_last",
            show_progress="hidden",
            concurrency_limit=1,
            concurrency_id="model",
            api_visibility="private",
        )
        new_samples.click(
            handlers.next_seed, seed, seed, show_progress="hidden", queue=False, api_visibility="private"
        )
        model.change(facts, model, about, show_progress="hidden", api_visibility="private")

        # The endpoint for other programs: components that are not on the page give it names and checks.
        asked = [
            gr.File(label="sketch", type="filepath", visible=False),
            gr.Textbox(names[0], label="model", visible=False),
            gr.Number(handlers.PICTURES, label="n", precision=0, visible=False),
            gr.Number(0, label="seed", precision=0, visible=False),
        ]
        gr.Button(visible=False).click(
            sample,
            asked,
            gr.JSON(visible=False),
            api_name="sample",
            api_description="Photos of a sketch: data URLs, seeds, model, weights, milliseconds.",
            concurrency_limit=1,
            concurrency_id="model",
        )
    return page


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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; use a number from 1 to 65535")
    return int(text)


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
    parser.add_argument("--share", action="store_true", help="also make a temporary public link")
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
    """One translator a model, in the order given; without any, every bundled model, edges2cats first.

    Two folders with one name keep both: the later one is called "name (first digits of its weights)".
    ValueError if there is nothing to load or a model cannot be loaded.
    """
    models = models or bundled_models()
    if not models:
        raise ValueError(f"no bundled model in {ASSETS / 'models'}; name one with --model NAME_OR_FOLDER")
    translators: dict[str, Translator] = {}
    for model in models:
        translator = Translator.from_pretrained(model, device=device)
        name = translator.name
        if name in translators:
            name = f"{name} ({translator.weights_id})"
        translators[name] = translator
        translator.warm_up()  # nobody should wait for the first call
    return translators


def main(argv: list[str] | None = None) -> int:
    """Serve the page until Ctrl-C. Returns the exit code: 0, or 2 after one line on stderr."""
    options = parse_options(argv)
    try:
        check_address(options.host, options.port)
        choose_device(options.device)
        translators = load_translators(options.model, options.device)
        page = build_page(translators)
        page.launch(server_name=options.host, server_port=options.port, share=options.share, **launch_options())
    except (ValueError, OSError) as problem:
        print(f"demo/app.py: {' '.join(str(problem).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
