"""Every error this library raises.

    StateStoreError
    ├── UnavailableError            Redis cannot be reached, or refuses to serve for now
    │   ├── OperationTimeoutError   Redis did not answer within the budget of the call
    │   └── DurabilityError         a write was made, and is not yet as safe as was asked
    ├── MisconfiguredError          an option, a credential or the server itself is wrong
    ├── InvalidInputError           the caller passed something that cannot be stored
    │   ├── InvalidScopeError       neither a task nor an asset, or a part of it is unusable
    │   ├── InvalidKeyError         not a text, or longer than the limit
    │   ├── InvalidValueError       not a text, or an expiry that is not a datetime
    │   └── TooLargeError           a value beyond the limit
    ├── ConflictError               a deletion came between the two steps of a write: write again
    └── CorruptValueError           what Redis holds under a key is not ours to read

Errors of redis-py are always the ``__cause__``, never what a caller has to catch. Each error also
derives from the builtin that a reader would expect (``ConnectionError``, ``TimeoutError``,
``ValueError``, ``TypeError``).
"""

from __future__ import annotations


class StateStoreError(Exception):
    """The root of all errors of redis-state."""


class UnavailableError(StateStoreError, ConnectionError):
    """Redis cannot be reached, or refuses to serve for now; trying again later may help."""


class OperationTimeoutError(UnavailableError, TimeoutError):
    """Redis did not answer within the budget of the call; a write may or may not stand."""


class DurabilityError(UnavailableError):
    """The write was made, but fewer replicas or disks confirmed it in time than was asked."""


class MisconfiguredError(StateStoreError, ValueError):
    """An option, a credential or the server itself is wrong; trying again does not help."""


class InvalidInputError(StateStoreError, ValueError):
    """The caller passed something that cannot be stored; nothing was sent."""


class InvalidScopeError(InvalidInputError):
    """The scope is neither a task's nor an asset's, or a part of it is unusable."""


class InvalidKeyError(InvalidInputError):
    """The state key is not a text, or longer than the limit."""


class InvalidValueError(InvalidInputError, TypeError):
    """The value is not a text, or its expiry is not a datetime."""


class TooLargeError(InvalidInputError):
    """The value is larger than the limit."""


class ConflictError(StateStoreError):
    """The value that a document refers to is not there any more: it has to be set again."""


class CorruptValueError(StateStoreError):
    """What Redis holds under the key is no envelope that this version can read."""
