"""A photo in many looks, in a real browser with a tiny StarGAN v2: domains, references, clip, matrix."""

import base64
import io

import pytest
from photo_models import loaded, make_starganv2, page_of, photo, png_bytes
from PIL import Image

pytestmark = pytest.mark.browser


def file(seed: int) -> dict:
    return {"name": f"photo-{seed}.png", "mimeType": "image/png", "buffer": png_bytes(photo(seed, 200, 200))}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Address of a page with a StarGAN v2 of the domains red, green and blue."""
    translators = {"discs": loaded(make_starganv2(tmp_path_factory.mktemp("models") / "discs"))}
    with page_of(translators) as address:
        yield address


@pytest.fixture
def given(open_page):
    """The page with a photo on the paper, answered."""
    page = open_page()
    page.page.set_input_files(".pad .picker", file(5))
    page.pictures()
    return page


def choose(page, domain: str) -> None:
    page.page.locator(".ways").get_by_role("radio", name=domain, exact=True).click()


def chosen(page) -> str:
    return page.page.inner_text('.ways [aria-checked="true"]')


def captions(page) -> list[str]:
    return page.page.eval_on_selector_all(".grid figcaption", "captions => captions.map(c => c.textContent)")


def saved(page, press) -> Image.Image:
    """The file that the dialog's button saves."""
    press()
    page.page.wait_for_selector(".replay .keep:visible")
    with page.page.expect_download() as waiting:
        page.page.click(".replay .keep")
    with open(waiting.value.path(), "rb") as download:
        return Image.open(io.BytesIO(download.read()))


def file_of_all(page) -> str:
    """What Save makes, in base64."""
    with page.page.expect_download() as waiting:
        page.press("Save")
    with open(waiting.value.path(), "rb") as download:
        return base64.b64encode(download.read()).decode()


def test_a_domain_and_its_styles(given):
    red = given.pictures()
    assert len(set(red)) == 4 and given.seeds() == "0 1 2 3"
    given.lock(1)
    choose(given, "blue")
    blue = given.pictures()
    assert blue[0] == red[0] and not set(blue[1:]) & set(red)  # the locked one keeps its look
    assert captions(given) == ["red", "", "", ""]
    given.press("New samples")
    assert not set(given.pictures()[1:]) & set(blue)
    given.tile(2).click()
    assert "blue, seed" in given.page.inner_text(".view .what")


def test_more_like_one_and_a_mixture_of_two(given):
    first = given.pictures()
    given.tile(1).click()
    given.page.get_by_role("button", name="Mix with photo 2").click()
    given.page.wait_for_function("src => document.querySelector('.view .after').src !== src", arg=first[0])
    given.press("Keep")
    mixed = given.pictures()
    assert mixed[0] not in first and mixed[1:] == first[1:]
    choose(given, "green")
    assert given.pictures()[0] == mixed[0]
    given.tile(1).click()
    given.press("More like this")
    alike = given.pictures()
    assert alike[0] == mixed[0] and len(set(alike)) == 4


def test_references_of_one_s_own_and_the_model_s(given):
    red = given.pictures()
    choose(given, "green")
    green = given.pictures()
    given.page.set_input_files(".tiles .picker", [file(7), file(8)])
    given.page.wait_for_function("document.querySelectorAll('.chip .drop:not([hidden])').length === 2")
    own = given.pictures()
    assert not set(own) & set(green + red)
    assert "Read as green" in given.notice()
    given.page.click(".chip:nth-child(2) .use")  # the first file
    first = given.pictures()
    assert first[0] != own[0]
    choose(given, "red")
    given.page.locator('[aria-label="Photos in the style of this example"]').first.click()
    given.page.wait_for_function("document.querySelectorAll('.chip .drop:not([hidden])').length === 3")
    assert given.pictures()[0] not in first
    given.page.click(".chip:nth-child(2) .use")  # one that was read as green
    given.wait(".tiles[data-state=pictures]")
    assert chosen(given) == "green"


def test_a_style_waits_for_the_domain_that_it_was_read_as(given):
    held = []
    given.page.route("**/i2i/style", lambda route: held.append(route))
    with given.page.expect_request("**/i2i/style"):
        given.page.set_input_files(".tiles .picker", file(7))
    choose(given, "blue")
    blue = given.pictures()
    held[0].continue_()
    given.page.wait_for_selector(".chip .drop:not([hidden])")
    assert given.page.inner_text(".chip:first-child i") == "red" and chosen(given) == "blue"
    assert given.pictures() == blue and "read as red" in given.notice()


def test_a_style_stays_in_the_strip_though_every_photo_is_locked(given):
    choose(given, "blue")
    given.page.set_input_files(".tiles .picker", file(7))
    given.page.wait_for_selector(".chip .drop:not([hidden])")
    choose(given, "red")
    locked = given.pictures()
    for number in range(1, 5):
        given.lock(number)
    given.page.set_input_files(".tiles .picker", file(8))
    given.page.wait_for_function("document.querySelectorAll('.chip .drop:not([hidden])').length === 2")
    assert "Every photo is locked" in given.notice()
    given.page.click(".chip:nth-child(2) .use")  # the blue one
    assert chosen(given) == "red" and given.pictures() == locked


def test_a_reload_and_history_keep_the_domain(given):
    choose(given, "blue")
    given.pictures()
    given.page.reload()
    given.page.wait_for_selector(".tiles[data-ready]")
    given.pictures()
    assert chosen(given) == "blue" and captions(given) == [""] * 4
    given.page.wait_for_selector(".past button", state="attached")
    given.press("New samples")
    given.wait('.tiles[data-seeds="4 5 6 7"]')
    assert given.page.get_attribute(".grid img", "alt") == "Photo 1, blue, seed 4" and captions(given) == [""] * 4
    given.page.wait_for_function("document.querySelectorAll('.past button').length === 2")
    choose(given, "red")
    given.pictures()
    given.page.locator(".past button").last.click()
    given.page.wait_for_function("document.querySelector('.ways [aria-checked=true]').textContent === 'blue'")
    given.wait('.tiles[data-seeds="0 1 2 3"]')
    assert captions(given) == [""] * 4


def test_a_reload_keeps_the_domain_of_an_empty_paper(open_page):
    page = open_page()
    choose(page, "green")
    page.page.reload()
    page.page.wait_for_selector(".tiles[data-ready]")
    page.page.wait_for_function("document.querySelector('.ways [aria-checked=true]').textContent === 'green'")
    page.page.set_input_files(".pad .picker", file(5))
    page.pictures()
    assert "green, seed" in page.page.get_attribute(".grid img", "alt") and captions(page) == [""] * 4


def test_a_clip_through_the_styles(given):
    clip = saved(given, lambda: given.press("Clip"))
    assert (clip.format, clip.n_frames, clip.info["loop"]) == ("WEBP", 48, 0)
    given.page.keyboard.press("Escape")
    given.draw([(0.2, 0.5), (0.8, 0.5)])
    given.pictures()
    given.press("Clip")
    given.press("The drawing grows")
    given.page.wait_for_selector(".replay .keep:visible")
    assert given.page.inner_text(".replay h2") == "Replay"


def test_the_matrix_of_sources_and_references(given):
    given.page.set_input_files(".tiles .picker", file(7))
    given.page.wait_for_selector(".chip .drop:not([hidden])")
    given.pictures()
    matrix = saved(given, lambda: given.press("Matrix…"))
    rows, columns = (length // 34 for length in (matrix.height + 2, matrix.width + 2))  # 32 pixels and a gap of 2
    assert matrix.format == "PNG" and (rows, columns) == (5, 5)  # one's own first, and examples up to four
    assert "On top" in given.page.inner_text(".replay .words")


def test_a_saved_file_brings_everything_back(given, open_page):
    choose(given, "blue")
    given.lock(2)
    choose(given, "green")
    shown = given.pictures()
    other = open_page()
    other.drop(file_of_all(given))
    assert other.pictures() == shown
    assert other.tile(2, ".lock").get_attribute("aria-pressed") == "true" and chosen(other) == "green"


def test_a_saved_file_names_the_domain_though_all_its_photos_are_locked(given, open_page):
    for number in (1, 2, 3, 4):
        given.lock(number)
    choose(given, "blue")
    shown = given.pictures()
    other = open_page()
    other.drop(file_of_all(given))
    assert other.pictures() == shown and chosen(other) == "blue"


def test_the_first_visit_and_a_phone(open_page):
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    assert page.page.locator(".grid img:visible").count() == 4 and "This photo" in page.page.inner_text(".example")
    page.page.click(".example")
    assert len(set(page.pictures())) == 4
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.page.locator(".references .use").count() == 2
