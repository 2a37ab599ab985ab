"""What sentinels are asked: where the master is."""

from __future__ import annotations

from typing import Any

from hiredis import ReplyError

from redis_state.client.policy.attempts import AttemptError, BrokenError, StrangerError
from redis_state.config.allowed_hosts import AllowedHosts
from redis_state.config.url import Deployment, Server
from redis_state.errors import MisconfiguredError
from redis_state.operations.operation import Batch

# Seconds for which a server may say nothing to a question that another could answer.
SILENCE = 0.3
# Seconds for looking whether the master is another one by now, before a call.
A_MOMENT = 0.6
# Seconds in which the master that was named is taken for the master still.
NEWS = 1.0


def question(deployment: Deployment) -> Batch:
    """Return what is asked."""
    return [("SENTINEL", "GET-MASTER-ADDR-BY-NAME", deployment.service)]


def read_master(reply: Any, sentinel: Server, allowed: AllowedHosts) -> Server | None:
    """Read the answer, which is nothing where the sentinel does not know the service."""
    if isinstance(reply, ReplyError):
        remedy = "; set [redis_state] sentinel_password" if str(reply).startswith("NOAUTH") else ""
        raise BrokenError(f"{sentinel} refused to say where the master is: {reply}{remedy}")
    if reply is None:
        return None
    master = Server(reply[0].decode(), int(reply[1]))
    if not allowed.admits(master):
        raise StrangerError(master, sentinel)
    return master


def nobody_knows(deployment: Deployment, failure: AttemptError | None) -> Exception:
    """Return the error where no sentinel said where the master is; ``failure`` is the last's."""
    if isinstance(failure, StrangerError):
        return MisconfiguredError(str(failure))
    if failure is not None:
        return failure
    return MisconfiguredError(
        f"No sentinel of {deployment} knows a service of the name {deployment.service!r}: correct "
        "it in [redis_state] url, behind the sentinels."
    )
