"""A task's state on its page in Airflow's UI: Storage, Task State Store."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from playwright.sync_api import Page, expect

from tests.support.waiting import wait_for
from tests.with_browser.lab import Lab, confirm, edit, log_in, row, value

# As in `mapped`: all that a path of a URL has to carry.
ODD_KEY = "a/b?c=%2F é#😀"


@pytest.fixture
def counting(lab: Lab) -> str:
    """A run whose task counts, until somebody edits its limit."""
    run_id = lab.api.trigger("counting")
    lab.api.wait_until(
        lambda: "counted" in lab.api.task_state("counting", run_id, "count"), "a first value"
    )
    return run_id


def expiry_of_limit(lab: Lab, run_id: str) -> datetime:
    expires_at = lab.api.task_state("counting", run_id, "count")["limit"]["expires_at"]
    return datetime.fromisoformat(expires_at)


def stored(lab: Lab, run_id: str, index: int) -> set[str]:
    """Return the fields that Redis has for a mapped instance, in whatever region it is."""
    pages = lab.view.pages(f"airflow:t:{{mapped/{run_id}/load}}*:{index}")
    return {field for page in pages for field in lab.view.fields(page)}


@pytest.fixture(scope="module")
def mapped(lab: Lab) -> str:
    return lab.ended("mapped")


def test_state_is_shown_after_the_login_only(lab: Lab, stranger: Page, mapped: str) -> None:
    stranger.goto(lab.api.task_page("mapped", mapped, "load", 0))
    expect(stranger.locator("input[name=password]")).to_be_visible()
    expect(row(stranger, "number")).to_have_count(0)
    log_in(stranger, lab.login)
    expect(value(stranger, "number")).to_have_text("10")


def test_the_progress_of_a_running_task_is_seen_on_its_page(
    lab: Lab, page: Page, counting: str
) -> None:
    page.goto(lab.api.task_page("counting", counting, "count").removesuffix("/task-state-store"))
    # In 3.4, the second stands where the first is in 3.3.
    page.get_by_role("link", name=re.compile("Storage|Task State Store")).click()
    counted = value(page, "counted")
    first = int(counted.inner_text())
    # Nobody reloads the page.
    wait_for(lambda: int(counted.inner_text()) > first, "progress", within=60)


def test_a_task_reads_what_is_edited_on_its_page(lab: Lab, page: Page, counting: str) -> None:
    page.goto(lab.api.task_page("counting", counting, "count"))
    expect(value(page, "limit")).to_have_text("0")
    expiry = expiry_of_limit(lab, counting)
    edit(page, "limit", "7")
    expect(value(page, "limit")).to_have_text("7")
    lab.api.wait("counting", counting)
    assert lab.api.result("counting", counting, "count") == 7
    # The dialog offers the time that the value has, without its seconds.
    assert expiry_of_limit(lab, counting) == expiry.replace(second=0, microsecond=0)


def test_a_value_is_deleted_whatever_its_key(lab: Lab, page: Page, mapped: str) -> None:
    assert stored(lab, mapped, 1) == {"1:number", f"1:{ODD_KEY}"}
    page.goto(lab.api.task_page("mapped", mapped, "load", 1))
    row(page, ODD_KEY).get_by_role("button", name="Delete").press("Enter")
    confirm(page, "Delete")
    expect(row(page, ODD_KEY)).to_have_count(0)
    expect(value(page, "number")).to_have_text("11")
    assert stored(lab, mapped, 1) == {"1:number"}


def test_a_clear_empties_one_mapped_instance_alone(lab: Lab, page: Page, mapped: str) -> None:
    page.goto(lab.api.task_page("mapped", mapped, "load", 2))
    expect(value(page, "number")).to_have_text("12")
    page.get_by_role("button", name="Clear All Task State Store").click()
    confirm(page, "Clear All Task State Store")
    expect(row(page, "number")).to_have_count(0)
    assert stored(lab, mapped, 0)
    assert not stored(lab, mapped, 2)
