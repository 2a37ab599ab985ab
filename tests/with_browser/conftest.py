"""Airflow's own UI in a real Chromium, on a real server: the lane `browser`."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.with_browser.browser import open_browser
from tests.with_browser.lab import Lab, log_in, open_lab

SCREENSHOTS = Path(__file__).parents[2] / ".venv-browser" / "screenshots"
# What hangs; a busy machine may take half of it.
PATIENCE_MS = 60_000
DESKTOP = ViewportSize(width=1280, height=800)
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with open_lab() as lab:
        yield lab


@pytest.fixture(scope="session")
def cookies(chromium: Browser, lab: Lab) -> Any:
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(lab.api.url)
        log_in(page, lab.login)
        page.get_by_role("link", name="Assets").wait_for(timeout=PATIENCE_MS)
        return context.storage_state()


@pytest.fixture
def page(chromium: Browser, cookies: Any) -> Iterator[Page]:
    """A page of a browser that is logged in."""
    with chromium.new_context(storage_state=cookies, viewport=DESKTOP) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context.new_page()


@pytest.fixture
def stranger(chromium: Browser) -> Iterator[Page]:
    """A page of a browser that is not."""
    with chromium.new_context(viewport=DESKTOP) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context.new_page()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any) -> Generator[None, Any, Any]:
    """Keep what the browser shows when a test fails."""
    report = yield
    if report.when == "call" and report.failed:
        SCREENSHOTS.mkdir(exist_ok=True)
        for name in {"page", "stranger"} & item.funcargs.keys():
            path = SCREENSHOTS / f"{item.name}.png"
            item.funcargs[name].screenshot(path=path)
            report.sections.append(("What the browser shows", str(path)))
    return report
