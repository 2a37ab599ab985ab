"""The lines of an export: a header, a line for each value, and an end that tells how many.

A file may be anybody's, so models say what a line may have, and all else is refused. The only texts
that they do not look into are those that may hold anything, lone surrogates too.
"""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any, Literal, TypeAlias, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, TypeAdapter, ValidationError

from redis_state.admin.migration.values import Spot, Value
from redis_state.errors import CorruptValueError, MisconfiguredError
from redis_state.format import envelope
from redis_state.format.codec import Codec
from redis_state.format.layout import place
from redis_state.scopes import ZERO_REGION, AssetScope, StateScope, TaskScope

FORMAT = 1
# As `layout` has them.
_MOST_DIGITS = 10**100
_MOST_OF_A_NAME = 60

_Text: TypeAlias = InstanceOf[str]
_Visible: TypeAlias = Annotated[str, Field(pattern=r"^[ -~]{1,200}$")]
_Moment: TypeAlias = Annotated[int, Field(ge=1, le=envelope.LAST_MOMENT)]
_Count: TypeAlias = Annotated[int, Field(ge=0, lt=2**63)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class OwnerMark(_Line):
    """Whose the namespace was."""

    database: _Visible
    since: _Visible


class Header(_Line):
    """The first line."""

    format: Literal[1] = Field(alias="redis-state")
    # As long as it may be in Redis.
    namespace: Annotated[str, Field(pattern=r"^[ -~]*$")]
    owner: OwnerMark | None
    exported_at: _Visible
    # Whether values are encrypted, as they were in Redis.
    encrypted: bool


class _ValueLine(_Line):
    side: Literal["server", "worker"]
    key: _Text
    value: _Text | None = None
    raw: _Text | None = None
    updated_at: Annotated[int, Field(ge=0, le=envelope.LAST_MOMENT)]
    expires_at: _Moment | None
    incarnation: Annotated[int, Field(ge=0, lt=2**32)]


class TaskLine(_ValueLine):
    """A value of a task."""

    kind: Literal["task"]
    dag_id: _Text
    run_id: _Text
    task_id: _Text
    map_index: Annotated[int, Field(ge=-1, lt=_MOST_DIGITS)]
    region_id: Annotated[str, Field(max_length=36)] | None

    @property
    def scope(self) -> TaskScope:
        """Return whose it is."""
        region = ZERO_REGION if self.region_id is None else UUID(self.region_id)
        return TaskScope(self.dag_id, self.run_id, self.task_id, self.map_index, region)


class AssetLine(_ValueLine):
    """A value of an asset, which has one name of the three."""

    kind: Literal["asset"]
    asset_id: Annotated[int, Field(gt=-_MOST_DIGITS, lt=_MOST_DIGITS)] | None = None
    asset_name: _Text | None = None
    asset_uri: _Text | None = None

    @property
    def scope(self) -> AssetScope:
        """Return whose it is."""
        names = (self.asset_id, self.asset_name, self.asset_uri)
        if sum(name is not None for name in names) != 1:
            raise ValueError("an asset has one of asset_id, asset_name and asset_uri")
        return AssetScope(*names)


class End(_Line):
    """The last line; what could not be read is not in the file."""

    kind: Literal["end"]
    values: _Count
    unreadable: _Count


ValueLine: TypeAlias = TaskLine | AssetLine
_Parsed = TypeVar("_Parsed")
_HEADER = TypeAdapter(Header)
_BODY: TypeAdapter[ValueLine | End] = TypeAdapter(
    Annotated[ValueLine | End, Field(discriminator="kind")]
)


def read_header(line: bytes) -> Header:
    """Read the first line."""
    return _parsed(line, 1, _HEADER)


def read_line(line: bytes, number: int) -> ValueLine | End:
    """Read one of the other lines."""
    return _parsed(line, number, _BODY)


def value_of(line: ValueLine, number: int, namespace: str, codec: Codec) -> Value:
    """Return the value of a line, decrypted."""
    try:
        spot = Spot(line.scope, line.key, line.side == "worker")
        until = envelope.NEVER if line.expires_at is None else line.expires_at
        moment = line.updated_at // 1000
        text = _text(line, spot, namespace, codec)
        return Value(spot, moment, until, line.incarnation, envelope.to_bytes(text))
    except MisconfiguredError:
        # The file is well: a key is missing here.
        raise
    except (ValueError, CorruptValueError) as error:
        raise damaged(number, str(error)) from None


def _text(line: ValueLine, spot: Spot, namespace: str, codec: Codec) -> str:
    if line.value is not None and line.raw is None:
        return line.value
    if line.raw is None or line.value is not None:
        raise ValueError("it has one of value and raw")
    raw = base64.b64decode(line.raw, validate=True)
    at = place(namespace, spot.scope, of_worker=spot.of_worker)
    found = codec.decode(raw, at, spot.key)
    times = (found.updated_at, found.expires_at or None, found.incarnation)
    if times != (line.updated_at, line.expires_at, line.incarnation):
        raise ValueError("its times are not those of its encrypted value")
    return found.text


def header_line(header: Header) -> bytes:
    """Write the first line."""
    return _written(header.model_dump(by_alias=True))


def value_line(value: Value, *, is_raw: bool) -> bytes:
    """Write the line of a value, whose body is its text or its encrypted envelope."""
    body = value.body
    held = (
        {"raw": base64.b64encode(body).decode()}
        if is_raw
        else {"value": body.decode("utf-8", "surrogatepass")}
    )
    return _written(
        {
            **_whose(value.spot.scope),
            "side": "worker" if value.spot.of_worker else "server",
            "key": value.spot.key,
            **held,
            "updated_at": value.updated_at * 1000,
            "expires_at": value.expires_at or None,
            "incarnation": value.incarnation,
        }
    )


def end_line(values: int, unreadable: int) -> bytes:
    """Write the last line."""
    return _written({"kind": "end", "values": values, "unreadable": unreadable})


def damaged(number: int, why: str) -> CorruptValueError:
    """Return the error about a line."""
    return CorruptValueError(f"Line {number} of the file is damaged or cut off: {why}")


def _whose(scope: StateScope) -> dict[str, Any]:
    if isinstance(scope, TaskScope):
        region = None if scope.region_id == ZERO_REGION else str(scope.region_id)
        names = {name: getattr(scope, name) for name in ("dag_id", "run_id", "task_id")}
        return {"kind": "task", **names, "map_index": scope.map_index, "region_id": region}
    names = {"asset_id": scope.asset_id, "asset_name": scope.name, "asset_uri": scope.uri}
    return {"kind": "asset", **{name: each for name, each in names.items() if each is not None}}


def _written(line: dict[str, Any]) -> bytes:
    # In ASCII, where a lone surrogate has an escape.
    return json.dumps(line).encode() + b"\n"


def _parsed(line: bytes, number: int, adapter: TypeAdapter[_Parsed]) -> _Parsed:
    try:
        return adapter.validate_python(json.loads(line.decode()))
    except ValidationError as error:
        raise damaged(number, _why(error)) from None
    except RecursionError:
        raise damaged(number, "it is nested too deeply") from None
    except ValueError as error:
        why = getattr(error, "msg", "it is not JSON")
        raise damaged(number, str(why)) from None


def _why(error: ValidationError) -> str:
    """Say what is wrong, and never what stands there: it may be a secret."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])[:_MOST_OF_A_NAME]
    return f"{where}: {first['msg'][:200]}" if where else str(first["msg"][:200])
