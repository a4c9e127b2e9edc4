"""docs/asyncapi.yaml as tests read it, and its last part, which is made of the wire's own messages. `python -m tests.asyncapi`
writes that part anew."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import yaml

from sync import wire

FILE = Path(__file__).parents[1] / "docs" / "asyncapi.yaml"
MARK = "    # From here on what the wire is made of, written by `python -m tests.asyncapi`.\n"
MESSAGES = (
    wire.LiveEvent, wire.Hello, wire.Batch, wire.Health, wire.State, wire.Reply, wire.CertificateRequest, wire.Ack, wire.Command,
    wire.Configuration, wire.NextCertificate,
)  # fmt: skip
SCHEMAS = "#/components/schemas/"


def wire_schemas() -> dict[str, Any]:
    """The schemas of all messages of the wire, by name."""
    _, found = msgspec.json.schema_components([_without_raw(message) for message in MESSAGES], ref_template=SCHEMAS + "{name}")
    made: dict[str, Any] = json.loads(json.dumps({name: _in_one_line(schema) for name, schema in found.items()}))
    return made


def _without_raw(message: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The same with any object for a default that is JSON already, of which no schema can be made."""
    fields = msgspec.structs.fields(message)
    if not any(isinstance(field.default, msgspec.Raw) for field in fields):
        return message
    told: list[Any] = [
        (field.name, dict[str, Any], msgspec.field(default_factory=dict))
        if isinstance(field.default, msgspec.Raw)
        else (field.name, field.type, *([field.default] if field.default is not msgspec.NODEFAULT else []))
        for field in fields
    ]
    renamed = {field.name: field.encode_name for field in fields}
    return msgspec.defstruct(message.__name__, told, rename=renamed, namespace={"__doc__": message.__doc__})


def _in_one_line(schema: dict[str, Any]) -> dict[str, Any]:
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    return schema


@cache
def document() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return read


def channel_of(topic: str) -> str | None:
    """The name of the one channel that a topic belongs to."""
    found = [name for name, channel in document()["channels"].items() if _pattern(channel).fullmatch(topic)]
    assert len(found) <= 1, (topic, found)
    return found[0] if found else None


def check(topic: str, payload: Any) -> str:
    """Hold a message against the document; return its channel. Raises ValueError of jsonschema_rs, AssertionError."""
    name = channel_of(topic)
    assert name is not None, f"no channel for {topic}"
    messages = document()["channels"][name]["messages"]
    message = messages[topic.rpartition("/")[2]] if len(messages) > 1 else next(iter(messages.values()))
    schema = {**message["payload"], "components": document()["components"]}
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(payload)
    return name


def _pattern(channel: dict[str, Any]) -> re.Pattern[str]:
    def level(found: re.Match[str]) -> str:
        among = channel["parameters"][found[1]].get("enum")
        return f"(?:{'|'.join(among)})" if among else r"[A-Za-z0-9._%-]+"

    return re.compile(re.sub(r"\\{(\w+)\\}", level, re.escape(channel["address"])))


def main() -> None:
    head = FILE.read_text().partition(MARK)[0]
    made = yaml.safe_dump(wire_schemas(), sort_keys=False, allow_unicode=True, width=124)
    FILE.write_text(head + MARK + "".join(f"    {line}\n" for line in made.splitlines()))


if __name__ == "__main__":
    main()
