"""How the demo tells of what it does, and stops where a promise is broken."""

from __future__ import annotations

from examples.redis_view import Field

DAY = 86_400.0


class BrokenPromiseError(Exception):
    """Something did not happen as the demo promises."""


def show(page: str, fields: dict[str, Field]) -> None:
    say(f"  Redis   {page}")
    for name, field in fields.items():
        say(f"          {name} = {describe(field)}")


def describe(field: Field | None) -> str:
    if field is None:
        return "no such field"
    if field.seconds_left is None:
        return f"{field.value!r}, which stays"
    if field.seconds_left < DAY:
        return f"{field.value!r}, which the server expires in {field.seconds_left:.0f} s"
    return f"{field.value!r}, which the server expires in {field.seconds_left / DAY:.1f} days"


def promise(kept: bool, what: str) -> None:  # noqa: FBT001
    if not kept:
        raise BrokenPromiseError(f"It should be that {what}.")


def title(number: str, text: str) -> None:
    say(f"\n{number}. {text}\n")


def step(text: str) -> None:
    say(f"  ... {text}")


def say(text: str) -> None:
    print(text, flush=True)
