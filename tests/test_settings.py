from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gatewaykit import sections, settings
from gatewaykit.errors import ConfigError
from tests.support import DirectoryTestCase

ROOT = Path(__file__).resolve().parent.parent


class SettingsTestCase(DirectoryTestCase):
    def toml(self, text: str) -> settings.Settings:
        path = Path("gatewaykit.toml")
        path.write_text(text)
        return settings.load(path)

    def refused(self, text: str) -> ConfigError:
        error = self.assertRaises(ConfigError, self.toml, text)
        assert isinstance(error, ConfigError)
        self.assertEqual(str(error).splitlines(), [str(error)])
        return error


class SourceTests(SettingsTestCase):
    def test_without_sources_the_defaults_hold(self) -> None:
        loaded = settings.load()
        self.assertEqual(loaded.gv50.listen, ["tcp:5000"])
        self.assertEqual(loaded.gv50.max_frame, 16384)
        self.assertEqual(loaded.gv50.max_connections_per_address, 10_000)
        self.assertEqual(loaded.gv50.unknown_devices, "accept")
        self.assertEqual(loaded.store.path, "gatewaykit.sqlite")
        self.assertEqual(
            loaded.rpc.listen,
            ["unix:gatewaykit.sock:mode=660", "tcp:7600:interface=127.0.0.1"],
        )

    def test_environment_wins_over_dotenv_over_toml(self) -> None:
        Path(".env").write_text(
            "GATEWAYKIT_GV50__MAX_FRAME=2000\nGATEWAYKIT_GV50__HIGH_WATER=2000\n"
        )
        os.environ["GATEWAYKIT_GV50__MAX_FRAME"] = "3000"
        loaded = self.toml(
            "[gv50]\nmax_frame = 1000\nhigh_water = 1000\nmax_connections = 1000"
        ).gv50
        self.assertEqual(
            (loaded.max_frame, loaded.high_water, loaded.max_connections),
            (3000, 2000, 1000),
        )

    def test_lists_in_the_environment(self) -> None:
        for text, expected in (
            ("tcp:5001", ["tcp:5001"]),
            ("tcp:5001, tcp:5002", ["tcp:5001", "tcp:5002"]),
            ('["tcp:5001", "tcp:5002"]', ["tcp:5001", "tcp:5002"]),
            ("", []),
        ):
            os.environ["GATEWAYKIT_GV50__LISTEN"] = text
            self.assertEqual(settings.load().gv50.listen, expected)

    def test_types_in_the_environment(self) -> None:
        os.environ["GATEWAYKIT_GV50__SACK"] = "False"
        os.environ["GATEWAYKIT_GV50__IDLE_TIMEOUT"] = "90.5"
        loaded = settings.load().gv50
        self.assertEqual((loaded.sack, loaded.idle_timeout), (False, 90.5))

    def test_foreign_lines_of_dotenv_are_ignored(self) -> None:
        Path(".env").write_text("MONGO=1\nexport OTHER='x'\nGATEWAYKIT_TOKEN=abc\n")
        self.assertEqual(settings.load(), settings.load())

    def test_names_of_client_and_tests_are_no_settings(self) -> None:
        for name in settings.OTHER_NAMES:
            os.environ[name] = "x"
        settings.load()

    def test_paths_that_systemd_made(self) -> None:
        state, runtime = Path("state").absolute(), Path("run").absolute()
        state.mkdir()
        os.environ["STATE_DIRECTORY"] = f"{state}:/somewhere/else"
        os.environ["RUNTIME_DIRECTORY"] = str(runtime)
        loaded = settings.load()
        self.assertEqual(loaded.store.path, f"{state}/gatewaykit.sqlite")
        self.assertEqual(sections.default_socket_path(), f"{runtime}/gatewaykit.sock")

    def test_socket_in_the_directory_of_the_session(self) -> None:
        os.environ["XDG_RUNTIME_DIR"] = "/run/user/7"
        self.assertEqual(
            sections.default_socket_path(), "/run/user/7/gatewaykit/gatewaykit.sock"
        )

    def test_settings_are_frozen(self) -> None:
        loaded = settings.load()
        self.assertRaises(ValueError, setattr, loaded.gv50, "sack", False)
        self.assertRaises(ValueError, setattr, loaded, "gv50", loaded.gv50)


class RefusalTests(SettingsTestCase):
    def test_value_out_of_bounds(self) -> None:
        error = self.refused("[gv50]\nidle_timeout = 0")
        self.assertEqual(
            str(error),
            "gv50.idle_timeout: 0 is not usable; "
            "allowed: a number of seconds from 1 to 604800",
        )

    def test_wrong_types(self) -> None:
        for line, key in (
            ("idle_timeout = 'abc'", "gv50.idle_timeout"),
            ("idle_timeout = nan", "gv50.idle_timeout"),
            ("idle_timeout = inf", "gv50.idle_timeout"),
            ("idle_timeout = true", "gv50.idle_timeout"),
            ("max_connections = true", "gv50.max_connections"),
            ("max_connections = 1.5", "gv50.max_connections"),
            ("max_connections = '5'", "gv50.max_connections"),
            ("sack = 1", "gv50.sack"),
            ("listen = 'tcp:5000'", "gv50.listen"),
            ("listen = [5000]", "gv50.listen.0"),
            ("unknown_devices = 'reject'", "gv50.unknown_devices"),
        ):
            self.assertEqual(self.refused(f"[gv50]\n{line}").key, key, line)

    def test_text_of_the_environment_that_does_not_parse(self) -> None:
        for name, text in (
            ("GV50__IDLE_TIMEOUT", "abc"),
            ("GV50__SACK", "maybe"),
            ("GV50__MAX_FRAME", ""),
            ("GV50__LISTEN", "[tcp:5000"),
        ):
            self.patch(os, "environ", os.environ | {f"GATEWAYKIT_{name}": text})
            error = self.assertRaises(ConfigError, settings.load)
            self.assertEqual(error.value, text)
            self.patch(
                os, "environ", {k: v for k, v in os.environ.items() if name not in k}
            )

    def test_unknown_key_names_the_nearest(self) -> None:
        error = self.refused("[gv50]\nidle_timout = 5")
        self.assertEqual(error.key, "gv50.idle_timout")
        self.assertIn("nearest is gv50.idle_timeout", str(error))

    def test_unknown_section_names_the_nearest(self) -> None:
        error = self.refused("[gv5]\nlisten = []")
        self.assertEqual(error.key, "gv5")
        self.assertIn("nearest is gv50", str(error))

    def test_name_that_pydantic_settings_would_take_for_itself(self) -> None:
        self.assertEqual(self.refused("_env_file = 'x'").key, "_env_file")

    def test_section_that_is_none(self) -> None:
        error = self.refused("gv50 = 5")
        self.assertEqual((error.key, error.allowed), ("gv50", "a section [gv50]"))

    def test_unknown_name_in_environment_and_dotenv(self) -> None:
        Path(".env").write_text("GATEWAYKIT_GV50__LISTN=tcp:1\n")
        error = self.assertRaises(ConfigError, settings.load)
        self.assertEqual(error.key, "GATEWAYKIT_GV50__LISTN")
        self.assertIn("nearest is GATEWAYKIT_GV50__LISTEN", str(error))
        os.environ["GATEWAYKIT_NONSENSE"] = "1"
        error = self.assertRaises(ConfigError, settings.load)
        self.assertEqual(error.key, "GATEWAYKIT_NONSENSE")

    def test_malformed_toml_names_file_and_line(self) -> None:
        error = self.refused("[gv50]\nlisten = [\nsack = true\n")
        self.assertEqual(error.key, "gatewaykit.toml:3")
        self.assertEqual(error.value, "sack = true")

    def test_toml_that_ends_too_early_names_its_last_line(self) -> None:
        self.assertEqual(self.refused("[gv50]\nlisten = ").key, "gatewaykit.toml:2")

    def test_missing_file(self) -> None:
        error = self.assertRaises(ConfigError, settings.load, Path("nowhere.toml"))
        self.assertEqual((error.key, error.value), ("--config", "nowhere.toml"))
        self.assertIn("No such file", str(error))

    def test_file_that_is_not_text(self) -> None:
        Path("x.toml").write_bytes(b"\xff\xfe")
        self.assertRaises(ConfigError, settings.load, Path("x.toml"))

    def test_dotenv_that_is_not_text(self) -> None:
        Path(".env").write_bytes(b"A=\xff\xfe\n")
        self.assertEqual(self.assertRaises(ConfigError, settings.load).key, ".env")

    def test_bad_endpoint_string(self) -> None:
        error = self.refused("[gv50]\nlisten = ['tcp:5000', 'tpc:5001']")
        self.assertEqual((error.key, error.value), ("gv50.listen.1", "tpc:5001"))

    def test_rpc_lets_no_other_host_in(self) -> None:
        for text in ("tcp:7600", "tcp:7600:interface=192.0.2.1", "tcp6:7600"):
            self.assertEqual(
                self.refused(f"[rpc]\nlisten = ['{text}']").key, "rpc.listen.0"
            )

    def test_rpc_listens_on_loopback(self) -> None:
        for text in (
            "tcp:0:interface=127.0.0.2",
            "tcp:0:interface=localhost",
            r"tcp6:0:interface=\\:\\:1",
            "unix:sock",
        ):
            loaded = self.toml(f'[rpc]\nlisten = ["{text}"]')
            self.assertEqual(len(loaded.rpc.listen), 1)

    def test_networks(self) -> None:
        self.toml("[gv50]\nallow = ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7']")
        for text in ("10.0.0.1/8", "10.0.0.0/33", "somewhere"):
            self.assertEqual(
                self.refused(f"[gv50]\ndeny = ['{text}']").key, "gv50.deny.0"
            )

    def test_paths_that_cannot_be_written(self) -> None:
        Path("file").touch()
        Path("directory").mkdir()
        for path in ("file/x", "nowhere/x", "directory", "/proc/gatewaykit.sqlite"):
            for section, key in (("store", "path"), ("log", "file")):
                error = self.refused(f"[{section}]\n{key} = '{path}'")
                self.assertEqual((error.key, error.value), (f"{section}.{key}", path))

    def test_default_path_that_cannot_be_written(self) -> None:
        os.environ["STATE_DIRECTORY"] = "/proc"
        self.assertEqual(
            self.assertRaises(ConfigError, settings.load).key, "store.path"
        )

    def test_paths_that_can_be_written(self) -> None:
        Path("file").touch()
        for path in ("file", "new"):
            self.assertEqual(self.toml(f"[store]\npath = '{path}'").store.path, path)
        self.assertFalse(Path("new").exists())
        self.assertEqual(self.toml("[log]\nfile = 'stdout'").log.file, "stdout")

    @given(st.text(max_size=60))
    def test_any_text_is_settings_or_a_config_error(self, text: str) -> None:
        path = Path("any.toml")
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            settings.load(path)
        except ConfigError as error:
            str(error)


class SampleTests(SettingsTestCase):
    def test_file_is_what_the_code_says(self) -> None:
        """After a change of settings: `make samples`."""
        self.assertEqual(
            (ROOT / "etc" / "gatewaykit.toml").read_text(), settings.sample()
        )

    def test_uncommented_it_is_the_defaults(self) -> None:
        text = re.sub(
            r"(?m)^# (\w+ = )", r"\1", (ROOT / "etc" / "gatewaykit.toml").read_text()
        )
        values = tomllib.loads(text)
        self.assertEqual(
            sum(len(section) for section in values.values()), len(list(settings.keys()))
        )
        self.assertEqual(self.toml(text), settings.Settings())

    def test_every_setting_has_words(self) -> None:
        for key, field in dict(settings.keys()).items():
            self.assertTrue(field.description, key)
            self.assertNotIn("\n", json.dumps(field.description), key)

    def test_environment_sample_is_taken(self) -> None:
        """Uncommented, too; but for the path, whose directory is not here."""
        lines = (ROOT / "etc" / "gatewaykit.env").read_text().splitlines()
        named = [line[1:] for line in lines if line.startswith("#GATEWAYKIT")]
        self.assertEqual(len(named), 5)
        Path(".env").write_text("\n".join(x for x in named if "PATH" not in x))
        loaded = settings.load()
        self.assertEqual(loaded.log.format, "json")
        self.assertEqual(len(loaded.gv50.listen), 2)
