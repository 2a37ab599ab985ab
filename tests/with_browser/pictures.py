"""Takes the pictures of `docs/ui.md`, of the demo: `python -m tests.with_browser.pictures`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from playwright.sync_api import Browser, FloatRect, Page

from tests.with_browser.browser import open_browser
from tests.with_browser.kept_demo import ROOT, KeptDemo, kept_demo
from tests.with_browser.lab import log_in, row

ASSETS = ROOT / "docs" / "assets"
HEIGHT = 490
# The right part of the asset's page, whose left part is a graph.
PANEL = 565


def main() -> None:
    with open_browser() as browser, kept_demo() as demo:
        with looking(browser, demo, demo.job, "job_id", width=1120) as page:
            take(page, "ui-task")
        with looking(browser, demo, demo.asset, "watermark", width=1900, theme="dark") as page:
            clip = FloatRect(x=1900 - PANEL, y=60, width=PANEL, height=HEIGHT - 60)
            take(page, "ui-asset", clip=clip)


@contextmanager
def looking(
    browser: Browser,
    demo: KeptDemo,
    url: str,
    key: str,
    *,
    width: int,
    theme: Literal["light", "dark"] = "light",
) -> Iterator[Page]:
    size = {"width": width, "height": HEIGHT}
    with browser.new_context(viewport=size, color_scheme=theme) as context:
        page = context.new_page()
        page.goto(url)
        log_in(page, demo.login)
        row(page, key).wait_for()
        yield page


def take(page: Page, name: str, **options: Any) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=ASSETS / f"{name}.png", animations="disabled", **options)


if __name__ == "__main__":
    main()
