"""Commands as the bytes that Redis reads."""

from __future__ import annotations

from hiredis import pack_command

from redis_state.operations.operation import Argument, Batch, Command, ScriptCall

_ASKING = b"*1\r\n$6\r\nASKING\r\n"


def pack(batch: Batch, *, with_texts: bool = False) -> bytes:
    """Pack a batch; ``with_texts`` sends scripts whole, for a server that has lost them."""
    return b"".join([_pack(item, with_text=with_texts) for item in batch])


def pack_asking(batch: Batch, *, with_texts: bool = False) -> bytes:
    """Pack a batch for a node that is about to get the slot: each command asks to be let in."""
    return b"".join([_ASKING + _pack(item, with_text=with_texts) for item in batch])


def _pack(item: Command | ScriptCall, *, with_text: bool) -> bytes:
    if isinstance(item, bytes):
        return item
    command = _evaluate(item, with_text=with_text) if isinstance(item, ScriptCall) else item
    # An int is made text here: where that is interrupted inside of hiredis, it ends the process.
    texts = tuple([str(each) if isinstance(each, int) else each for each in command])
    # hiredis takes a tuple of any length; its types know of one.
    packed: bytes = pack_command(texts)  # type: ignore[arg-type]
    return packed


def _evaluate(call: ScriptCall, *, with_text: bool) -> tuple[Argument, ...]:
    name, script = ("EVAL", call.script.text) if with_text else ("EVALSHA", call.script.sha)
    return (name, script, len(call.pages), *call.pages, *call.arguments)
