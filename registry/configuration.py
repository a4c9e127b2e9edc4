"""The settings of a registry: the models of registry.toml. config/registry.toml documents each of them by example.

The environment may override a key (SIGHTPOST_REGISTRY_WEB__PORT=8481) and name the database (DATABASE_URL). Every description
here is the second half of an error message: it tells a person what to write.
"""

import os
import re
import tomllib
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from identity import company
from registry.misconfigured import Misconfigured, bad_syntax, in_words, unreadable

CONFIG_VARIABLE = "SIGHTPOST_REGISTRY_CONFIG"
MAX_FILE_BYTES = 1_000_000
_PREFIX = "SIGHTPOST_REGISTRY_"


def _loopback(host: str, remedy: str) -> str:
    if not _is_loopback(host):
        raise ValueError(f"{host!r} is not a loopback address; {remedy}")
    return host


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_host(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return len(name) <= 253 and re.fullmatch(r"(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", name) is not None
    return True


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseSection(Section):
    url: str | None = Field(
        default=None,
        description="postgresql://user@host/name, or leave it out for an SQLite file in data_dir",
        examples=["postgresql://sightpost@/sightpost"],
    )
    password_file: Path | None = Field(default=None, description="the path of a file that holds the database password alone")
    pool: int = Field(default=20, ge=2, le=500, description="2 to 500: PostgreSQL connections of one process at most")

    @field_validator("url")
    @classmethod
    def _known_and_without_secret(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("postgresql", "postgres", "sqlite"):
            raise ValueError(
                f"scheme {parts.scheme!r} is no database of ours; write postgresql://user@host/name or sqlite:////path"
            )
        if parts.password:
            raise ValueError(
                "a password does not belong into settings; put it into a file of its own and name it as password_file"
            )
        return url


class WebSection(Section):
    host: str = Field(default="127.0.0.1", description="an address of this machine only, 127.0.0.1 or ::1")
    port: int = Field(default=8480, ge=1, le=65535, description="a port, 1 to 65535")
    allowed_hosts: list[str] = Field(
        default=["localhost", "127.0.0.1", "[::1]"],
        min_length=1,
        description='the names people reach it by, like ["assets.example.com"]',
    )
    https: bool = Field(
        default=False,
        description="true when a proxy in front speaks TLS and sets X-Forwarded-Proto: cookies then go over https only",
    )

    @field_validator("host")
    @classmethod
    def _this_machine_only(cls, host: str) -> str:
        return _loopback(host, "this port speaks no TLS: keep it at 127.0.0.1 and put a proxy with TLS in front")

    @field_validator("allowed_hosts")
    @classmethod
    def _no_wildcard(cls, hosts: list[str]) -> list[str]:
        if any("*" in host or "/" in host or not host for host in hosts):
            raise ValueError("write plain host names without scheme, path or '*': the host check is what keeps forged links out")
        return hosts


class BrokerSection(Section):
    """The broker that `up` runs, on this machine and where opened for others; or one that runs elsewhere, by its url."""

    run: bool = Field(default=True, description="true or false: whether `up` starts mosquitto itself")
    host: str = Field(
        default="127.0.0.1",
        description="127.0.0.1 for this machine only; else where gateways elsewhere connect with TLS: 0.0.0.0 or one address",
    )
    port: int = Field(default=8490, ge=1, le=65535, description="a port, 1 to 65535: on this machine only, without TLS")
    tls_port: int = Field(default=8883, ge=1, le=65535, description="a port, 1 to 65535: of gateways elsewhere")
    subscribers_port: int | None = Field(
        default=None, ge=1, le=65535, description="a port, 1 to 65535: of subscribers elsewhere, by TLS and password"
    )
    names: list[str] = Field(
        default=[], max_length=20, description='the names or addresses others reach it by, like ["registry.example.com"]'
    )
    mosquitto: str = Field(default="mosquitto", min_length=1, description="the program's name or path")
    url: str | None = Field(
        default=None, max_length=300, description='a broker that runs elsewhere, like "mqtts://broker.example.com:8883"'
    )
    ca_file: Path | None = Field(
        default=None, description="the path of the certificate of an authority that certifies broker and gateways instead of ours"
    )
    certificate_file: Path | None = Field(
        default=None, description="the path of a certificate: the broker's, or what the registry shows the one at url"
    )
    key_file: Path | None = Field(default=None, description="the path of its key, readable for its owner alone")
    user: str = Field(
        default="sightpost-registry",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="the name to log in with at url, of letters, digits and . _ -",
    )
    password_file: Path | None = Field(
        default=None, description="the path of a file, readable for its owner alone, that holds the password for url alone"
    )

    @field_validator("host")
    @classmethod
    def _an_address(cls, host: str) -> str:
        try:
            return host if host == "localhost" else str(ip_address(host))
        except ValueError:
            raise ValueError(
                f"{host!r} is no address of this machine; write 127.0.0.1, or 0.0.0.0 to open it, and the name as names"
            ) from None

    @field_validator("names")
    @classmethod
    def _names_of_hosts(cls, names: list[str]) -> list[str]:
        for name in names:
            if not _is_host(name):
                raise ValueError(f"{name!r} is neither a host name nor an address")
        return names

    @field_validator("url")
    @classmethod
    def _by_tls(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = None
        bare = (parts.path.rstrip("/"), parts.query, parts.fragment, parts.username) == ("", "", "", None)
        if parts.scheme != "mqtts" or not _is_host(parts.hostname or "") or not port or not bare:
            raise ValueError('has the form "mqtts://NAME:PORT": without TLS nothing leaves this machine')
        return url

    @model_validator(mode="after")
    def _complete(self) -> "BrokerSection":
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("a certificate and its key belong together: name both, as certificate_file and key_file")
        if self.url is not None:
            if self.run or self.is_open:
                raise ValueError("there is one broker: with a url say run = false, and leave host at 127.0.0.1")
            if self.ca_file is None:
                raise ValueError("whose word the broker at url is believed by: name its authority's certificate as ca_file")
            if (self.key_file is None) == (self.password_file is None):
                raise ValueError("say how to log in at url: by certificate_file and key_file, or by user and password_file")
        elif self.is_open and not self.names:
            raise ValueError('open to others it needs a name in its certificate: names = ["registry.example.com"]')
        elif self.is_open and (self.ca_file is None) != (self.key_file is None):
            raise ValueError("with an authority of your own: name ca_file, and the broker's certificate_file and key_file")
        if self.subscribers_port is not None and not self.is_open:
            raise ValueError("subscribers elsewhere need an open broker: give host an address of the network")
        if self.is_open and len({self.port, self.tls_port, self.subscribers_port}) < 3:
            raise ValueError("port, tls_port and subscribers_port have to differ")
        return self

    @property
    def is_open(self) -> bool:
        """Whether gateways on other machines may connect to the broker that we run."""
        return not _is_loopback(self.host)

    @property
    def local_host(self) -> str:
        """Where it listens on this machine, without TLS."""
        return "127.0.0.1" if self.is_open or self.host == "localhost" else self.host

    @property
    def address(self) -> tuple[str, int]:
        """Host and port for gateways elsewhere, by TLS; where nothing is open, those of this machine."""
        if self.url is not None:
            parts = urlsplit(self.url)
            return parts.hostname or "", parts.port or 0
        return (self.names[0], self.tls_port) if self.is_open else (self.local_host, self.port)


class EnrolmentSection(Section):
    """Where gateways come with a one-time code. Nobody listens there unless a code is out."""

    host: str = Field(
        default="127.0.0.1",
        description="the address to listen at: 127.0.0.1 for gateways on this machine only, 0.0.0.0 or :: for all networks",
    )
    port: int = Field(default=8491, ge=1, le=65535, description="a port, 1 to 65535")
    address: str = Field(
        default="",
        max_length=253,
        description='the name or address in codes, like "registry.example.com"; empty: the first of [broker] names',
    )

    @field_validator("host")
    @classmethod
    def _an_address_of_this_machine(cls, host: str) -> str:
        try:
            return host if host == "localhost" else str(ip_address(host))
        except ValueError:
            raise ValueError(f"{host!r} is no IP address; write 127.0.0.1, 0.0.0.0 or one of this machine's") from None

    @field_validator("address")
    @classmethod
    def _a_name_alone(cls, address: str) -> str:
        address = address.lower()
        if address and not _is_host(address):
            raise ValueError(f"{address!r} is no name to go to; write it like registry.example.com, without a port")
        return address

    @property
    def is_local(self) -> bool:
        """Whether only gateways on this machine can come."""
        return _is_loopback(self.host)


class IngestSection(Section):
    worker: str = Field(
        default="1",
        pattern=r"^[a-z0-9-]{1,20}$",
        description="lower-case letters, digits and hyphens: tells several workers apart",
    )
    queue_messages: int = Field(
        default=256, ge=8, le=10_000, description="8 to 10000: messages (64 KiB at most each) that may wait for the database"
    )
    unknown_tags: int = Field(
        default=10_000,
        ge=10,
        le=1_000_000,
        description="10 to 1000000: how many unknown tags are kept; the longest unseen go first",
    )


class CompanySection(Section):
    name: str = Field(default="", max_length=60, description="what stands small at the top of labels; at most 60 characters")
    gs1_prefix: str | None = Field(
        default=None,
        description="your GS1 company prefix, 6 to 12 digits in quotes (a U.P.C. company prefix gets a 0 in front)",
        examples=["4012345"],
    )
    digital_link: str | None = Field(
        default=None,
        max_length=100,
        description='the https address under which people reach this registry, like "https://id.example.com", without a path',
    )

    @field_validator("gs1_prefix")
    @classmethod
    def _of_the_right_length(cls, prefix: str | None) -> str | None:
        if prefix is not None and not company.is_prefix(prefix):
            raise ValueError(
                f"{prefix[:40]!r} is no GS1 company prefix; write its 6 to 12 digits, a U.P.C. prefix with a 0 in front"
            )
        return prefix

    @field_validator("digital_link")
    @classmethod
    def _an_address_alone(cls, address: str | None) -> str | None:
        if address is None:
            return None
        parts = urlsplit(address)
        bare = (parts.path.rstrip("/"), parts.query, parts.fragment, parts.username or "") == ("", "", "", "")
        if parts.scheme != "https" or not re.fullmatch(r"[a-z0-9.-]+(:[0-9]{1,5})?", parts.netloc) or not bare:
            raise ValueError(f'{address!r} cannot go into QR codes; write it like "https://id.example.com", without a path')
        return f"https://{parts.netloc}"


class AccessSection(Section):
    require_second_factor: list[Literal["viewer", "operator", "auditor", "accountant", "manager", "administrator"]] = Field(
        default=[], description='the roles that may not come in by a password alone, like ["administrator"]'
    )


class RetentionSection(Section):
    changes_days: int | None = Field(default=None, ge=1, le=36500, description="for how many days the log of changes is kept")
    unknown_tags_days: int | None = Field(
        default=None, ge=1, le=36500, description="for how many days an unseen unknown tag is kept"
    )
    refused_days: int | None = Field(
        default=None, ge=1, le=36500, description="for how many days what gateways sent in vain is kept"
    )
    sightings_days: int | None = Field(
        default=None,
        ge=1,
        le=36500,
        description="for how many days sightings that only confirm are kept one by one; then a summary a month stays",
    )
    disposed_files_days: int | None = Field(
        default=None, ge=1, le=36500, description="for how many days after it was disposed of an asset's files are kept"
    )


class SsoSection(Section):
    """One OpenID Connect provider, as [[sso]]."""

    id: str = Field(
        pattern=r"^[a-z0-9-]{1,30}$", description="lower-case letters, digits and hyphens: part of the address to register"
    )
    name: str = Field(min_length=1, max_length=60, description="what stands on the button")
    server_url: str = Field(
        pattern=r"^https?://[^\s]+$", max_length=300, description="the issuer, like https://login.example.com/realms/main"
    )
    client_id: str = Field(min_length=1, max_length=200, description="as the provider calls this registry")
    client_secret_file: Path = Field(
        description="the path of a file, readable for its owner alone, that holds the client secret alone"
    )
    create_users: bool = Field(
        default=False, description="true: whoever the provider knows may come in; else somebody adds them first"
    )
    groups_claim: str = Field(default="groups", max_length=60, description="the claim that lists a person's groups")
    roles: dict[str, Literal["viewer", "operator", "auditor", "accountant", "manager"]] = Field(
        default={}, description='roles for new users by their groups, like { "warehouse" = "operator" }'
    )

    @field_validator("server_url")
    @classmethod
    def _encrypted(cls, address: str) -> str:
        parts = urlsplit(address)
        if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("what the provider says is believed: its address has to begin with https://")
        return address.rstrip("/")


class LabelsSection(Section):
    fonts: list[Path] = Field(
        default=[],
        max_length=20,
        description="paths of TrueType font files for labels, asked before the ones that Sightpost knows",
    )


class MqttSection(Section):
    publish_assets: bool = Field(
        default=False,
        description="true or false: whether every move of an asset is published under sightpost/1/assets/ for other programs",
    )
    home_assistant: bool = Field(
        default=False,
        description="true or false: whether gateways, readers and doors are published as devices that Home Assistant finds",
    )


class MailSection(Section):
    host: str = Field(default="", max_length=253, description="the mail server's name; empty: this registry sends no mail")
    port: int = Field(default=587, ge=1, le=65535, description="a port, 1 to 65535")
    starttls: bool = Field(default=True, description="true or false: whether to encrypt the connection before anything is said")
    user: str = Field(default="", max_length=200, description="the name to log in with; empty: without a log-in")
    password_file: Path | None = Field(default=None, description="the path of a file that holds the mail password alone")
    sender: str = Field(
        default="", max_length=250, description='the address mails come from, like "Sightpost <assets@example.com>"'
    )

    @field_validator("sender")
    @classmethod
    def _an_address(cls, sender: str) -> str:
        if sender and not re.fullmatch(r"[^@\s]+@[^@\s]+", parseaddr(sender)[1]):
            raise ValueError(f'{sender!r} is no address; write it like "Sightpost <assets@example.com>"')
        return sender

    @model_validator(mode="after")
    def _complete(self) -> "MailSection":
        if self.host and not self.sender:
            raise ValueError("a host without a sender: say which address mails come from as sender")
        if self.user and self.password_file is None:
            raise ValueError("a user without a password: name the file that holds it as password_file")
        if self.user and not self.starttls and not _is_loopback(self.host):
            raise ValueError("the password would travel in the clear: leave starttls at true")
        return self


class FilesSection(Section):
    max_mb: int = Field(default=25, ge=1, le=500, description="1 to 500: how large a photo or document may be, in megabytes")


class MapSection(Section):
    tiles_url: str | None = Field(
        default=None,
        max_length=300,
        description='the address of your own tile server, like "https://tiles.example.com/{z}/{x}/{y}.png"',
    )
    attribution: str = Field(default="", max_length=200, description="what the maker of the tiles wants to stand on the map")

    @field_validator("tiles_url")
    @classmethod
    def _a_pattern_of_one_server(cls, url: str | None) -> str | None:
        if not url:
            return None
        parts = urlsplit(url)
        whole = all(f"{{{name}}}" in parts.path + parts.query for name in "zxy")
        known = parts.scheme in ("http", "https") and re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", parts.netloc)
        if not whole or not known or any(c in url for c in " \"';,<>"):
            raise ValueError(f'{url!r} is no address of tiles; write it like "https://tiles.example.com/{{z}}/{{x}}/{{y}}.png"')
        return url

    @property
    def tiles_origin(self) -> str | None:
        """What the pages' policy has to let through, like `https://tiles.example.com`."""
        parts = urlsplit(self.tiles_url) if self.tiles_url else None
        return f"{parts.scheme}://{parts.netloc}" if parts is not None else None


class Configuration(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    name: str = Field(default="Sightpost", min_length=1, max_length=60, description="what stands at the top of the pages")
    data_dir: Path = Field(
        default=Path("/var/lib/sightpost-registry"), description="the path of a folder for database, keys and broker files"
    )
    database: DatabaseSection = DatabaseSection()
    web: WebSection = WebSection()
    broker: BrokerSection = BrokerSection()
    enrolment: EnrolmentSection = EnrolmentSection()
    ingest: IngestSection = IngestSection()
    company: CompanySection = CompanySection()
    labels: LabelsSection = LabelsSection()
    access: AccessSection = AccessSection()
    retention: RetentionSection = RetentionSection()
    sso: list[SsoSection] = Field(default=[], max_length=10)
    files: FilesSection = FilesSection()
    mqtt: MqttSection = MqttSection()
    mail: MailSection = MailSection()
    map: MapSection = MapSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


def load(path: Path | None = None) -> Configuration:
    """Read the file (by default the one $SIGHTPOST_REGISTRY_CONFIG names; without one all defaults hold). Paths in it count
    from its own folder. Raises Misconfigured with every problem at once."""
    if path is None:
        named = os.environ.get(CONFIG_VARIABLE)
        path = Path(named) if named else None
    raw = _parsed(path) if path is not None else {}
    if url := os.environ.get("DATABASE_URL"):
        section = raw.get("database")
        raw["database"] = {**(section if isinstance(section, dict) else {}), "url": url}
    file = path.name if path is not None else "settings"
    try:
        configuration = Configuration(**raw)
    except ValidationError as exc:
        raise Misconfigured([in_words(file, error, Configuration, _from_environment) for error in exc.errors()]) from None
    folder = path.parent.absolute() if path is not None else Path.cwd()
    password, mail_password = configuration.database.password_file, configuration.mail.password_file
    broker = configuration.broker
    broker_files = {
        name: folder / path
        for name in ("ca_file", "certificate_file", "key_file", "password_file")
        if (path := getattr(broker, name)) is not None
    }
    return configuration.model_copy(
        update={
            "data_dir": folder / configuration.data_dir,
            "database": configuration.database.model_copy(update={"password_file": password and folder / password}),
            "broker": broker.model_copy(update=broker_files),
            "mail": configuration.mail.model_copy(update={"password_file": mail_password and folder / mail_password}),
            "sso": [one.model_copy(update={"client_secret_file": folder / one.client_secret_file}) for one in configuration.sso],
            "labels": configuration.labels.model_copy(update={"fonts": [folder / font for font in configuration.labels.fonts]}),
        }
    )


def _parsed(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"larger than {MAX_FILE_BYTES} bytes")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as exc:
        raise Misconfigured([bad_syntax(path, exc)]) from None
    except (OSError, ValueError) as exc:
        raise Misconfigured([unreadable(path, exc)]) from None


def _from_environment(loc: tuple[str, ...]) -> str | None:
    """Return the variable that sets the key at `loc`, if one does."""
    if loc == ("database", "url") and os.environ.get("DATABASE_URL"):
        return "DATABASE_URL"
    known = {name.upper(): name for name in os.environ}
    return known.get((_PREFIX + "__".join(loc)).upper())
