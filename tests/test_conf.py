import os
import stat
import tomllib
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from getapi import conf
from getapi.conf import secret, units
from getapi.conf.database import read_database
from getapi.core.access import RESERVED
from getapi.core.rights.rules import EmbargoRule
from tests.conftest import Configure

ARE = "fedora3, ocfl, fedora3_rest, orthanc, omeka and iiif are available"
SECRET = {"PACKAGING_SECRET_KEY": "s3cret-" * 8}


def write(folder: Path, toml: str) -> Path:
    path = folder / "packaging.toml"
    path.write_text(toml, encoding="utf-8")
    return path


def load(folder: Path, toml: str = "", **environ: str) -> conf.Configuration:
    return conf.load(write(folder, toml), SECRET | environ, var=folder / "var")


def mistakes(folder: Path, toml: str, **environ: str) -> list[str]:
    with pytest.raises(conf.ConfigurationError) as caught:
        load(folder, toml, **environ)
    return caught.value.mistakes


class TestDefaults:
    def test_are_those_of_the_contract(self, tmp_path: Path) -> None:
        found = load(tmp_path)
        assert found.limits.model_dump() == {
            "files": 1000,
            "bytes": 100 * 10**9,
            "concurrent": 64,
            "per_key": 16,
            "per_reader": 4,
            "active_bytes": 500 * 10**9,
            "planning": 4,
            "packages": 1000,
            "preparing": 16,
            "request_text": 2**20,
            "map_depth": 32,
            "map_nodes": 100_000,
        }
        assert found.timeouts.model_dump() == {"stall": 60, "datastream": 0, "package": 0}
        assert (found.packages.ttl, found.packages.max_age, found.packages.checksum) == (86_400, 30 * 86_400, "sha256")
        assert (found.tokens.ttl, found.tokens.bind) == (1800, "client")
        assert found.fixity.max_age == 30 * 86_400
        assert found.statistics.address == "truncated"
        assert (found.access.public, found.access.reserved, found.access.deny_list) == (("*",), RESERVED, None)
        assert found.structmap.datastreams == ("SMAP-PRES", "SMAP*", "STRUCT*", "structMetadata", "METS")
        assert found.metrics.networks == (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
        assert (found.external.allowed_hosts, found.cors.origins, found.trusted_proxies, found.repositories) == ((), (), (), ())
        assert found.database.kind == "sqlite"

    def test_a_repository_needs_its_name_type_and_folders_alone(self, tmp_path: Path) -> None:
        found = load(tmp_path, '[[repositories]]\nname = "r"\ntype = "fedora3"\nobjects = "o"\ndatastreams = "/d"')
        (repository,) = found.repositories
        assert isinstance(repository, conf.Fedora3Repository)
        assert repository.public is True
        assert (repository.objects, repository.datastreams) == (tmp_path / "o", Path("/d"))
        assert (repository.layout, repository.object_pattern, repository.datastream_pattern) == ("akubra", "##", "##")
        assert (repository.limits.files, repository.limits.bytes) == (None, None)


class TestMistakes:
    def test_are_all_told_together_each_by_its_dotted_name(self, tmp_path: Path) -> None:
        told = mistakes(
            tmp_path,
            """
            allowed_hosts = ["http://example.org/"]
            trusted_proxies = ["10.0.0.1/8", "nowhere"]
            time_zone = "Mars/Base"
            database = "mysql://root:hunter2hunter2@db/rows"
            secret_key_file = "missing"
            secret_key_fallbacks = ["missing too"]
            [tokens]
            ttl = "0 min"
            bind = "everybody"
            [packages]
            checksum = "md5"
            contact_name = "two\\nlines"
            [limits]
            files = 0
            bytes = "100 GBB"
            per_key = true
            map_depth = 3.5
            [timeouts]
            stall = -1
            [access]
            public = "*"
            deny_list = 3
            [external]
            allowed_hosts = ["a b"]
            [cors]
            origins = ["https://example.org/path"]
            [metrics]
            networks = [7]
            [statistics]
            address = "some"
            keep = inf
            [compat]
            orthanc = 1
            """,
            PACKAGING_SECRET_KEY="short",
            PACKAGING_SECRET_KEY_FALLBACKS="shorter " + "x" * 40,
        )
        assert sorted(mistake.split(":")[0] for mistake in told) == sorted(
            [
                "allowed_hosts[1]",
                "trusted_proxies[1]",
                "trusted_proxies[2]",
                "time_zone",
                "database",
                "secret_key_file",
                "secret_key_fallbacks[1]",
                "tokens.ttl",
                "tokens.bind",
                "packages.checksum",
                "packages.contact_name",
                "limits.files",
                "limits.bytes",
                "limits.per_key",
                "limits.map_depth",
                "timeouts.stall",
                "access.public",
                "access.deny_list",
                "external.allowed_hosts[1]",
                "cors.origins[1]",
                "metrics.networks[1]",
                "statistics.address",
                "statistics.keep",
                "compat.orthanc",
                "PACKAGING_SECRET_KEY",
                "PACKAGING_SECRET_KEY_FALLBACKS",
            ]
        )
        assert not any("hunter2" in mistake or "short:" in mistake for mistake in told)

    @pytest.mark.parametrize(
        ("toml", "meant"),
        [
            ("limts.files = 3", "limts: is not a known key; did you mean limits?"),
            ("limits.fles = 3", "limits.fles: is not a known key; did you mean limits.files?"),
            ("deny_list = 'x'", "deny_list: is not a known key; did you mean access.deny_list?"),
            ("secret_key = 'x'", "secret_key: is not a known key; did you mean secret_key_file?"),
            ("qwertyuiop = 'x'", "qwertyuiop: is not a known key"),
            ("cors.qwertyuiop.zzz = 'x'", "cors.qwertyuiop: is not a known key"),
            ("limits = 3", "limits: must be a table"),
            ("[repositories]\nname = 'x'", "repositories: must be a list"),
            ("repositories = [3]", "repositories[1]: must be a table"),
            ('packages.profile = " "', "packages.profile: must not be empty"),
            ("packages.contact_name = 3", "packages.contact_name: must be text in quotes"),
        ],
    )
    def test_unknown_keys_and_wrong_shapes_come_with_what_was_meant(self, tmp_path: Path, toml: str, meant: str) -> None:
        assert mistakes(tmp_path, toml) == [meant]

    @pytest.mark.parametrize(
        ("table", "told"),
        [
            ('type = "fedora4"', f"repositories[1]: the type 'fedora4' is unknown; {ARE}"),
            ("type = 3", f"repositories[1]: the type '3' is unknown; {ARE}"),
            ('name = "x"', f"repositories[1]: has no type; {ARE}"),
        ],
    )
    def test_a_repository_of_another_type_is_told_once(self, tmp_path: Path, table: str, told: str) -> None:
        assert mistakes(tmp_path, f"[[repositories]]\n{table}") == [told]

    def test_a_repository_tells_what_it_lacks_and_what_it_has_too_much(self, tmp_path: Path) -> None:
        told = mistakes(
            tmp_path,
            """
            [[repositories]]
            type = "fedora3"
            name = "two words"
            public = "yes"
            layuot = "legacy"
            object_pattern = "/##"
            datastream_pattern = "%%"
            namespaces = ["a:b"]
            limits.files = -1
            """,
        )
        assert [mistake.split(":")[0] for mistake in told] == [
            "repositories[1].name",
            "repositories[1].public",
            "repositories[1].namespaces[1]",
            "repositories[1].limits.files",
            "repositories[1].objects",
            "repositories[1].datastreams",
            "repositories[1].object_pattern",
            "repositories[1].datastream_pattern",
            "repositories[1].layuot",
        ]
        assert told[-1].endswith("did you mean repositories[1].layout?")

    def test_two_repositories_of_one_name(self, tmp_path: Path) -> None:
        one = '[[repositories]]\ntype = "fedora3"\nobjects = "o"\ndatastreams = "d"\n'
        assert mistakes(tmp_path, f'{one}name = "a"\n{one}name = "A"\n') == ["repositories: several are named a"]

    def test_what_is_wrong_between_tables_is_told_with_what_is_wrong_within_them(self, tmp_path: Path) -> None:
        one = '[[repositories]]\ntype = "fedora3"\nobjects = "o"\n'
        assert mistakes(tmp_path, f'compat.orthanc.repository = "a"\ncompat.omeka = 1\n{one}name = "a"\n{one}name = "A"\n') == [
            "repositories[1].datastreams: is missing",
            "repositories[2].datastreams: is missing",
            "compat.omeka: must be a table",
            "repositories: several are named a",
            "compat.orthanc.repository: is no repository of the type orthanc",
        ]

    def test_an_embargo_rule_whose_xpath_is_none(self, tmp_path: Path) -> None:
        (told,) = mistakes(tmp_path, '[[embargo.rules]]\nname = "n"\ndatastream = "MODS"\nxpath = "//["')
        assert told.startswith("embargo.rules[1]: ")

    def test_a_file_that_is_no_toml_names_the_place(self, tmp_path: Path) -> None:
        (told,) = mistakes(tmp_path, "a = 1\nb = ?\n")
        assert "is not TOML" in told
        assert "line 2" in told

    def test_a_file_that_is_named_and_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(conf.ConfigurationError, match="cannot be read"):
            conf.load(None, {"PACKAGING_CONFIG": str(tmp_path / "missing")})

    def test_a_file_that_is_not_utf_8(self, tmp_path: Path) -> None:
        path = tmp_path / "latin1.toml"
        path.write_bytes(b'time_zone = "\xe9"')
        with pytest.raises(conf.ConfigurationError, match="save it as UTF-8"):
            conf.load(path, {})

    def test_a_mark_in_front_of_the_file_is_passed_over(self, tmp_path: Path) -> None:
        path = tmp_path / "marked.toml"
        path.write_bytes(b'\xef\xbb\xbftime_zone = "Europe/Berlin"')
        assert conf.load(path, {}, var=tmp_path).time_zone == "Europe/Berlin"

    @given(st.dictionaries(st.text(min_size=1, max_size=8), st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=4)))
    def test_whatever_the_keys_are_they_are_told_and_nothing_else_is_raised(self, data: dict[str, object]) -> None:
        from getapi.conf.configuration import Document
        from getapi.conf.mistakes import explain

        told: list[str] = []
        try:
            Document.model_validate(data)
        except ValidationError as error:
            told = explain(error, Document)
        assert len(told) >= len([name for name in data if name not in Document.model_fields])


class TestAccepted:
    def test_origins_hosts_and_patterns_in_their_forms(self, tmp_path: Path) -> None:
        found = load(
            tmp_path,
            """
            allowed_hosts = ["packages.example.org", ".example.org", "[::1]", "*"]
            time_zone = "UTC"
            cors.origins = ["https://repository.example.org", "http://localhost:3000"]
            [[repositories]]
            name = "uw"
            type = "fedora3"
            objects = "o"
            datastreams = "d"
            object_pattern = "#/##/##"
            datastream_pattern = ""
            """,
        )
        assert found.cors.origins == ("https://repository.example.org", "http://localhost:3000")
        assert len(found.allowed_hosts) == 4
        (repository,) = found.repositories
        assert isinstance(repository, conf.Fedora3Repository)
        assert (repository.object_pattern, repository.datastream_pattern) == ("#/##/##", "")

    @pytest.mark.parametrize("pattern", ["#" * 33, "##/", "#//#", "a", "##\\n"])
    def test_no_other_pattern(self, tmp_path: Path, pattern: str) -> None:
        table = f'name = "n"\ntype = "fedora3"\nobjects = "o"\ndatastreams = "d"\nobject_pattern = "{pattern}"'
        (told,) = mistakes(tmp_path, f"[[repositories]]\n{table}")
        assert told.startswith("repositories[1].object_pattern: ")


class TestSecrets:
    def test_appear_in_no_repr(self, tmp_path: Path) -> None:
        (tmp_path / "old").write_text("former-" * 6)
        found = load(
            tmp_path,
            'secret_key_fallbacks = ["old"]',
            PACKAGING_DATABASE="postgresql://u:hunter2hunter2@db/rows",
            PACKAGING_SECRET_KEY_FALLBACKS="elder-" * 8,
        )
        assert found.database.password.get_secret_value() == "hunter2hunter2"
        for shown in (repr(found), str(found), repr(found.database), found.model_dump_json(exclude={"metrics", "trusted_proxies"})):
            assert not any(word in shown for word in ("s3cret", "former", "hunter2", "elder"))

    def test_the_environment_s_key_signs_and_former_ones_verify(self, tmp_path: Path) -> None:
        (tmp_path / "old").write_text("former-" * 6 + "\n")
        found = load(tmp_path, 'secret_key_fallbacks = ["old"]')
        assert [key.get_secret_value() for key in found.secret_keys] == ["former-" * 6, SECRET["PACKAGING_SECRET_KEY"]]
        assert found.secret_key == SECRET["PACKAGING_SECRET_KEY"]
        assert not found.secret_key_is_development

    def test_a_file_s_key_signs_where_the_environment_has_none(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_text("filed--" * 6)
        found = load(tmp_path, 'secret_key_file = "key"', PACKAGING_SECRET_KEY="")
        assert found.secret_key == "filed--" * 6
        assert not found.secret_key_is_development

    @pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40, b"x" * 5000])
    def test_a_file_that_holds_no_secret_is_a_mistake(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "key").write_bytes(content)
        (told,) = mistakes(tmp_path, 'secret_key_file = "key"')
        assert told.startswith("secret_key_file: ")

    def test_a_development_key_is_made_once_for_its_owner_alone(self, tmp_path: Path) -> None:
        one, other = (load(tmp_path, PACKAGING_SECRET_KEY="") for _ in range(2))
        assert one.secret_key == other.secret_key
        assert one.secret_key_is_development
        (file,) = (tmp_path / "var").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_of_many_first_starts_one_makes_the_development_key(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(16) as pool:
            keys = list(pool.map(lambda _: secret.development_key(tmp_path / "var").get_secret_value(), range(64)))
        assert len(set(keys)) == 1
        assert [path.name for path in (tmp_path / "var").iterdir()] == [secret.DEVELOPMENT_FILE]

    def test_a_development_key_that_cannot_be_made_is_a_mistake(self, tmp_path: Path) -> None:
        (tmp_path / "var").write_text("in the way")
        (told,) = mistakes(tmp_path, "", PACKAGING_SECRET_KEY="")
        assert "PACKAGING_SECRET_KEY" in told

    def test_a_configuration_with_mistakes_makes_no_key(self, tmp_path: Path) -> None:
        mistakes(tmp_path, "x = 1", PACKAGING_SECRET_KEY="")
        assert not (tmp_path / "var").exists()


class TestPlaces:
    def test_paths_are_relative_to_the_file_that_names_them(self, tmp_path: Path) -> None:
        found = load(tmp_path, 'database = "sqlite:///rows.sqlite3"\naccess.deny_list = "deny.txt"\nstage.path = "/elsewhere"')
        assert found.database.name == str(tmp_path / "rows.sqlite3")
        assert found.access.deny_list == tmp_path / "deny.txt"
        assert found.stage.path == Path("/elsewhere")

    def test_the_environment_s_database_wins(self, tmp_path: Path) -> None:
        found = load(tmp_path, 'database = "sqlite:///rows.sqlite3"', PACKAGING_DATABASE="sqlite:////srv/x.sqlite3")
        assert found.database.name == "/srv/x.sqlite3"

    def test_a_postgresql_url_is_taken_apart(self, tmp_path: Path) -> None:
        found = read_database("postgresql://us%40er:p%2Fw@db.example.org:5433/rows?sslmode=require", tmp_path)
        assert (found.kind, found.user, found.password.get_secret_value()) == ("postgresql", "us@er", "p/w")
        assert (found.host, found.port, found.name) == ("db.example.org", 5433, "rows")
        assert found.options == {"sslmode": "require"}

    @given(st.text(max_size=40))
    def test_a_database_url_is_read_or_refused_without_being_repeated(self, text: str) -> None:
        for url in (text, f"postgresql://{text}", f"sqlite://{text}"):
            told = ""
            try:
                assert read_database(url, Path("/x")).name
            except ValueError as error:
                told = str(error)
            assert len(text) < 12 or text not in told

    def test_the_time_zone_is_a_zone(self, tmp_path: Path) -> None:
        assert load(tmp_path).zone.utcoffset(None) is not None
        assert str(load(tmp_path, 'time_zone = "Europe/Berlin"').zone) == "Europe/Berlin"
        for bad in ("America", "../etc/passwd", "/etc/passwd", "Nowhere/Land"):
            assert mistakes(tmp_path, f'time_zone = "{bad}"')[0].startswith("time_zone: ")


class TestUnits:
    @given(
        st.integers(0, 10**6), st.sampled_from([("s", 1), ("min", 60), ("h", 3600), ("d", 86_400), ("days", 86_400), ("weeks", 604_800)])
    )
    def test_a_duration_is_its_number_times_its_unit(self, number: int, unit: tuple[str, int]) -> None:
        name, length = unit
        if number * length <= 100 * 31_536_000:
            assert (
                units.seconds(f"{number} {name}") == units.seconds(f" {number}{name}") == units.seconds(number * length) == number * length
            )

    @given(st.integers(0, 8000), st.sampled_from([("B", 1), ("kB", 10**3), ("MB", 10**6), ("GB", 10**9), ("TB", 10**12)]))
    def test_a_size_with_a_decimal_prefix_is_a_power_of_1000(self, number: int, unit: tuple[str, int]) -> None:
        assert units.octets(f"{number} {unit[0]}") == number * unit[1]

    @given(st.integers(0, 8000), st.sampled_from([("KiB", 2**10), ("MiB", 2**20), ("GiB", 2**30), ("TiB", 2**40)]))
    def test_a_size_with_a_binary_prefix_is_a_power_of_1024(self, number: int, unit: tuple[str, int]) -> None:
        assert units.octets(f"{number}{unit[0]}") == number * unit[1]

    def test_fractions_are_exact(self) -> None:
        assert units.octets("1.1 GB") == 1_100_000_000
        assert units.seconds("0.5 s") == units.seconds(0.5) == 0.5
        with pytest.raises(ValueError, match="whole bytes"):
            units.octets("0.3 B")

    @pytest.mark.parametrize(
        "wrong",
        [-1, -0.5, "-1 s", "", " ", "min", "1 month", "1e3 s", "١ s", "1 s s", True, None, [], float("inf"), float("nan"), "9" * 30],
    )
    def test_what_is_no_quantity_is_refused_in_words(self, wrong: object) -> None:
        for read in (units.seconds, units.octets):
            with pytest.raises(ValueError, match=r"must be|unknown unit"):
                read(wrong)

    def test_what_no_column_holds_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at most"):
            units.octets("10000 PB")
        with pytest.raises(ValueError, match="at most"):
            units.seconds("101 years")

    @given(st.text())
    def test_any_text_is_a_quantity_or_a_value_error(self, text: str) -> None:
        for read in (units.seconds, units.octets):
            try:
                assert read(text) >= 0
            except ValueError:
                continue


class TestCurrent:
    def test_answers_what_was_put_in_its_place_in_every_thread_and_then_its_own_again(self, configure: Configure) -> None:
        before = conf.current()
        found = configure("limits.files = 7")
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(conf.current).result() is conf.current() is found
        with conf.override(before):
            assert conf.current() is before
        assert conf.current() is found

    def test_is_parsed_once(self) -> None:
        assert conf.current() is conf.current()

    def test_without_a_file_the_default_one_is_taken_if_present(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("getapi.conf.tables.ROOT", tmp_path)
        assert conf.load(None, SECRET).path is None
        path = write(tmp_path, "limits.files = 7")
        assert conf.load(None, SECRET).limits.files == 7
        assert conf.load(None, SECRET).path == path
        assert conf.load(None, SECRET | {"PACKAGING_CONFIG": os.devnull}).limits.files == 1000

    def test_unconfigured_touches_nothing_and_signs_nothing_twice(self) -> None:
        one, other = conf.unconfigured(), conf.unconfigured()
        assert one.database.name == ":memory:"
        assert one.secret_key != other.secret_key


def test_embargo_rules_come_as_core_takes_them(tmp_path: Path) -> None:
    toml = """
    [[embargo.rules]]
    name = "graduate school"
    datastream = "MODS"
    xpath = "//m:dateOther"
    namespaces = { m = "http://www.loc.gov/mods/v3" }
    applies_to = ["PDF*"]
    forever = ["never"]
    """
    (rule,) = load(tmp_path, toml).embargo_rules
    assert isinstance(rule, EmbargoRule)
    assert (rule.name, rule.datastream, rule.applies_to, rule.forever) == ("graduate school", "MODS", ("PDF*",), ("never",))
    assert dict(rule.namespaces) == {"m": "http://www.loc.gov/mods/v3"}


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.7", IPv4Network("192.0.2.7/32")),
        (" 192.0.2.0/24 ", IPv4Network("192.0.2.0/24")),
        ("::ffff:192.0.2.0/120", IPv4Network("192.0.2.0/24")),
        ("::ffff:192.0.2.7", IPv4Network("192.0.2.7/32")),
        ("2001:db8::/64", IPv6Network("2001:db8::/64")),
        ("::/0", IPv6Network("::/0")),
    ],
)
def test_networks_have_one_spelling(text: str, network: object) -> None:
    assert conf.read_network(text) == network


def test_configurations_do_not_change(tmp_path: Path) -> None:
    found = load(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        found.limits = found.limits  # type: ignore[misc] # that it cannot is what is tested
    assert tomllib.loads("") == {}


class TestOmekaAndIiif:
    OMEKA = '[[repositories]]\nname = "library"\ntype = "omeka"\nurl = "https://omeka.example.org/"\n'
    IIIF = '[[repositories]]\nname = "books"\ntype = "iiif"\n'

    def test_an_omeka_needs_its_address_alone_and_is_not_public(self, tmp_path: Path) -> None:
        (repository,) = load(tmp_path, self.OMEKA).repositories
        assert isinstance(repository, conf.OmekaRepository)
        assert (repository.url, repository.public, repository.namespaces) == ("https://omeka.example.org", False, ("omeka",))
        assert repository.order == ("iiif", "original", "thumbnail")

    def test_a_key_comes_from_a_file_and_is_shown_nowhere(self, tmp_path: Path) -> None:
        (tmp_path / "credential").write_text("cr3dential-word\n")
        (repository,) = load(tmp_path, self.OMEKA + 'key_identity = "me"\nkey_credential_file = "credential"').repositories
        assert isinstance(repository, conf.OmekaRepository)
        assert repository.key_credential_file is not None
        assert repository.key_credential_file.secret.get_secret_value() == "cr3dential-word"
        assert "cr3dential" not in repr(repository)

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            ('order = ["tiff"]', "order[1]: must be"),
            ("order = []", "order: "),
            ("namespaces = []", "namespaces: "),
            ('iiif.rewrite = {"https://iiif.example.org" = "http://10.0.0.5/"}', "iiif.rewrite: must hold addresses that end with a slash"),
            ('iiif.rewrite = {"https://iiif.example.org/" = "file:///"}', "iiif.rewrite: must be an address"),
            ('iiif.rewrite = ["x"]', "iiif.rewrite: must be a table"),
            ('key_credential_file = "none"', "key_credential_file: the file cannot be read"),
        ],
    )
    def test_its_mistakes_are_told(self, tmp_path: Path, said: str, told: str) -> None:
        (mistake,) = mistakes(tmp_path, self.OMEKA + said)
        assert mistake.startswith(f"repositories[1].{told}")

    def test_manifests_have_a_place_for_their_name(self, tmp_path: Path) -> None:
        (repository,) = load(tmp_path, self.IIIF + 'url = "https://iiif.example.org/{+id}/manifest"').repositories
        assert isinstance(repository, conf.IiifRepository)
        assert not repository.public
        (mistake,) = mistakes(tmp_path, self.IIIF + 'url = "https://iiif.example.org/manifest"')
        assert mistake == "repositories[1].url: must hold {id} or {+id} once, where the rest of the PID comes"

    def test_the_modules_defaults_are_the_sections(self, tmp_path: Path) -> None:
        found = load(tmp_path, f'[compat.omeka]\nrepository = "library"\n{self.OMEKA}').compat.omeka
        assert (found.slots, found.bytes, found.active_bytes, found.files, found.ttl) == (1, 3221225472, 6442450944, 1000, 7200)

    def test_the_section_names_an_omeka(self, tmp_path: Path) -> None:
        wrong = f'[compat.omeka]\nrepository = "books"\n{self.IIIF}url = "https://iiif.example.org/{{id}}"'
        assert mistakes(tmp_path, wrong) == ["compat.omeka.repository: is no repository of the type omeka"]


@pytest.mark.parametrize(
    ("toml", "mistake"),
    [
        ('jobs.backend = "redis"', 'jobs: with backend = "redis" it needs redis = "redis://host:6379/0"'),
        ('jobs.redis = "http://:hunter2hunter2@host/"', "jobs.redis: must be redis://host:port/number, rediss:// (TLS) or unix:///path"),
        ('jobs.backend = "celery"', "jobs.backend: must be 'database' or 'redis'"),
        ('jobs.webhook_hosts = ["http://inside/"]', "jobs.webhook_hosts[1]: must be a host's name alone, without http:// and path"),
    ],
)
def test_what_is_wrong_with_jobs_is_told_by_name_and_never_repeats_a_password(tmp_path: Path, toml: str, mistake: str) -> None:
    with pytest.raises(conf.ConfigurationError) as caught:
        load(tmp_path, toml)
    assert caught.value.mistakes == [mistake]
    assert "hunter2" not in str(caught.value)


def test_a_queues_password_is_in_no_description_of_the_configuration(tmp_path: Path) -> None:
    found = load(tmp_path, 'jobs.backend = "redis"\njobs.redis = "redis://:hunter2hunter2@queue.example.org:6379/0"')
    assert found.jobs.redis is not None
    assert found.jobs.redis.get_secret_value().endswith("@queue.example.org:6379/0")
    assert "hunter2" not in repr(found)
