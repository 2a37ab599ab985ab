"""The page "State store", which the plug-in adds to Airflow's UI."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.with_browser.lab import Lab


def test_the_tab_of_a_mapped_instance_leads_to_all_instances(lab: Lab, page: Page) -> None:
    page.goto(lab.api.task_page("mapped", lab.ended("mapped"), "load", 0))
    page.get_by_role("link", name="State store", exact=True).click()
    own = page.frame_locator("iframe")
    expect(own.get_by_role("heading", name="Values of map index 0")).to_be_visible()
    own.get_by_role("link", name="2", exact=True).click()
    expect(own.get_by_role("heading", name="Values of map index 2")).to_be_visible()
    expect(own.get_by_role("cell", name="12", exact=True)).to_be_visible()
