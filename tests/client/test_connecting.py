"""Opening a connection ends by its deadline, whatever redis-py makes of it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio.connection import AbstractConnection

from redis_state.client.io.async_opening import open_link
from redis_state.client.policy.attempts import SilenceError
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from tests.support import peers


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("seconds", "silence"), [(3.0, float("inf")), (3600.0, 0.2)])
async def test_an_end_that_is_swallowed_while_sending_ends_the_reading(
    monkeypatch: pytest.MonkeyPatch, seconds: float, silence: float
) -> None:
    send = AbstractConnection.send_packed_command
    swallowed: list[BaseException] = []

    async def send_and_swallow(self: Any, *arguments: Any, **options: Any) -> None:
        await send(self, *arguments, **options)
        if not swallowed:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError as error:
                swallowed.append(error)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", send_and_swallow)
    with peers.listener(peers.mute) as port:
        settings = Settings(password=SecretStr("secret"))
        ends = time.monotonic() + seconds
        with pytest.raises(SilenceError):
            await open_link(settings, Server("127.0.0.1", port), ends, silence=silence)
    assert len(swallowed) == 1
