"""An asset's state on its page in Airflow's UI: Asset State Store."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.with_browser.lab import Lab, confirm, edit, row, value


def test_an_assets_state_is_shown_and_edited_on_its_page(lab: Lab, page: Page) -> None:
    lab.ended("orders")
    page.goto(lab.api.asset_page("orders"))
    expect(value(page, "watermark")).to_have_text("1")
    edit(page, "watermark", "41")
    expect(row(page, "watermark")).to_contain_text("API")
    run_id = lab.ended("orders")
    assert lab.api.result("orders", run_id, "load") == 41
    page.reload()
    expect(value(page, "watermark")).to_have_text("42")
    # A task has overwritten it.
    expect(row(page, "watermark")).not_to_contain_text("API")


def test_a_clear_empties_an_asset(lab: Lab, page: Page) -> None:
    lab.ended("orders")
    page.goto(lab.api.asset_page("orders"))
    expect(row(page, "watermark")).to_be_visible()
    assert lab.view.pages("airflow:a:*") != []
    page.get_by_role("button", name="Clear All Asset State Store").press("Enter")
    confirm(page, "Clear All Asset State Store")
    expect(row(page, "watermark")).to_have_count(0)
    assert lab.view.pages("airflow:a:*") == []
