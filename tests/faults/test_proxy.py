"""The proxy does to bytes what it is told to, and nothing else."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support import peers
from tests.support.ports import HOST
from tests.support.proxy import DOWN, UP, Proxy, Weather

HELLO = b"*1\r\n$4\r\nPING\r\n"
ANSWER = b"+PONG\r\n"


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with peers.listener(_echo) as port, Proxy(port) as proxy:
        yield proxy


def _echo(connection: socket.socket) -> None:
    while data := connection.recv(65_536):
        connection.sendall(data)


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with connect(proxy) as client:
        client.sendall(b"first")
        assert client.recv(100) == b"first"
        yield client


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), timeout=10.0)


def all_of(client: socket.socket) -> bytes:
    received = b""
    while data := client.recv(100):
        received += data
    return received


def test_in_fair_weather_bytes_come_as_they_were_sent(client: socket.socket) -> None:
    sent = bytes(range(256)) * 1000
    client.sendall(sent)
    received = b""
    while len(received) < len(sent):
        received += client.recv(65_536)
    assert received == sent


def test_trickling_bytes_come_a_few_at_a_time(proxy: Proxy, client: socket.socket) -> None:
    with proxy.weather(Weather(trickle=2, pause=0.5, ways=(DOWN,))):
        client.sendall(b"abcdef")
        first = client.recv(100)
        assert len(first) < 6
        while len(first) < 6:
            first += client.recv(100)
    assert first == b"abcdef"
    assert proxy.counts["trickled"] == 3


def test_delayed_bytes_come_whole(proxy: Proxy, client: socket.socket) -> None:
    with proxy.weather(Weather(delay=0.02)):
        client.sendall(b"abcdef")
        assert client.recv(100) == b"abcdef"
    assert proxy.counts["delayed"] == 2


@pytest.mark.parametrize("way", [UP, DOWN])
def test_a_connection_is_cut_behind_so_many_bytes(
    proxy: Proxy, client: socket.socket, way: str
) -> None:
    with proxy.weather(Weather(cut_after=8, ways=(way,))):
        client.sendall(b"abcdef")
        assert client.recv(100) == b"abcdef"
        client.sendall(b"ghijkl")
        assert all_of(client) in ((b"gh", b"") if way == UP else (b"gh",))
    assert proxy.counts["cut"] == 1


def test_a_reply_is_cut_short_by_a_byte(proxy: Proxy, client: socket.socket) -> None:
    with proxy.weather(Weather(cut_short=True, ways=(DOWN,))):
        client.sendall(b"abcdef")
        assert all_of(client) == b"abcde"


def test_a_reset_is_no_end(proxy: Proxy, client: socket.socket) -> None:
    assert proxy.cut(reset=True) == 1
    with pytest.raises(ConnectionResetError):
        client.recv(100)


def test_swallowed_bytes_go_nowhere(proxy: Proxy, client: socket.socket) -> None:
    with proxy.weather(Weather(swallow=True, ways=(UP,))):
        client.sendall(b"lost")
        while not proxy.counts["swallowed"]:
            pass
    client.sendall(b"found")
    assert client.recv(100) == b"found"


def test_a_proxy_that_refuses_takes_connections_again_later(
    proxy: Proxy, client: socket.socket
) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    client.sendall(b"still here")
    assert client.recv(100) == b"still here"
    proxy.accept()
    connect(proxy).close()


def test_a_target_that_moved_gets_the_new_connections(proxy: Proxy, client: socket.socket) -> None:
    with peers.listener(peers.answer(ANSWER)) as port:
        proxy.retarget(port)
        with connect(proxy) as other:
            other.sendall(HELLO)
            assert other.recv(100) == ANSWER
        client.sendall(HELLO)
        assert client.recv(100) == HELLO
