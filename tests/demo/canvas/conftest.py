"""One small page with the drawing surface, served and opened once for all tests in this folder."""

import gradio as gr
import pytest
from canvas_page import DEMO, Paper, Server


@pytest.fixture(scope="session")
def served():
    server = Server()
    page = server.page()
    style = f"<style>{(DEMO / 'page.css').read_text(encoding='utf-8')}</style>"
    theme = gr.themes.Soft(primary_hue="teal", neutral_hue="slate")
    looks = {"theme": theme, "head": style, "ssr_mode": False}
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, run_history=False, **looks)
    yield server, url
    page.close()


@pytest.fixture(scope="session")
def only_paper(chromium, served):
    server, url = served
    paper = Paper(chromium, url, server)
    yield paper
    paper.context.close()


@pytest.fixture
def paper(only_paper):
    only_paper.reset()
    yield only_paper
    problems, only_paper.problems = only_paper.problems, []
    assert not problems


@pytest.fixture
def labels(paper):
    paper.mode("labels")
    paper.set([])
    return paper
