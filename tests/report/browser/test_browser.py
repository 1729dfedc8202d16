"""The HTML report in a real browser: from a file, without network, on a phone, in the dark, by keyboard.

Needs Debian's `chromium`; nothing is downloaded.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from report_documents import documents, image_model, images

from gancross.data.sets import finite
from gancross.report.browser.html import html_report
from gancross.report.browser.noise import noise_pictures
from gancross.report.browser.samples import sample_pictures
from gancross.report.text.sections import SECTIONS

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
ANCHORS = [section.key for section in SECTIONS if section.html]
SHOWN = ["two", "four", "hostile", "one", "refereed"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    reals = finite("in memory", train=None, test=images(), split="given")
    contestants = [image_model("plain", -0.4), image_model("regularized", 0.3, 0.1)]
    grids = sample_pictures(contestants, reals, num_samples=200, seed=0, device=torch.device("cpu"))
    sigmas = (0.004, 0.03, 0.2, 1.0, 5.0, 28.0)
    noise = noise_pictures(contestants, reals, sigmas, num_samples=200, seed=0, device=torch.device("cpu"))
    pictures = {"two": grids, "refereed": [*grids, *noise]}
    for kind in SHOWN:
        text = html_report(documents()[kind], pictures.get(kind, ()))
        (folder / f"{kind}.html").write_text(text, encoding="utf-8")
    return {kind: folder / f"{kind}.html" for kind in SHOWN}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


class Visit:
    """A page opened offline, with what it asked for and complained of."""

    def __init__(self, browser: Any, path: Path, viewport: dict[str, int], scheme: str = "light") -> None:
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme)
        self.context.set_offline(True)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.route("http*://**", lambda route: route.abort())
        self.page.goto(path.as_uri())

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def run(self, script: str) -> Any:
        return self.page.evaluate(script)


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("kind", SHOWN)
def test_it_opens_from_a_file_without_network_complaint_or_sideways_scroll(
    browser: Any, pages: dict[str, Path], kind: str, viewport: dict[str, int]
) -> None:
    with Visit(browser, pages[kind], viewport) as visit:
        assert visit.complaints == []
        assert [url for url in visit.requests if not url.startswith("data:")] == [pages[kind].as_uri()]
        assert visit.run("document.documentElement.scrollWidth") <= viewport["width"]
        for anchor in ANCHORS:
            assert visit.page.locator(f"#{anchor} h2").is_visible()
        visit.run("for (const one of document.querySelectorAll('details')) one.open = true")
        assert visit.run("document.documentElement.scrollWidth") <= viewport["width"]
        assert visit.run("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


def test_the_style_sheet_passes_its_own_policy(browser: Any, pages: dict[str, Path]) -> None:
    with Visit(browser, pages["two"], DESKTOP) as visit:
        assert visit.run("document.styleSheets[0].cssRules.length") > 50
        injected = (
            "(() => { const one = document.createElement('script'); one.textContent = 'window.ran = 1';"
            " document.body.append(one); return window.ran === undefined })()"
        )
        assert visit.run(injected), "the policy let a script run"


def test_dark_is_dark_and_pictures_follow(browser: Any, pages: dict[str, Path]) -> None:
    colours = {}
    script = (
        "['body', '.card', '.plot .c0 .line', '.plot text', 'td.heat'].map(one => {"
        " const style = getComputedStyle(document.querySelector(one));"
        " return one == '.plot .c0 .line' ? style.stroke : one == '.plot text' ? style.fill"
        " : one == 'body' ? style.backgroundColor : style.color })"
    )
    for scheme in ("light", "dark"):
        with Visit(browser, pages["two"], DESKTOP, scheme) as visit:
            colours[scheme] = visit.run(script)
    assert all(light != dark for light, dark in zip(colours["light"][:4], colours["dark"][:4], strict=True))
    assert colours["light"][0] == "rgb(244, 246, 248)" and colours["dark"][0] == "rgb(14, 18, 23)"


def test_print_is_light_and_hides_the_navigation(browser: Any, pages: dict[str, Path]) -> None:
    with Visit(browser, pages["two"], DESKTOP, "dark") as visit:
        visit.page.emulate_media(media="print", color_scheme="dark")
        assert visit.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not visit.page.locator("nav").is_visible()
        assert len(visit.page.pdf()) > 10_000


def test_everything_is_reached_by_tab(browser: Any, pages: dict[str, Path]) -> None:
    with Visit(browser, pages["two"], PHONE) as visit:
        order: list[str] = []
        for _ in range(200):
            visit.page.keyboard.press("Tab")
            where = visit.run(
                "(() => { const one = document.activeElement;"
                " return one === document.body ? 'end' : one.className || one.tagName.toLowerCase() })()"
            )
            if where == "end" and order:
                break
            order.append(where)
        assert order[0] == "skip"
        assert order.count("a") == len(ANCHORS)
        assert order.count("summary") == visit.run("document.querySelectorAll('summary').length")
        shown = "[...document.querySelectorAll('.scroll')].filter(one => !one.closest('details')).length"
        assert order.count("scroll") == visit.run(shown)


def test_the_skip_link_leads_to_the_verdict_and_details_open_by_key(
    browser: Any, pages: dict[str, Path]
) -> None:
    with Visit(browser, pages["two"], DESKTOP) as visit:
        visit.page.keyboard.press("Tab")
        assert visit.page.locator(".skip").is_visible()
        visit.page.keyboard.press("Enter")
        assert visit.run("document.activeElement.id") == "main"
        visit.page.locator("summary").first.focus()
        visit.page.keyboard.press("Enter")
        assert visit.page.locator("details table").first.is_visible()


def test_assistive_technology_sees_names_and_pictures(browser: Any, pages: dict[str, Path]) -> None:
    with Visit(browser, pages["hostile"], DESKTOP) as visit:
        page = visit.page
        assert page.get_by_role("main").count() == 1 and page.get_by_role("navigation").count() == 1
        assert page.get_by_role("img", name="<script>alert(1)</script>").count() >= 1
        assert page.get_by_role("heading", level=1).count() == 1
        assert page.get_by_role("columnheader", name="<script>alert(1)</script>").count() >= 1
