"""What waits for its model while models of other kinds are looked at, in a real browser: locks, domains, numbers."""

import pytest
from fakes import FakeTranslator
from page_user import HEAD
from photo_models import loaded, make_cyclegan, make_starganv2, page_of, photo, png_bytes

pytestmark = pytest.mark.browser

SPOTS = {"name": "spots.png", "mimeType": "image/png", "buffer": png_bytes(photo(5, 200, 200))}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Address of a page with two stand-ins for drawings, a CycleGAN and a StarGAN v2."""
    folder = tmp_path_factory.mktemp("models")
    translators = {
        "edges2cats": FakeTranslator(),
        "shoes": FakeTranslator("shoes"),
        "cats": loaded(make_cyclegan(folder / "cats")),
        "discs": loaded(make_starganv2(folder / "discs")),
    }
    with page_of(translators) as address:
        yield address


@pytest.fixture
def locked(drawn):
    """A drawing with photo 2 of five locked."""
    drawn.lock(2)
    drawn.press("New samples")
    drawn.wait('.tiles[data-seeds="4 1 5 6"]')
    drawn.press("More photos")
    drawn.wait('.tiles[data-seeds="4 1 5 6 7"]')
    return drawn


@pytest.fixture
def discs(open_page):
    """A photo as four blue ones, the third of them locked, with the domain green chosen afterwards."""
    page = open_page()
    choose(page, "discs")
    page.page.set_input_files(".pad .picker", SPOTS)
    page.pictures()
    domain(page, "blue")
    page.pictures()
    page.lock(3)
    domain(page, "green")
    page.pictures()
    return page


def choose(page, model: str) -> None:
    page.page.select_option(".model select", model)
    page.wait(".tiles")


def domain(page, name: str) -> None:
    page.page.locator(".ways").get_by_role("radio", name=name, exact=True).click()


def locks(page) -> list[str]:
    return page.page.eval_on_selector_all(".grid .lock", "all => all.map(one => one.getAttribute('aria-pressed'))")


def captions(page) -> list[str]:
    return page.page.eval_on_selector_all(".grid figcaption", "captions => captions.map(c => c.textContent)")


def test_a_model_without_noise_in_between_changes_no_photos(locked):
    before = locked.pictures()
    choose(locked, "cats")
    assert locked.page.locator(".grid figure").count() == 2
    choose(locked, "edges2cats")
    locked.wait('.tiles[data-seeds="4 1 5 6 7"]')
    assert locked.pictures() == before and locks(locked) == ["false", "true", "false", "false", "false"]


def test_photos_go_on_past_a_model_without_noise(locked):
    choose(locked, "cats")
    choose(locked, "shoes")
    locked.wait('.tiles[data-seeds="4 1 5 6 7"]')
    assert locks(locked)[1] == "true"


def test_a_lock_waits_while_history_shows_another_model(drawn):
    choose(drawn, "shoes")
    drawn.pictures()
    drawn.page.wait_for_selector('.past button[aria-label*="shoes"]', state="attached")
    choose(drawn, "edges2cats")
    drawn.pictures()
    drawn.press("New samples")
    drawn.wait('.tiles[data-seeds="4 5 6 7"]')
    drawn.lock(2)
    drawn.page.wait_for_selector('.past button[aria-label*="edges2cats"]', state="attached")
    drawn.page.locator('.past button[aria-label*="shoes"]').first.click()
    drawn.wait('.tiles[data-seeds="0 1 2 3"]')
    choose(drawn, "edges2cats")
    drawn.page.wait_for_function("document.querySelector('.tiles').dataset.seeds.split(' ')[1] === '5'")
    assert locks(drawn) == ["false", "true", "false", "false"]


def test_a_locked_photo_is_there_once_though_there_are_fewer_now(drawn):
    drawn.lock(4)
    choose(drawn, "shoes")
    drawn.pictures()
    drawn.press("Fewer photos")
    drawn.wait('.tiles[data-seeds="0 1 3"]')
    choose(drawn, "edges2cats")
    drawn.wait('.tiles[data-seeds="0 1 3"]')
    assert locks(drawn) == ["false", "false", "true"]


@pytest.mark.parametrize("between", ["cats", "shoes"])
def test_the_domain_and_a_locked_photo_of_another_wait_for_their_model(discs, between):
    before = discs.pictures()
    choose(discs, between)
    discs.draw(HEAD)  # on the photo, where the other model takes photos too
    discs.pictures()
    if between == "cats":
        discs.press("Undo")
        discs.pictures()
    choose(discs, "discs")
    assert discs.page.inner_text('.ways [aria-checked="true"]') == "green"
    assert discs.pictures() == before
    assert captions(discs) == ["", "", "blue", ""] and locks(discs) == ["false", "false", "true", "false"]


@pytest.mark.parametrize("between", ["cats", "edges2cats"])  # with a photo on the paper, and without
def test_a_reload_keeps_what_waits(discs, between):
    before = discs.pictures()
    choose(discs, between)
    discs.page.reload()
    discs.page.wait_for_selector(".tiles[data-ready]")
    discs.wait(".tiles")
    assert discs.page.input_value(".model select") == between
    choose(discs, "discs")
    assert discs.page.inner_text('.ways [aria-checked="true"]') == "green"
    assert discs.pictures() == before
    assert captions(discs) == ["", "", "blue", ""] and locks(discs) == ["false", "false", "true", "false"]


def test_a_reload_beside_a_model_without_noise_keeps_the_photos(locked):
    before = locked.pictures()
    choose(locked, "cats")
    locked.page.reload()
    locked.page.wait_for_selector(".tiles[data-ready]")
    assert locked.page.input_value(".model select") == "cats"
    choose(locked, "edges2cats")
    locked.wait('.tiles[data-seeds="4 1 5 6 7"]')
    assert locked.pictures() == before and locks(locked) == ["false", "true", "false", "false", "false"]
    locked.press("New samples")
    locked.wait('.tiles[data-seeds="8 1 9 10 11"]')
