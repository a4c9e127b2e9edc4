"""Mosquitto's files as text, and the annotated examples in config/ held against them."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from sync.broker import (
    INGEST_USER,
    WORK_USER,
    BrokerMisconfigured,
    BrokerUser,
    Network,
    Role,
    acl_text,
    configuration_text,
    hash_password,
    make_password,
    password_text,
)
from sync.topics import DOWN, UP

CONFIG = Path(__file__).parents[3] / "config"
HASH = hash_password("secret", b"123456789012")
USERS = [
    BrokerUser("hamburg-1", Role.GATEWAY, HASH),
    BrokerUser(INGEST_USER, Role.INGEST, HASH),
    BrokerUser(WORK_USER, Role.WORK, HASH),
    BrokerUser("dashboard", Role.SUBSCRIBER, HASH),
]
NETWORK = Network("0.0.0.0", 8883, "authority", "revoked", "certificate", "key", 8884)


def lines(text: str) -> list[str]:
    """Without comments and blank lines."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_the_annotated_configuration_is_the_generated_one() -> None:
    generated = configuration_text(Path("/var/lib/sightpost-registry/broker"), 8490, run_as="sightpost-registry", network=NETWORK)
    assert lines((CONFIG / "mosquitto.conf").read_text()) == lines(generated)


def test_the_annotated_acl_is_the_generated_one() -> None:
    assert lines((CONFIG / "acl").read_text()) == lines(acl_text(USERS))


def test_every_topic_that_a_gateway_may_touch_is_named() -> None:
    """What anybody may keep under names of their own is theirs to fill."""
    rights = [line for line in lines(acl_text(USERS[:2])) if "/up/" in line or "/down/" in line]
    assert len(rights) == 2 * (len(UP) + len(DOWN))
    assert not [line for line in rights if line.endswith(("#", "+"))]


def test_every_line_of_the_annotated_files_is_explained() -> None:
    for name in ("mosquitto.conf", "acl"):
        explained = False
        for line in (CONFIG / name).read_text().splitlines():
            assert not line or line.startswith("#") or explained, f"{name}: {line}"
            explained = bool(line)  # a comment explains the lines up to the next blank one


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.0.2.7", "example.org", "", "127.0.0.1 \nallow_anonymous true"])
def test_the_broker_listens_on_loopback_only(bind: str) -> None:
    with pytest.raises(BrokerMisconfigured, match="must not listen"):
        configuration_text(Path("/x"), 8490, bind=bind, run_as="me")


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.1.2.3", "::1"])
def test_any_loopback_address_will_do(bind: str) -> None:
    assert f"listener 8490 {bind}\n" in configuration_text(Path("/x"), 8490, bind=bind, run_as="me")


def test_until_it_is_opened_one_listener_is_there() -> None:
    text = configuration_text(Path("/x"), 8490, run_as="me")
    assert [line for line in lines(text) if line.startswith(("listener", "certfile"))] == ["listener 8490 127.0.0.1"]


@pytest.mark.parametrize("bind", ["", "localhost", "registry.example.com", "0.0.0.0\nallow_anonymous true"])
def test_it_is_opened_at_an_address(bind: str) -> None:
    with pytest.raises(BrokerMisconfigured, match="is no address"):
        configuration_text(Path("/x"), 8490, run_as="me", network=replace(NETWORK, bind=bind))


def test_an_authority_elsewhere_keeps_its_own_list_of_what_is_revoked() -> None:
    text = configuration_text(Path("/x"), 8490, run_as="me", network=replace(NETWORK, revoked=None, subscribers_port=None))
    assert "crlfile" not in text
    assert text.count("\nlistener ") == 2


def test_no_key_shows_in_a_repr() -> None:
    assert "'key'" not in repr(NETWORK)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_is_a_port(port: int) -> None:
    with pytest.raises(BrokerMisconfigured, match="is no port"):
        configuration_text(Path("/x"), port, run_as="me")


def test_a_folder_cannot_add_a_setting() -> None:
    with pytest.raises(BrokerMisconfigured, match="cannot name a folder"):
        configuration_text(Path("/x\nallow_anonymous true"), 8490, run_as="me")
    assert "acl_file /x y/acl\n" in configuration_text(Path("/x y"), 8490, run_as="me")


@pytest.mark.parametrize("name", ["", "a b", "a\nuser root", "+", "#", "a/b", "é", "x" * 65, "a:b"])
def test_a_user_name_cannot_add_a_line_or_a_wildcard(name: str) -> None:
    for write in (acl_text, password_text):
        with pytest.raises(BrokerMisconfigured):
            write([BrokerUser(name, Role.GATEWAY, HASH)])


@pytest.mark.parametrize("password_hash", ["", "secret", "$7$1$a$b\nroot:x"])
def test_a_hash_is_one_of_ours(password_hash: str) -> None:
    with pytest.raises(BrokerMisconfigured, match="hash"):
        password_text([BrokerUser("a", Role.GATEWAY, password_hash)])


def test_a_user_stands_once() -> None:
    with pytest.raises(BrokerMisconfigured, match="twice: dashboard"):
        acl_text([*USERS, USERS[-1]])


def test_a_hash_is_pbkdf2_with_sha512() -> None:
    digest = hashlib.pbkdf2_hmac("sha512", b"secret", b"123456789012", 1000)
    assert HASH.startswith("$7$1000$MTIzNDU2Nzg5MDEy$")
    assert HASH.endswith("==")
    assert len(digest) == 64
    assert hash_password("secret") != hash_password("secret")


def test_passwords_are_long_and_no_hash_shows_in_a_repr() -> None:
    assert len({make_password() for _ in range(100)}) == 100
    assert len(make_password()) >= 43
    assert HASH not in repr(USERS)
