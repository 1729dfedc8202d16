"""The HTML report in a real browser: from a file, without network, on a phone, in the dark, by keyboard.

Needs Debian's `chromium`; nothing is downloaded.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from reading_reports import visible_text
from referee_records import refereed
from report_documents import documents, image_model, images
from screen_results import long_name, renamed, with_fid

from gancross import Result
from gancross.data.sets import finite
from gancross.evaluator.estimates import Missing
from gancross.report.browser.html import html_report
from gancross.report.browser.noise import noise_pictures
from gancross.report.browser.sample_pictures import sample_pictures
from gancross.report.text.verdict_sentences import verdict_sentences

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
SHOWN = [
    "two",
    "four",
    "hostile",
    "one",
    "refereed",
    "nobody judges",
    "eight refereed",
    "thirty-two refereed",
    "classes",
]
# Of what is laid out: whether it can be seen, also where a fold is closed around it.
SEEN = "one => one.checkVisibility({contentVisibilityAuto: true}) && one.getBoundingClientRect().height > 0"


@cache
def shown_result(kind: str) -> Result:
    many = {"eight refereed": 8, "thirty-two refereed": 32}
    if kind not in many:
        return refereed(documents()[kind]) if kind == "hostile" else documents()[kind]
    five = refereed(documents()["five"], [0.3, 0.5, 0.8, 1.6, 3.0])
    return with_fid(renamed(five, [long_name(number) for number in range(many[kind])]))


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
        text = html_report(shown_result(kind), pictures.get(kind, ()))
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
        assert visit.run(f"[...document.querySelectorAll('h2')].every({SEEN})")
        visit.run("for (const one of document.querySelectorAll('details')) one.open = true")
        assert visit.run("document.documentElement.scrollWidth") <= viewport["width"]
        assert visit.run("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


@pytest.mark.parametrize("kind", SHOWN)
def test_verdict_curve_matrices_and_flags_are_seen_without_a_click(
    browser: Any, pages: dict[str, Path], kind: str
) -> None:
    result = shown_result(kind)
    with Visit(browser, pages[kind], DESKTOP) as visit:
        verdict = visit.run("document.getElementById('verdict').innerText")
        assert all(visible_text(text) in visible_text(verdict) for text in verdict_sentences(result))
        assert visit.run("document.getElementById('verdict').getBoundingClientRect().bottom") < 900
        parts = ["#confusion .glance", "#flags li"]
        parts += [] if isinstance(result.referees, Missing) else ["#curve .plot"]
        parts += ["#confusion .matrix"] if len(result.names) <= 4 else []
        parts += ["#cross .heatmap"] if len(result.names) > 2 and result.judges else []
        for part in parts:
            assert visit.run(f"[...document.querySelectorAll('{part}')].some({SEEN})"), part
        assert not visit.run(f"[...document.querySelectorAll('#reasons, #protocol')].some({SEEN})")


def test_a_section_opens_for_a_click_and_for_who_follows_a_link(browser: Any, pages: dict[str, Path]) -> None:
    with Visit(browser, pages["refereed"], DESKTOP) as visit:
        roc, referees = (visit.page.locator(f"#{key}") for key in ("roc", "referees"))
        assert not roc.is_visible() and not referees.is_visible()
        visit.page.get_by_role("heading", name="ROC curves").click()
        assert roc.is_visible() and not referees.is_visible()
        visit.page.get_by_role("heading", name="ROC curves").click()
        assert not roc.is_visible()
        visit.page.get_by_role("navigation").get_by_role("link", name="Referees", exact=True).click()
        assert referees.is_visible()
        # The title stands above what the link leads to, and is seen.
        assert visit.run("document.getElementById('referees-title').getBoundingClientRect().top") >= 0


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


def test_print_is_light_unfolded_and_hides_the_navigation(browser: Any, pages: dict[str, Path]) -> None:
    with Visit(browser, pages["two"], DESKTOP, "dark") as visit:
        visit.page.emulate_media(media="print", color_scheme="dark")
        assert visit.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not visit.page.locator("nav").is_visible()
        assert not visit.run("document.querySelector('#reasons').closest('details').open")
        assert visit.run(f"[...document.querySelectorAll('.content, .content table')].every({SEEN})")
        assert len(visit.page.pdf()) > 10_000


def test_folds_open_for_printing_in_browsers_that_do_not_know_the_selector(
    browser: Any, pages: dict[str, Path]
) -> None:
    """Afterwards they are as they were."""
    with Visit(browser, pages["two"], DESKTOP) as visit:
        visit.run("window.seen = []")
        visit.run(
            "addEventListener('beforeprint', () => window.seen ="
            " [...document.querySelectorAll('details')].map(one => one.open))"
        )
        before = visit.run("[...document.querySelectorAll('details')].map(one => one.open)")
        assert not all(before)
        visit.page.pdf()
        opened = visit.run("window.seen")
        assert len(opened) == len(before) and all(opened)
        assert visit.run("[...document.querySelectorAll('details')].map(one => one.open)") == before
        assert visit.complaints == []


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
        for tag, name in (("a[href]:not(.skip)", "a"), ("summary", "summary"), (".scroll", "scroll")):
            seen = visit.run(f"[...document.querySelectorAll('{tag}')].filter({SEEN}).length")
            assert order.count(name) == seen and seen >= 3


def test_the_skip_link_leads_to_the_verdict_and_details_open_by_key(
    browser: Any, pages: dict[str, Path]
) -> None:
    with Visit(browser, pages["two"], DESKTOP) as visit:
        visit.page.keyboard.press("Tab")
        assert visit.page.locator(".skip").is_visible()
        visit.page.keyboard.press("Enter")
        assert visit.run("document.activeElement.id") == "main"
        assert not visit.page.locator("#beside table").is_visible()
        visit.page.locator("summary", has_text="Beside the threshold").focus()
        visit.page.keyboard.press("Enter")
        assert visit.page.locator("#beside table").is_visible()


def test_assistive_technology_sees_names_and_pictures(browser: Any, pages: dict[str, Path]) -> None:
    with Visit(browser, pages["hostile"], DESKTOP) as visit:
        page = visit.page
        assert page.get_by_role("main").count() == 1 and page.get_by_role("navigation").count() == 1
        assert page.get_by_role("img", name="<script>alert(1)</script>").count() >= 1
        assert page.get_by_role("heading", level=1).count() == 1
        titles = page.get_by_role("heading", level=2).count()
        assert (
            titles == page.get_by_role("navigation").get_by_role("link").count() == page.locator("h2").count()
        )
        assert page.get_by_role("note", name="Flags").is_visible()
        assert page.get_by_role("columnheader", name="<script>alert(1)</script>").count() >= 1
