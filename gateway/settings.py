"""The settings of a gateway: the models of gateway.toml. config/gateway.toml documents each of them by example.

Every description here is the second half of an error message: it tells a person what to write.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.location.site import Door, Site, Zone, ZoneKind, ZoneRules

_NAME = "lower-case letters, digits and hyphens, at most 40, like 'dock-3'"
Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
ReadPointName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}:[1-9][0-9]{0,2}$")]

MOVING_NAMES = {  # device names that the kernel hands out in the order of plugging in
    "/dev/ttyUSB": "/dev/serial/by-id/",
    "/dev/ttyACM": "/dev/serial/by-id/",
    "/dev/video": "/dev/v4l/by-id/",
}


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GatewaySection(Section):
    site: Name = Field(description=f"a name for this site: {_NAME}", examples=["hamburg"])
    data_dir: Path = Field(default=Path("/var/lib/sightpost"), description="the path of a folder for the outbox")
    commit_interval_ms: int = Field(
        default=50, ge=1, le=1000, description="1 to 1000: events of this many milliseconds share one commit"
    )
    queue_reads: int = Field(
        default=50_000,
        ge=1000,
        le=1_000_000,
        description="1000 to 1000000: reads that may wait for the engine while the disk is slow",
    )
    outbox_mb: int = Field(
        default=512,
        ge=16,
        le=1_000_000,
        description="16 to 1000000: megabytes that the outbox may take; 512 hold about a million events",
    )
    when_full: Literal["drop_oldest", "stop"] = Field(
        default="drop_oldest",
        description='"drop_oldest" or "stop": at the quota, whether the oldest superseded events give way, or reads are refused',
    )
    company_prefixes: list[Annotated[str, Field(pattern=r"^[0-9]{4,12}$")]] = Field(
        default=[], description='a list of our own GS1 company prefixes, 4 to 12 digits in quotes each, like ["4012345"]'
    )


class StatusSection(Section):
    host: str = Field(default="127.0.0.1", description="an address of this machine only, 127.0.0.1 or ::1")
    port: int = Field(default=8470, ge=0, le=65535, description="a port, 1 to 65535; 0 takes any free one")

    @field_validator("host")
    @classmethod
    def _this_machine_only(cls, host: str) -> str:
        try:
            loopback = ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise ValueError(
                f"{host!r} is not a loopback address, and this page has no log-in; use 127.0.0.1 and reach it "
                "from elsewhere by `ssh -L 8470:127.0.0.1:8470`"
            )
        return host


class RegistrySection(Section):
    credentials: Path = Field(
        default=Path("credentials.json"),
        description="the path of the file that `sightpost-registry gateways add ID --local` wrote",
    )
    run: bool = Field(
        default=False, description="true or false: whether this gateway starts `sightpost-registry up` as its child"
    )
    config: Path | None = Field(default=None, description="the path of the registry.toml for that child")


class ReaderSection(Section):
    name: Name = Field(description=f"a name for logs and metrics: {_NAME}", examples=["dock-3"])
    driver: Name = Field(description="the name of a driver (`sightpost readers` lists them)", examples=["r2000"])
    url: str = Field(
        min_length=1,
        max_length=500,
        description="where the device is: a /dev/serial/by-id/ name, tcp://host:port or rtsp://host/path",
        examples=["/dev/serial/by-id/usb-1a86_USB_Serial", "tcp://192.0.2.7:4001"],
    )
    options: dict[str, object] = Field(default={}, description="a table of the driver's own options, like { power_dbm = 30 }")

    @field_validator("url")
    @classmethod
    def _same_device_after_reboot(cls, url: str) -> str:
        for moving, lasting in MOVING_NAMES.items():
            if url.removeprefix("serial://").startswith(moving):
                raise ValueError(
                    f"{url} may be another device after a reboot; use its {lasting} name (`sightpost readers` lists them)"
                )
        return url


def _seconds(meaning: str, most: float = 86_400.0) -> Any:
    return Field(default=None, ge=0, le=most, description=f"seconds, 0 to {most:g}: {meaning}")


class RulesSection(Section):
    """What a zone or door does otherwise than its kind. Names and meaning are those of `location.site.ZoneRules`."""

    min_rssi_dbm: int | None = Field(
        default=None, ge=-100, le=0, description="dBm, -100 to 0: weaker reads are dropped and counted"
    )
    confirm_sightings: int | None = Field(
        default=None, ge=1, le=100, description="1 to 100: this many sightings make a tag present"
    )
    confirm_s: float | None = _seconds("sightings this long after the first make a tag present, however few")
    glimpse_s: float | None = _seconds("silence after which an unconfirmed tag is forgotten")
    lost_min_s: float | None = _seconds("the shortest silence after which a present tag has departed")
    lost_max_s: float | None = _seconds("silence after which a present tag has departed in any case")
    threshold_db: float | None = Field(
        default=None, ge=0, le=60, description="dB, 0 to 60: by how much another zone must hear it better"
    )
    hold_off_s: float | None = _seconds("silence here until that margin begins to shrink")
    slope_db_per_s: float | None = Field(
        default=None, ge=0, le=1000, description="dB per second, 0 to 1000: how fast it then shrinks"
    )
    sample_age_s: float | None = _seconds("sightings older than this are no evidence any more")
    close_dbm: int | None = Field(
        default=None, ge=-100, le=20, description="dBm, -100 to 20: one read this strong decides at once"
    )
    fold_s: float | None = _seconds("reads of one tag at one antenna within this time are one sighting", 60.0)
    duplicate_s: float | None = _seconds("a barcode in view is told again only after so long out of view")
    heartbeat_s: float | None = _seconds("how often a present tag is told as seen", 7 * 86_400.0)
    session_gap_s: float | None = _seconds("a passage is over when the door has not heard the tag for so long", 600.0)
    session_max_s: float | None = _seconds("a passage is over when it has lasted so long", 3600.0)
    cool_down_s: float | None = _seconds("the same passage is not told again within this time", 3600.0)
    resident_s: float | None = _seconds("a tag heard at a door for so long without passing is parked there")

    def overrides(self) -> dict[str, float]:
        return self.model_dump(exclude_none=True)


class ZoneSection(Section):
    name: Name = Field(description=f"a name for the place: {_NAME}", examples=["hall-a"])
    kind: Literal["storage", "door", "exit", "desk"] = Field(description='"storage", "door", "exit" or "desk"')
    read_points: list[ReadPointName] = Field(
        default=[], description='a list of the reader:antenna that read here, like ["dock-3:1"]; a zone may have none of its own'
    )
    rules: RulesSection = Field(
        default=RulesSection(), description="a table of what this zone does otherwise, like { lost_max_s = 120 }"
    )


class DoorSection(Section):
    name: Name = Field(description=f"a name for the door: {_NAME}", examples=["dock-3"])
    outside: list[ReadPointName] = Field(
        min_length=1, description='a list of the reader:antenna on its outer side, like ["dock-3:1"]'
    )
    inside: list[ReadPointName] = Field(
        min_length=1, description='a list of the reader:antenna on its inner side, like ["dock-3:2"]'
    )
    from_: Name = Field(alias="from", description="the name of the zone outside")
    to: Name = Field(description="the name of the zone inside")
    rules: RulesSection = Field(
        default=RulesSection(), description="a table of what this door does otherwise, like { cool_down_s = 10 }"
    )


class Settings(Section):
    gateway: GatewaySection = Field(description="the table [gateway] with at least `site`")
    status: StatusSection = Field(default=StatusSection(), description="the table [status]")
    registry: RegistrySection = Field(default=RegistrySection(), description="the table [registry]")
    readers: list[ReaderSection] = Field(default=[], description="tables [[readers]]")
    zones: list[ZoneSection] = Field(default=[], description="tables [[zones]]")
    doors: list[DoorSection] = Field(default=[], description="tables [[doors]]")

    def counted_from(self, folder: Path) -> "Settings":
        """Return these settings with every relative path taken from `folder`, where the file lies."""
        registry: dict[str, Path] = {"credentials": folder / self.registry.credentials}
        if self.registry.config is not None:
            registry["config"] = folder / self.registry.config
        return self.model_copy(
            update={
                "gateway": self.gateway.model_copy(update={"data_dir": folder / self.gateway.data_dir}),
                "registry": self.registry.model_copy(update=registry),
            }
        )

    def as_site(self) -> Site:
        """Return what the location engine knows of this site."""
        zones = [
            Zone(z.name, ZoneKind(z.kind), ZoneRules.for_kind(z.kind, **z.rules.overrides()), tuple(z.read_points))
            for z in self.zones
        ]
        doors = [
            Door(
                d.name, tuple(d.outside), tuple(d.inside), d.from_, d.to, ZoneRules.for_kind(ZoneKind.DOOR, **d.rules.overrides())
            )
            for d in self.doors
        ]
        return Site.of(zones, doors, frozenset(self.gateway.company_prefixes))
