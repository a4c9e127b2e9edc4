"""registry.toml: the example documents every key, and every problem is named at once with its remedy."""

import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from registry.configuration import Configuration, SsoSection, load
from registry.misconfigured import Misconfigured

EXAMPLE = Path(__file__).parents[3] / "config" / "registry.toml"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "registry.toml"
    path.write_text(text)
    with pytest.raises(Misconfigured) as caught:
        load(path)
    return list(caught.value.problems)


def test_the_example_is_what_holds_without_it(tmp_path: Path) -> None:
    assert load(EXAMPLE) == Configuration()


def test_the_example_shows_every_key() -> None:
    text = EXAMPLE.read_text()

    def keys(model: type[BaseModel]) -> set[str]:
        return set(model.model_fields)

    shown = tomllib.loads(text)
    for name, field in Configuration.model_fields.items():
        section = field.annotation
        if name == "sso":  # a list of sections, commented out: there is none by default
            for key in keys(SsoSection):
                assert f"# {key} = " in text, f"sso.{key}"
            continue
        if isinstance(section, type) and issubclass(section, BaseModel):
            for key in keys(section):
                assert key in shown[name] or f"# {key} = " in text, f"{name}.{key}"
        else:
            assert name in shown


def test_paths_count_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    path.write_text('data_dir = "data"\n[database]\nurl = "postgresql://u@h/n"\npassword_file = "secret"\n')
    configuration = load(path)
    assert configuration.data_dir == tmp_path / "data"
    assert configuration.database.password_file == tmp_path / "secret"


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    told = problems(
        tmp_path,
        'data_dirr = "x"\n[web]\nhost = "0.0.0.0"\nport = 99999\nallowed_hosts = ["*"]\n[broker]\nrum = true\nport = "x"\n'
        '[database]\nurl = "mysql://h/n"\n[ingest]\nworker = "A B"\n',
    )
    by_key = dict(line.removeprefix("registry.toml: ").split(": ", 1) for line in told)
    assert set(by_key) == {
        "data_dirr", "web.host", "web.port", "web.allowed_hosts", "broker.rum", "broker.port", "database.url", "ingest.worker",
    }  # fmt: skip
    assert by_key["data_dirr"] == "unknown key; did you mean 'data_dir'?"
    assert by_key["broker.rum"] == "unknown key; did you mean 'run'?"
    assert "a proxy with TLS" in by_key["web.host"]
    assert by_key["web.port"].endswith("write a port, 1 to 65535")
    assert "postgresql://" in by_key["database.url"]


OPEN = 'host = "0.0.0.0"\nnames = ["registry.example.com", "192.0.2.7"]\n'
URL = 'run = false\nurl = "mqtts://broker.example.com:8883"\nca_file = "ca.pem"\n'


def test_where_gateways_go(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"

    def found(text: str) -> tuple[tuple[str, int], str, bool]:
        path.write_text(f"[broker]\n{text}")
        broker = load(path).broker
        return broker.address, broker.local_host, broker.is_open

    assert found("") == (("127.0.0.1", 8490), "127.0.0.1", False)
    assert found('host = "::1"\n') == (("::1", 8490), "::1", False)
    assert found(OPEN) == (("registry.example.com", 8883), "127.0.0.1", True)
    assert found(URL + 'password_file = "p"\n') == (("broker.example.com", 8883), "127.0.0.1", False)
    broker = load(path).broker
    assert (broker.ca_file, broker.password_file) == (tmp_path / "ca.pem", tmp_path / "p")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('host = "registry.example.com"', "is no address of this machine"),
        ('host = "0.0.0.0"', "needs a name in its certificate"),
        (OPEN + "tls_port = 8490", "have to differ"),
        (OPEN + 'names = ["*.example.com"]', "neither a host name nor an address"),
        (OPEN + 'ca_file = "ca.pem"', "name ca_file, and the broker's certificate_file"),
        (OPEN + 'certificate_file = "c"\nkey_file = "k"', "name ca_file, and the broker's certificate_file"),
        ('certificate_file = "c"', "belong together"),
        ("subscribers_port = 8884", "need an open broker"),
        (URL, "say how to log in"),
        (URL + 'password_file = "p"\ncertificate_file = "c"\nkey_file = "k"', "say how to log in"),
        (URL.replace('ca_file = "ca.pem"', 'password_file = "p"'), "whose word"),
        (URL.replace("run = false", 'password_file = "p"'), "there is one broker"),
        (URL.replace("mqtts", "mqtt") + 'password_file = "p"', "nothing leaves this machine"),
        (URL.replace(":8883", "") + 'password_file = "p"', "mqtts://NAME:PORT"),
        (URL.replace("//", "//me:hunter2@") + 'password_file = "p"', "mqtts://NAME:PORT"),
    ],
)
def test_a_broker_that_would_be_open_by_half_is_refused(tmp_path: Path, text: str, said: str) -> None:
    lines = dict(line.split(" = ", 1) for line in text.splitlines() if line)  # the last of a key counts
    [told] = problems(tmp_path, "[broker]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items()))
    assert said in told
    assert "hunter2" not in told


def test_a_password_in_the_url_is_refused_and_not_repeated(tmp_path: Path) -> None:
    [told] = problems(tmp_path, '[database]\nurl = "postgresql://u:hunter2@h/n"\n')
    assert "password_file" in told
    assert "hunter2" not in told


def test_the_environment_overrides_and_is_named_when_it_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "registry.toml"
    path.write_text("[web]\nport = 8481\n")
    monkeypatch.setenv("SIGHTPOST_REGISTRY_WEB__PORT", "8482")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@h/n")
    configuration = load(path)
    assert (configuration.web.port, configuration.database.url) == (8482, "postgresql://u@h/n")
    monkeypatch.setenv("SIGHTPOST_REGISTRY_WEB__PORT", "many")
    monkeypatch.setenv("DATABASE_URL", "oracle://x")
    told = problems(tmp_path, "")
    assert [line.split(": ")[0] for line in told] == ["$DATABASE_URL", "$SIGHTPOST_REGISTRY_WEB__PORT"]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"[web\n", "line 1"), (b'name = "\xff"', "UTF-8"), (b"name = 1\nname = 2", "overwrite")],
)
def test_a_file_that_is_no_toml_says_where(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "registry.toml"
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match=says):
        load(path)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"there is no .*; name it with -c"):
        load(tmp_path / "nowhere.toml")


def test_a_company_prefix_and_the_address_of_its_links(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(
        '[company]\ngs1_prefix = "4012345"\ndigital_link = "https://id.example.com/"\n[labels]\nfonts = ["own.ttf"]\n'
    )
    configuration = load(path)
    assert (configuration.company.gs1_prefix, configuration.company.digital_link) == ("4012345", "https://id.example.com")
    assert configuration.labels.fonts == [tmp_path / "own.ttf"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("gs1_prefix", '"12345"', "6 to 12 digits"),
        ("gs1_prefix", '"40123456789012"', "6 to 12 digits"),
        ("gs1_prefix", '"40-2345"', "6 to 12 digits"),
        ("gs1_prefix", "4012345", "in quotes"),
        ("digital_link", '"http://id.example.com"', "without a path"),
        ("digital_link", '"https://id.example.com/assets"', "without a path"),
        ("digital_link", '"https://id.example.com?x=1"', "without a path"),
        ("digital_link", '"https://me@id.example.com"', "without a path"),
        ("digital_link", '"id.example.com"', "without a path"),
    ],
)
def test_what_a_label_could_not_carry_is_refused(tmp_path: Path, key: str, value: str, said: str) -> None:
    [told] = problems(tmp_path, f"[company]\n{key} = {value}\n")
    assert told.startswith(f"registry.toml: company.{key}: ")
    assert said in told
