"""What a call tells that has come to nothing: what is wrong, and what to do about it.

Airflow's UI shows about a hundred characters of a message, so that much has to do.
"""

from __future__ import annotations

from redis_state.client.policy.attempts import (
    AttemptError,
    ExhaustedError,
    FailedFastError,
    LateError,
    LoginError,
    RedirectedError,
    RefusedError,
    ReplicaError,
    SilenceError,
    StrangerError,
    UnresolvedError,
)
from redis_state.config.url import Deployment
from redis_state.errors import (
    MisconfiguredError,
    OperationTimeoutError,
    StateStoreError,
    UnavailableError,
)

_AT_ONCE = "A few calls go on trying, and this one ended at once."


def not_followed(error: RedirectedError, server: object) -> StateStoreError:
    """Return the error for a redirection that a client of no cluster has met."""
    return MisconfiguredError(
        f"{server} is a node of a cluster: write redis+cluster:// in place of redis:// in "
        f"[redis_state] url ({error})."
    )


def give_up(failure: Exception, where: object, budget: float) -> StateStoreError:
    """Return the error for a call that has used up its budget, or may not use it."""
    match failure:
        case FailedFastError():
            return _failed_fast(failure.reason, where, budget)
        case StrangerError():
            return MisconfiguredError(str(failure))
        case LoginError():
            return MisconfiguredError(
                f"{where} refused the credentials of [redis_state] credential_provider: see "
                f"whether they are those of this server, and are still valid ({failure})."
            )
        case ReplicaError():
            return _read_only(failure, where)
        case SilenceError() | LateError():
            return _unanswered(failure, where, budget)
        case _:
            return UnavailableError(_unavailable(failure, where, budget))


def _unavailable(failure: Exception, where: object, budget: float) -> str:
    if isinstance(failure, ExhaustedError):
        return (
            f"All connections to {where} stayed busy for the budget of {budget:g} s. "
            "Raise [redis_state] pool_size, or see why Redis is slow."
        )
    if isinstance(failure, RefusedError):
        return _refused(failure, where)
    return (
        f"{where} could not be used within the budget of {budget:g} s ({failure}). "
        "See whether Redis runs there and the network leads to it."
    )


def _failed_fast(reason: AttemptError, where: object, budget: float) -> UnavailableError:
    if isinstance(reason, (RefusedError, ReplicaError)):
        return UnavailableError(f"{give_up(reason, where, budget)} {_AT_ONCE}")
    return UnavailableError(
        f"{where} has not answered for a while: see whether Redis runs there, and is neither "
        f"stopped nor busy ({reason}). {_AT_ONCE}"
    )


def _refused(failure: RefusedError, where: object) -> str:
    of_these = "" if str(where).startswith(str(failure.server)) else f"; it is one of {where}"
    return (
        f"Nothing listens at {failure.server}: start Redis there, or correct the host and port in "
        f"[redis_state] url ({failure}{of_these})."
    )


def _read_only(failure: ReplicaError, where: object) -> StateStoreError:
    """Tell a url that names a replica from a failover.

    The masters of a cluster and those that sentinels name change by themselves. So may a single
    server, behind a name that its provider moves: one that has taken writes before.
    """
    told = (
        f"{where} is a replica: name its master in [redis_state] url, or its sentinels "
        f"(redis+sentinel://). It answers {failure}"
    )
    stays_so = isinstance(where, Deployment) and where.topology == "standalone"
    if stays_so and not failure.was_master:
        return MisconfiguredError(told)
    return UnavailableError(f"{told} A failover may be under way.")


def _unanswered(failure: AttemptError, where: object, budget: float) -> StateStoreError:
    if isinstance(failure, UnresolvedError):
        return UnavailableError(
            f"{where} was not found within the budget of {budget:g} s: {failure}. See whether DNS "
            "answers here, or write an address in place of the name."
        )
    return OperationTimeoutError(
        f"{where} did not answer within the budget of {budget:g} s. "
        "See whether Redis is stopped, overloaded, or behind a silent firewall."
    )
