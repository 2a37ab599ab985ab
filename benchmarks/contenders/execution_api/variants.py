"""The API servers that are compared: they differ in their state store, and in little else."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.contenders import (
    BARE_ANSWER,
    DICT,
    METASTORE_POSTGRESQL,
    METASTORE_PURE_ASGI,
    METASTORE_SQLITE,
    OURS,
    OURS_EXPRESS,
    OURS_EXPRESS_PURE_ASGI,
    OURS_PURE_ASGI,
)

_METASTORE = "airflow.state.metastore.MetastoreBackend"
_REDIS_STATE = "redis_state.RedisStateBackend"
_DICT = "benchmarks.contenders.execution_api.dict_backend.DictBackend"


@dataclass(frozen=True)
class Variant:
    """How one API server differs from the others.

    With ``answers_at_once``, whatever is asked for state is answered with an empty 204, at the
    place where a plug-in's middleware stands: nothing there can be faster. With ``pure_asgi``, the
    middlewares of Airflow are `pure_asgi`'s; the express lane meets one of them only.
    """

    backend: str
    express_lane: bool = False
    answers_at_once: bool = False
    pure_asgi: bool = False


VARIANTS = {
    METASTORE_POSTGRESQL: Variant(_METASTORE),
    METASTORE_SQLITE: Variant(_METASTORE),
    OURS: Variant(_REDIS_STATE),
    OURS_EXPRESS: Variant(_REDIS_STATE, express_lane=True),
    DICT: Variant(_DICT),
    BARE_ANSWER: Variant(_METASTORE, answers_at_once=True),
    METASTORE_PURE_ASGI: Variant(_METASTORE, pure_asgi=True),
    OURS_PURE_ASGI: Variant(_REDIS_STATE, pure_asgi=True),
    OURS_EXPRESS_PURE_ASGI: Variant(_REDIS_STATE, express_lane=True, pure_asgi=True),
}
