from __future__ import annotations

import atexit
import gc
import io
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver
from twisted.python.failure import Failure
from twisted.python.usage import UsageError
from twisted.trial.unittest import TestCase

from gatewaykit import demo, tap
from gatewaykit.errors import ConfigError
from gatewaykit.settings import load
from tests.support import DirectoryTestCase

CONFIG = """
[gv50]
listen = ["tcp:0:interface=127.0.0.1"]
[rpc]
listen = ["unix:gk.sock"]
"""


class OptionsTests(DirectoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        Path("gk.toml").write_text(CONFIG)
        self.errors = io.StringIO()
        self.patch(sys, "stderr", self.errors)
        self.ends: list[tuple[Any, ...]] = []
        self.patch(atexit, "register", lambda *call: self.ends.append(call))

    def parse(self, *arguments: str, **parent: object) -> Any:
        options: Any = tap.Options()
        if parent:
            options.parent = parent
        options.parseOptions(list(arguments))
        return options

    def assert_refused(self, *arguments: str) -> str:
        ended = self.assertRaises(SystemExit, self.parse, *arguments)
        self.assertEqual(ended.code, 78)
        (line,) = self.errors.getvalue().splitlines()
        return line

    def test_settings_of_the_modem_that_do_not_go_together(self) -> None:
        for text, key in (
            ("[sim7600]\nport = 'a'\nnmea_port = 'a'", "sim7600.nmea_port"),
            ("[sim7600]\nnmea_port = 'a'", "sim7600.nmea_port"),
            ("[sim7600]\nport = 'a'\nat_commands = ['ATD*']", "sim7600.at_commands"),
            ("[gpsd]\nlisten = ['tcp:0:interface=127.0.0.1']", "gpsd.listen"),
            ("[gpsd]\nlisten = ['tcp:0']", "gpsd.listen.0"),
            ("[sim7600]\nport = 'tcp:host'", "sim7600.port"),
            ("[sim7600]\nport = 'gk.toml'", "sim7600.port"),
            ("[sim7600]\nbaudrate = 1", "sim7600.baudrate"),
            ("[sim7600]\nat_commands = ['CSQ']", "sim7600.at_commands.0"),
        ):
            Path("gk.toml").write_text(CONFIG + text)
            self.errors.truncate(0)
            self.errors.seek(0)
            self.assertIn(f"gatewaykit: {key}: ", self.assert_refused("-c", "gk.toml"))

    def test_settings_of_the_mount_that_do_not_go_together(self) -> None:
        door = "listen = ['tcp:0:interface=127.0.0.1']"
        mount = "[tts160]\nport = 'a'\n"
        for text, key in (
            ("[sim7600]\nport = 'a'\n" + mount, "tts160.port"),
            ("[sim7600]\nport = 'b'\nnmea_port = 'a'\n" + mount, "tts160.port"),
            (
                mount + "min_altitude_deg = 50\nmax_altitude_deg = 50",
                "tts160.max_altitude_deg",
            ),
            (mount + "set_from_gnss = true", "tts160.set_from_gnss"),
            (f"[lx200]\n{door}", "lx200.listen"),
            (mount + f"[lx200]\n{door}\nprofile = ['indi', 'plain']", "lx200.profile"),
            (mount + f"[lx200]\n{door}\nprofile = 'autostar'", "lx200.profile.0"),
            (mount + "[lx200]\nlisten = ['tcp:0']", "lx200.listen.0"),
            (mount + "axis_lease = 0", "tts160.axis_lease"),
        ):
            Path("gk.toml").write_text(CONFIG + text)
            self.errors.truncate(0)
            self.errors.seek(0)
            self.assertIn(f"gatewaykit: {key}: ", self.assert_refused("-c", "gk.toml"))

    def test_one_profile_for_all_doors_or_one_for_each(self) -> None:
        doors = "listen = ['tcp:0:interface=127.0.0.1', 'unix:lx200.sock']"
        for text, profiles in (
            ("'indi'", ["indi"]),
            ("'indi, skysafari'", ["indi", "skysafari"]),
            ("['plain', 'common']", ["plain", "common"]),
        ):
            Path("gk.toml").write_text(
                f"{CONFIG}[tts160]\nport = 'a'\n[lx200]\n{doors}\nprofile = {text}"
            )
            options = self.parse("-c", "gk.toml")
            self.assertEqual(options.settings.lx200.profile, profiles)

    def test_config_is_read(self) -> None:
        options = self.parse("-c", "gk.toml")
        self.assertEqual(options.settings.rpc.listen, ["unix:gk.sock"])
        self.assertIsNone(options.demo_directory)

    def test_bad_config_is_refused(self) -> None:
        Path("gk.toml").write_text("[gv50]\nsack = 7")
        self.assertEqual(
            self.assert_refused("-c", "gk.toml"),
            "gatewaykit: gv50.sack: 7 is not usable; allowed: true or false",
        )

    def test_unknown_option_is_twistds_to_refuse(self) -> None:
        self.assertRaises(UsageError, self.parse, "--nonsense")

    def test_demo_has_a_directory_that_is_removed(self) -> None:
        options = self.parse("--demo", "-c", "gk.toml")
        self.assertEqual(self.ends, [(demo.remove, options.demo_directory)])
        self.assertTrue(options.demo_directory.is_dir())
        demo.remove(options.demo_directory)

    def test_demo_without_trackers_is_refused(self) -> None:
        Path("gk.toml").write_text("[gv50]\nlisten = []\n[rpc]\nlisten = []")
        options = self.parse("--demo", "-c", "gk.toml")
        self.addCleanup(demo.remove, options.demo_directory)
        self.patch(tap, "_suit", lambda _: None)
        self.assertRaises(SystemExit, tap.makeService, options, reactor)

    def test_directory_of_the_session_is_made_for_this_user(self) -> None:
        Path("run").mkdir()
        os.environ["XDG_RUNTIME_DIR"] = str(Path("run").absolute())
        os.environ["GATEWAYKIT_GV50__LISTEN"] = ""
        Path("gk.toml").write_text("")
        settings = load(Path("gk.toml"))
        tap._make_session_directory(settings)
        self.assertEqual(Path("run/gatewaykit").stat().st_mode & 0o777, 0o700)

    def test_directory_of_the_session_that_cannot_be_made(self) -> None:
        os.environ["XDG_RUNTIME_DIR"] = str(Path("nowhere").absolute())
        Path("gk.toml").write_text("")
        self.assertIn("rpc.listen", self.assert_refused("-c", "gk.toml"))

    def test_demo_does_without_the_directory_of_the_session(self) -> None:
        os.environ["XDG_RUNTIME_DIR"] = str(Path("nowhere").absolute())
        Path("gk.toml").write_text("")
        options = self.parse("--demo", "-c", "gk.toml")
        self.addCleanup(demo.remove, options.demo_directory)
        self.assertIn(str(options.demo_directory), options.settings.rpc.listen[0])

    def test_store_path_that_cannot_even_be_looked_at(self) -> None:
        Path("gk.toml").write_text(f"[store]\npath = '{'x' * 300}/y'")
        self.assertIn("store.path", self.assert_refused("-c", "gk.toml"))

    def test_log_file_that_cannot_even_be_looked_at(self) -> None:
        Path("gk.toml").write_text(f"[log]\nfile = '{'x' * 300}/y'")
        self.assertIn("log.file", self.assert_refused("-c", "gk.toml"))

    def test_log_is_ours_unless_twistd_was_told_another(self) -> None:
        ours: dict[str, object] = {"logger": None, "logfile": None, "nodaemon": True}
        options = self.parse("-c", "gk.toml", **ours)
        self.assertEqual(options.parent["logger"], "gatewaykit.tap.chosen_observer")
        self.assertTrue(ILogObserver.providedBy(tap.chosen_observer()))
        told = self.parse("-c", "gk.toml", **(ours | {"logfile": "x"}))
        self.assertIsNone(told.parent["logger"])

    def test_in_the_background_the_log_is_a_file(self) -> None:
        self.parse("-c", "gk.toml", logger=None, nodaemon=False)
        self.assertTrue(Path("twistd.log").exists())


class ProcessTests(DirectoryTestCase):
    """What a gateway sets up in its process."""

    def limit(self, most: int, wanted: int) -> int:
        Path("gk.toml").write_text(f"[gv50]\nmax_connections = {wanted}")
        set_to: list[Any] = []
        self.patch(resource, "getrlimit", lambda _: (256, most))
        self.patch(resource, "setrlimit", lambda *given: set_to.append(given))
        settings = tap._within_file_limit(load(Path("gk.toml")))
        self.assertEqual(set_to, [(resource.RLIMIT_NOFILE, (most, most))])
        return settings.gv50.max_connections

    def test_as_many_trackers_as_wanted(self) -> None:
        self.assertEqual(self.limit(20_000, 10_000), 10_000)
        self.assertEqual(self.limit(resource.RLIM_INFINITY, 10_000), 10_000)

    def test_no_more_trackers_than_files(self) -> None:
        self.assertEqual(self.limit(1024, 10_000), 512)
        self.assertEqual(self.limit(10_000, 10_000), 10_000 - 512 - 1024)

    def test_clock_is_monotonic_and_the_collector_patient(self) -> None:
        self.patch(gc, "freeze", lambda: None)
        thresholds: list[int] = []
        self.patch(gc, "set_threshold", lambda *given: thresholds.extend(given))
        clock = Clock()
        tap._suit(clock)
        self.assertIs(clock.seconds, time.monotonic)
        self.assertGreater(thresholds[0], gc.get_threshold()[0])


class GatewayTests(TestCase, DirectoryTestCase):
    """The whole gateway in this process, on real sockets."""

    async def start(self, text: str, *arguments: str) -> tuple[IService, list[str]]:
        Path("gk.toml").write_text(text)
        options = tap.Options()
        options.parseOptions(["-c", "gk.toml", *arguments])
        # Another clock under the running reactor would confuse what trial has scheduled.
        self.patch(tap, "_suit", lambda _: None)
        service = tap.makeService(options)
        service.privilegedStartService()
        up: Deferred[None] = Deferred()
        service.add(tap.Part("test", lambda: up.callback(None)))  # type: ignore[attr-defined]
        service.startService()
        self.addCleanup(lambda: maybeDeferred(service.stopService))
        await up
        return service, [repr(child) for child, _ in service._children]  # type: ignore[attr-defined]

    async def test_all_subsystems(self) -> None:
        _, children = await self.start(CONFIG)
        self.assertEqual(
            children,
            [
                "<store>",
                "<fleet>",
                "<commands>",
                "<tracker connections>",
                "<listeners of gv50.listen>",
                "<client connections>",
                "<old modem clients>",
                "<silent clients>",
                "<listeners of rpc.listen>",
                "<announcement>",
                "<test>",
            ],
        )
        self.assertTrue(Path("gatewaykit.sqlite").exists())
        self.assertTrue(Path("gk.sock").is_socket())

    async def test_modem_alone(self) -> None:
        _, children = await self.start(
            "[gv50]\nlisten = []\n[rpc]\nlisten = []\n[sim7600]\nport = 'no-modem'\n"
            "[gpsd]\nlisten = ['tcp:0:interface=127.0.0.1']\n"
        )
        self.assertEqual(
            children,
            [
                "<store>",
                "<modem>",
                "<gpsd clients>",
                "<listeners of gpsd.listen>",
                "<announcement>",
                "<test>",
            ],
        )

    async def test_what_is_not_configured_is_not_started(self) -> None:
        _, children = await self.start("[gv50]\nlisten = []\n[rpc]\nlisten = []")
        self.assertEqual(children, ["<store>", "<announcement>", "<test>"])

    async def test_demo(self) -> None:
        self.patch(sys, "__stdout__", io.StringIO())
        self.patch(atexit, "register", lambda *_: None)
        service, _ = await self.start(CONFIG, "--demo")
        assert sys.__stdout__ is not None
        self.assertIn("20 simulated vehicles", sys.__stdout__.getvalue())  # type: ignore[attr-defined]
        await maybeDeferred(service.stopService)
        self.assertFalse(Path("gatewaykit.sqlite").exists())


class GiveUpTests(DirectoryTestCase):
    def give_up(self, error: Exception) -> list[tuple[Any, ...]]:
        ends: list[tuple[Any, ...]] = []
        self.patch(atexit, "register", lambda *call: ends.append(call))
        stopping: list[Any] = []

        class Reactor:
            def callWhenRunning(self, call: Any) -> None:
                stopping.append(call)

            def stop(self) -> None:
                pass

        tap._give_up(Reactor(), Failure(error))
        self.assertEqual(len(stopping), 1)
        return ends

    def test_configuration_ends_with_its_status(self) -> None:
        self.assertEqual(
            self.give_up(ConfigError("a", "b", "c")), [(os._exit, tap.EX_CONFIG)]
        )

    def test_bug_ends_with_1(self) -> None:
        self.assertEqual(self.give_up(ZeroDivisionError()), [(os._exit, 1)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
