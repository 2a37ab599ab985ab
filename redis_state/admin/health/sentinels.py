"""Whether the sentinels answer, agree on the master, and could replace it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from redis_state.admin.health.permissions import nobodys_pages
from redis_state.admin.health.replies import code_of, plain, refusal
from redis_state.admin.health.report import Finding, told
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.errors import StateStoreError
from redis_state.operations.operation import Batch, Capabilities, Operation, Replies

_REFUSED = ("NOPERM", "NOAUTH")
_NEEDED = "+sentinel|get-master-addr-by-name +sentinel|ckquorum"


class AskSentinel(Operation[Replies]):
    """Ask a sentinel where the master is, and whether it could be replaced."""

    __slots__ = ("_settings",)

    reads_errors = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def page(self) -> str:
        return nobodys_pages(self._settings, worker=True)[0]

    def begin(self, _: Capabilities) -> Batch:
        service = self._settings.deployment.service
        return [
            ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service),
            ("SENTINEL", "CKQUORUM", service),
        ]

    def end(self, replies: Replies) -> Replies:
        return replies


def check(settings: Settings, answers: Mapping[Server, object]) -> Iterator[Finding]:
    """Tell how the sentinels are, by what each has answered, which may be an error."""
    masters: dict[str, None] = {}
    for sentinel, answer in answers.items():
        match answer:
            case [[host, port], quorum]:
                masters[f"{plain(host)}:{plain(port)}"] = None
                yield _quorum(settings, sentinel, quorum)
            case [reply, _]:
                found = refusal(reply) or f"knows no service {settings.deployment.service!r}"
                remedy = "Let it watch the service, or correct the url."
                if code_of(reply) == "NOPERM":
                    remedy = f"At this sentinel: ACL SETUSER {_user(settings)} {_NEEDED}"
                yield _wrong(sentinel, found, remedy)
            case StateStoreError():
                yield _wrong(sentinel, *told(answer))
    if len(masters) > 1:
        yield Finding(
            "sentinels",
            str(settings.deployment),
            "warning",
            f"they disagree on the master: {', '.join(masters)}",
            "A failover may be under way: ask again. SENTINEL RESET makes one look anew.",
        )


def _wrong(sentinel: Server, found: str, remedy: str) -> Finding:
    return Finding("sentinel", str(sentinel), "warning", found, remedy)


def _user(settings: Settings) -> str:
    return settings.sentinel_username or "default"


def _quorum(settings: Settings, sentinel: Server, reply: object) -> Finding:
    said = refusal(reply)
    if not said:
        return Finding("sentinel", str(sentinel), "ok", plain(reply).removeprefix("OK "))
    if code_of(reply) in _REFUSED or "nknown" in said:
        return Finding(
            "sentinel",
            str(sentinel),
            "unknown",
            f"whether it could replace the master ({said})",
            f"At this sentinel: ACL SETUSER {_user(settings)} +sentinel|ckquorum lets it be known.",
        )
    return Finding(
        "sentinel",
        str(sentinel),
        "failure",
        f"could not replace the master ({said})",
        "Bring back the sentinels that are missing: SENTINEL SENTINELS lists them.",
    )
