"""The steps of a rotation, where servers go away and writers never rest."""

from __future__ import annotations

from typing import Any

import pytest

from redis_state import AssetScope, UnavailableError
from redis_state.admin import rotation
from redis_state.admin.rotation import Rotation, RotationReport
from redis_state.admin.steps import arun, run
from redis_state.config.settings import Settings
from redis_state.format import layout, pages
from redis_state.format.codec import Codec
from redis_state.operations.operation import Operation
from redis_state.operations.reencrypt import Replace
from redis_state.provider import get_provider_info
from redis_state.testing import fake_backend
from tests.encryption.conftest import FIRST, SECOND
from tests.support.methods import MODES

ASSET = AssetScope(asset_id=7)


class Client:
    """Passes steps on to a fake server, but for what a test makes of them."""

    def __init__(self, away: int = 0, *, loses_every_race: bool = False) -> None:
        self.backend = fake_backend(encryption="own", encryption_keys=FIRST)
        self._inner: Any = self.backend._client
        self._away = away
        self._loses = loses_every_race

    def servers(self) -> Any:
        self._fail()
        return self._inner.servers()

    def run(self, operation: Operation[Any]) -> Any:
        self._fail()
        if self._loses and isinstance(operation, Replace):
            return False
        return self._inner.run(operation)

    def run_at(self, server: Any, operation: Operation[Any]) -> Any:
        return self._inner.run_at(server, operation)

    def _fail(self) -> None:
        if self._away:
            self._away -= 1
            raise UnavailableError("away")


class AsyncClient(Client):
    async def servers(self) -> Any:
        return super().servers()

    async def run(self, operation: Operation[Any]) -> Any:
        return super().run(operation)

    async def run_at(self, server: Any, operation: Operation[Any]) -> Any:
        return super().run_at(server, operation)


@pytest.fixture(params=MODES)
def rotate(request: pytest.FixtureRequest) -> Any:
    async def take(keys: str, client: dict[str, Any], text: str = "1") -> RotationReport:
        settings = Settings(encryption="own", encryption_keys=keys)
        made = AsyncClient(**client) if request.param == "async" else Client(**client)
        made.backend.set(ASSET, "key", text)
        steps = Rotation(settings, Codec(settings)).steps()
        return await arun(lambda: made, steps) if request.param == "async" else run(made, steps)

    return take


async def test_a_server_that_comes_back_is_waited_for(
    rotate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "_PAUSE", 0.001)
    report = await rotate(f"{SECOND},{FIRST}", {"away": 5})
    assert report == RotationReport(seen=1, reencrypted=1)


async def test_a_server_that_stays_away_ends_the_rotation(
    rotate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "_PAUSE", 0.001)
    monkeypatch.setattr(rotation, "_PATIENCE", 0.05)
    with pytest.raises(UnavailableError, match="away"):
        await rotate(f"{SECOND},{FIRST}", {"away": 1_000_000})


async def test_a_value_that_is_never_the_one_that_was_read_is_left_and_reported(
    rotate: Any,
) -> None:
    report = await rotate(f"{SECOND},{FIRST}", {"loses_every_race": True})
    assert report == RotationReport(seen=1, older_left=1)
    assert not report.is_complete


@pytest.mark.parametrize(
    ("page", "field", "place"),
    [
        (b"ns:a:{id:7}", b"key", layout.Place("ns:a:{id:7}")),
        (b"ns:aw:{name:x}", b"\xb2\xff", layout.Place("ns:aw:{name:x}")),
        (b"ns:t:{d/r/t}:3", b"131:key", layout.Place("ns:t:{d/r/t}:3", "131:")),
        (b"ns:tw:{d/r/t}:-1", b"131:key", layout.Place("ns:tw:{d/r/t}:-1")),
        (b"ns:t:{d/r/t}:3", b"4:key", None),
        (b"ns:t:{d/r/t}:3", b"03:key", None),
        (b"ns:t:{d/r/t}:3", b"no index", None),
        (b"ns:t:{d/r/t}:3", b"9" * 10_000 + b":key", None),
        (b"ns:t:{d/r/t}:200", b"3:key", None),
        (b"ns:t:{d /r/%74}:-1", b"key", None),
        (b"ns:x:{d/r/t}:3", b"3:key", None),
        (b"other:a:{id:7}", b"key", None),
        (b"ns:a:{id:007}", b"key", None),
    ],
)
def test_a_field_has_one_place_or_none(page: bytes, field: bytes, place: Any) -> None:
    assert pages.locate("ns", page, field) == place


def test_the_keys_are_an_option_that_airflow_hides() -> None:
    options = get_provider_info()["config"]["redis_state"]["options"]
    assert options["encryption_keys"]["sensitive"]
    assert not options["encryption"]["sensitive"]
