"""Commands as the bytes that Redis reads."""

from __future__ import annotations

from hiredis import pack_command

from redis_state.operations import Batch, Command, ScriptCall


def pack(batch: Batch, *, with_texts: bool = False) -> bytes:
    """Pack a batch; ``with_texts`` sends scripts whole, for a server that has lost them."""
    commands = (
        _evaluate(item, with_text=with_texts) if isinstance(item, ScriptCall) else item
        for item in batch
    )
    # hiredis takes a tuple of any length; its types know of one.
    return b"".join(pack_command(command) for command in commands)  # type: ignore[arg-type]


def _evaluate(call: ScriptCall, *, with_text: bool) -> Command:
    name, script = ("EVAL", call.script.text) if with_text else ("EVALSHA", call.script.sha)
    return (name, script, len(call.pages), *call.pages, *call.arguments)
