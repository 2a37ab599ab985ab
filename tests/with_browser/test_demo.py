from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from tests.with_browser.kept_demo import kept_demo
from tests.with_browser.lab import log_in, value


def test_the_demo_leads_to_the_state_that_it_has_made_until_it_is_interrupted(
    stranger: Page,
) -> None:
    with kept_demo() as demo:
        stranger.goto(demo.job)
        log_in(stranger, demo.login)
        expect(value(stranger, "job_id")).to_have_text("report-1")
        stranger.goto(demo.pages)
        expect(value(stranger, "next_page")).to_have_text("8")
        stranger.goto(demo.asset)
        expect(value(stranger, "watermark")).to_have_text("5")
        code, said = demo.interrupt()
        assert code == 0
        assert "nothing is left" in said
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(demo.job)
