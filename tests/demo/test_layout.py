"""The page on screens of every width: nothing too small to hit, cut, or out of sight."""

import pytest
from page_user import HEAD

pytestmark = pytest.mark.browser

WIDTHS = (320, 360, 640, 667, 700, 701, 768, 820, 844, 932, 960, 1000, 1024, 1100, 1200)
SHORTEST = 60  # pixels that a slider needs under a finger

# What is wrong on the page, in words. Rows that scroll by themselves may go on behind their edge.
FAULTS = """shortest => {
    const faults = [];
    const box = (element) => element.getBoundingClientRect();
    const shown = (element) => element.offsetParent && !element.closest('dialog, .shelf, .chips, .small, .swatches');
    if (document.documentElement.scrollWidth > innerWidth) faults.push('the page scrolls sideways');
    for (const half of ['.pad', '.tiles']) {
        const column = box(document.querySelector(half));
        for (const one of document.querySelectorAll(`${half} button, ${half} select, ${half} input[type=range]`)) {
            if (!shown(one)) continue;
            const { left, right, width } = box(one);
            const name = one.getAttribute('aria-label') || one.textContent || one.className;
            if (one.type === 'range' && width < shortest) faults.push(`${name} is ${width} wide`);
            if (left < column.left - 0.5 || right > column.right + 0.5) faults.push(`${name} sticks out of its column`);
            if (left < 0 || right > innerWidth) faults.push(`${name} sticks out of the window`);
            if (one.localName !== 'button') continue;
            for (const words of one.querySelectorAll('span')) {
                const inner = box(words);
                if (inner.left < left - 0.5 || inner.right > right + 0.5) faults.push(`${name}: its words are cut`);
            }
            if (!one.querySelector('span') && one.scrollWidth > one.clientWidth + 1) faults.push(`${name} is cut`);
        }
    }
    return faults;
}"""


def settle(page) -> None:
    """Until what was resized is laid out and told."""
    page.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def resize(page, width: int, height: int) -> None:
    page.page.set_viewport_size({"width": width, "height": height})
    settle(page)


def in_window(page, selector: str) -> bool:
    return page.page.eval_on_selector(
        selector,
        """element => {
            const { left, top, right, bottom, width } = element.getBoundingClientRect();
            return width > 0 && left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
        }""",
    )


@pytest.mark.parametrize("height", [600, 650, 720, 800])
def test_on_a_laptop_tools_and_new_samples_are_in_sight(open_page, height):
    page = open_page(viewport={"width": 1280, "height": height})
    assert all(in_window(page, selector) for selector in (".paper", ".tools", ".board", ".tiles .main", ".model"))
    paper, board = (page.page.locator(selector).bounding_box()["width"] for selector in (".paper", ".board"))
    assert paper == board >= 340


def test_the_model_menu_looks_like_a_menu(open_page):
    arrow = open_page().page.eval_on_selector(".model select", "menu => getComputedStyle(menu).backgroundImage")
    assert arrow.startswith('url("data:image/svg')


def test_locks_leave_small_photos_in_sight_under_a_finger(open_page):
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.draw(HEAD)
    page.pictures()
    for _ in range(8):
        page.press("More photos")
    page.wait(".grid.many")
    photo, lock = (page.tile(1, part).bounding_box() for part in (".open", ".lock"))
    assert 24 <= lock["width"] <= 0.42 * photo["width"]
    for _ in range(8):
        page.press("Fewer photos")
    page.wait(".grid:not(.many)")
    assert page.tile(1, ".lock").bounding_box()["width"] == 44


@pytest.mark.parametrize("model", ["edges2cats", "facades"])
def test_every_width(open_page, model):
    page = open_page()
    page.page.select_option(".model select", model)
    page.page.wait_for_selector(f'.pad[data-mode="{"labels" if model == "facades" else "edges"}"]')
    faults = {}
    for tool in ("pen", "eraser"):
        page.page.click(f'.pad [data-do="{tool}"]')
        for width in WIDTHS:
            resize(page, width, 830)
            faults[tool, width] = page.page.evaluate(FAULTS, SHORTEST)
    assert {screen: found for screen, found in faults.items() if found} == {}


def test_paper_and_photos_side_by_side(open_page):
    page = open_page()
    for width in (640, 701, 768, 820, 960, 1023):
        resize(page, width, 830)
        paper, grid = (page.page.locator(place).bounding_box() for place in (".paper", ".grid"))
        assert grid["x"] > paper["x"] + paper["width"], width
        assert paper["width"] == pytest.approx(grid["width"], abs=1) and paper["y"] == pytest.approx(grid["y"], abs=1)


@pytest.mark.parametrize("width, height", [(568, 320), (667, 375), (740, 360), (844, 390)])
def test_all_of_the_paper_fits_on_a_lying_phone(open_page, width, height):
    page = open_page(viewport={"width": width, "height": height})
    paper = page.page.locator(".paper").bounding_box()
    assert 240 <= paper["width"] == pytest.approx(paper["height"], abs=1) and paper["height"] <= height


@pytest.mark.parametrize("width, height", [(667, 375), (740, 360), (768, 1024), (360, 740)])
def test_the_large_view_shows_how_to_close_and_save(open_page, width, height):
    page = open_page()
    page.draw(HEAD)
    page.pictures()
    resize(page, width, height)
    page.tile(1).click()
    for action in ("close", "lock", "photo", "everything"):
        assert in_window(page, f'.view [data-do="{action}"]'), action
    assert page.page.eval_on_selector(".view", "view => view.scrollWidth - view.clientWidth") == 0
    stage = page.page.locator(".stage").bounding_box()
    assert stage["width"] > 240 and in_window(page, ".stage")


def test_small_photos_while_the_grid_is_out_of_sight(open_page):
    page = open_page()
    page.draw(HEAD)
    page.pictures()
    resize(page, 740, 360)
    page.page.locator(".pad .start").scroll_into_view_if_needed()
    page.page.locator(".facts").scroll_into_view_if_needed()
    page.page.wait_for_selector(".small img")
    assert page.page.locator(".small img").count() == 4 and in_window(page, ".small")
    page.page.locator(".small").click()
    page.page.wait_for_selector(".small", state="hidden")
    assert in_window(page, ".grid")


def test_a_very_large_window_gets_a_larger_paper(open_page):
    page = open_page(viewport={"width": 2560, "height": 1440})
    for place in (".paper", ".grid"):
        assert page.page.locator(place).bounding_box()["width"] == pytest.approx(720, abs=1)


def test_high_contrast_keeps_edges_and_states(open_page):
    page = open_page(forced_colors="active")

    def style(selector: str, name: str, part: str | None = None) -> str:
        script = "(element, [name, part]) => getComputedStyle(element, part)[name]"
        return page.page.eval_on_selector(selector, script, [name, part])

    assert style(".paper", "outlineStyle") == "solid" and style(".main", "borderTopStyle") == "solid"
    pressed, other = (style(f'.pad [data-do="{tool}"]', "backgroundColor") for tool in ("pen", "eraser"))
    assert pressed != other
    page.page.locator(".pad .width").scroll_into_view_if_needed()
    shot, box = page.shot(), page.page.locator(".pad .width").bounding_box()
    row = shot.crop((round(box["x"]), round(box["y"]), round(box["x"] + box["width"]), round(box["y"] + box["height"])))
    darkest, lightest = row.getextrema()
    assert lightest - darkest > 100  # track and knob against the ground


def test_nothing_runs_where_less_motion_is_asked_for(open_page):
    page = open_page(reduced_motion="reduce")
    page.page.eval_on_selector(".tiles", "tiles => tiles.classList.add('busy')")
    assert page.page.eval_on_selector(".bar", "bar => getComputedStyle(bar).animationName") == "none"
