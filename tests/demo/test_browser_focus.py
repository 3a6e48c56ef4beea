"""The keyboard's focus stays where one works, in a real browser: a button that goes does not take it along."""

import base64

import pytest
from page_user import LEFT_EAR, Page
from photo_models import loaded, make_starganv2, page_of, photo, png_bytes

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    """Address of a page with a StarGAN v2 of the domains red, green and blue, two example photos of each."""
    with page_of({"discs": loaded(make_starganv2(tmp_path_factory.mktemp("models") / "discs"))}) as address:
        yield address


def file(seed: int) -> dict:
    return {"name": f"photo-{seed}.png", "mimeType": "image/png", "buffer": png_bytes(photo(seed, 200, 200))}


def press(page, selector: str, key: str = "Enter") -> None:
    page.page.locator(selector).first.focus()
    page.page.keyboard.press(key)


def holds(page, selector: str) -> None:
    """Wait until what has the focus is of that kind."""
    page.page.wait_for_function("selector => document.activeElement.matches(selector)", arg=selector)


def test_a_button_that_has_nothing_to_do_any_more_hands_the_focus_on(drawn):
    for before, after in (("undo", "redo"), ("redo", "undo"), ("clear", "undo")):
        press(drawn, f".pad [data-do={before}]")
        holds(drawn, f".pad [data-do={after}]")
    press(drawn, ".pad [data-do=zoom-in]")
    for _ in range(20):
        if drawn.page.is_disabled(".pad [data-do=zoom-in]"):
            break
        drawn.page.keyboard.press("Enter")
    holds(drawn, ".pad [data-do=zoom-out]")


def test_the_stepper_keeps_the_focus_at_its_ends(drawn):
    for before, after, times in (("fewer", "more", 3), ("more", "fewer", 11)):
        for _ in range(times):
            press(drawn, f"[data-do={before}]")
        holds(drawn, f"[data-do={after}]")


def test_closing_the_line_with_the_link_leads_back_to_its_button(drawn):
    press(drawn, "[data-do=link]")
    drawn.page.wait_for_selector(".linked:not([hidden])")
    press(drawn, ".linked button")
    holds(drawn, "[data-do=link]")


def test_a_note_that_is_answered_leads_to_the_paper(drawn):
    drawn.draw(LEFT_EAR)
    drawn.page.evaluate(
        """() => {
            const { drawing } = document.querySelector('.pad');
            drawing.onpicture = ({ id }) => Promise.resolve({ id, strokes: drawing.get() });
        }"""
    )
    drawn.drop(base64.b64encode(png_bytes(photo(3, 200, 200))).decode())
    press(drawn, ".pad .switch:not([hidden])")
    holds(drawn, ".pad canvas")


def test_domains_and_styles_keep_the_focus(chromium, discs):
    page = Page(chromium, discs)
    page.page.set_input_files(".pad .picker", file(5))
    page.pictures()
    press(page, ".ways [role=radio]:nth-child(2)", " ")
    holds(page, ".ways [aria-checked=true]:nth-child(2)")
    page.pictures()
    page.page.wait_for_selector(".chip:nth-child(2)")
    image = page.page.get_attribute(".chip:nth-child(2) img", "src")
    press(page, ".chip:nth-child(2) .use")  # an example: read, it comes first
    page.page.wait_for_selector(".chip .drop:not([hidden])")
    page.page.wait_for_function("src => document.activeElement.querySelector('img')?.src === src", arg=image)
    holds(page, ".chip:first-child .use")
    press(page, ".chip .drop:not([hidden])")
    holds(page, ".chip .use")
    page.context.close()
    assert not page.problems
