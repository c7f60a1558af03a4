from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred

from gatewaykit.access import Role
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
    MotionStopped,
    NotFound,
)
from gatewaykit.interfaces import Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.client import GatewayClient
from gatewaykit.rpc.mount_answers import NOT_CONFIGURED, MountAnswers
from gatewaykit.rpc.mount_calls import MountBlock
from gatewaykit.testing import mount_record
from gatewaykit.tts160.registry import MOST_FORMATS, Registry
from tests.rpc.common import RpcTestCase

TARGET = {"right_ascension_h": 8.0, "declination_deg": 20.0}


class MountTestCase(RpcTestCase):
    def operator(self) -> GatewayClient:
        return self.client(Role.OPERATOR)

    def status(self) -> Record:
        record: Record = self.successResultOf(self.mount.status())
        return record

    def recorded(self) -> list[tuple[str, dict[str, str], str]]:
        return [
            (record["what"], record["arguments"], record["outcome"])
            for record in self.store.audit_records
        ]


class ReadTests(MountTestCase):
    def test_status_arrives_as_the_mount_gave_it(self) -> None:
        client = self.client(Role.VIEWER)
        self.assertEqual(self.result(client.mount_status()), mount_record())

    def test_status_of_a_mount_that_is_gone(self) -> None:
        self.mount.gone = "no such port"
        status = self.result(self.client(Role.VIEWER).mount_status())
        self.assertEqual(
            (status["available"], status["reason"], status["stale"]),
            (False, "no such port", True),
        )
        self.assertEqual(status["azimuth_deg"], 184.00524)

    def test_variables_have_their_types(self) -> None:
        self.mount.blocks.values |= {
            "RA": 1.5,
            "ALIGNMENT_QUAT": (1.0, 0.0, 0.0, 0.5),
            "RMS_ERROR": math.nan,
            "CURRENT_ALT": -math.inf,
        }
        client = self.client(Role.VIEWER)
        names = ["RA", "T1", "ALIGNMENT_QUAT", "RMS_ERROR", "X1"]
        values = self.result(client.mount_variables(names))
        self.assertEqual(
            values,
            {
                "RA": 1.5,
                "T1": 0,
                "ALIGNMENT_QUAT": [1.0, 0.0, 0.0, 0.5],
                "RMS_ERROR": None,
                "X1": None,
            },
        )
        self.assertEqual(list(values), names)

    def test_unknown_variable_is_named(self) -> None:
        call = self.client(Role.VIEWER).mount_variables(["RA", "T99"])
        self.assertEqual(self.failed(call, MisuseError).value, "T99")

    def test_firmware_without_variables(self) -> None:
        self.mount.record["dialect"] = "text"
        self.failed(self.client().mount_variables(["RA"]), DeviceRefused)

    def test_case_is_a_list_as_long_as_nobody_names_its_values(self) -> None:
        self.mount.blocks.cases[2] = [120, 130, 40, 45, 1, math.nan, 30.0]
        self.assertEqual(
            self.result(self.client(Role.VIEWER).mount_case(2)),
            MountBlock("5i2f", [120, 130, 40, 45, 1, None, 30.0]),
        )

    def test_reading_leaves_no_audit_record(self) -> None:
        client = self.client()
        for call in (
            client.mount_status(),
            client.mount_variables(["RA"]),
            client.mount_case(0),
            client.register_binary_format("x", "2i"),
            client.mount_command(":GR#"),
            client.mount_command(":*!G T1,2#"),
        ):
            self.result(call)
        self.assertEqual(self.recorded(), [])


class CommandTests(MountTestCase):
    def test_answer_arrives(self) -> None:
        self.mount.answers[":GD#"] = {"kind": "text", "text": "-00*30:00"}
        answer = self.result(self.operator().mount_command(":GD#"))
        self.assertEqual(answer, {"kind": "text", "text": "-00*30:00"})

    def test_any_byte_of_a_payload_reaches_the_mount(self) -> None:
        client = self.operator()
        command = b":*!S 05;\x03\x23\xff#"  # '#' and more stand in it
        for text in (command, command.decode("latin-1")):
            answer = self.result(client.mount_command(text))
            self.assertEqual(answer["entries"], [[1, 0]])
        self.assertEqual(self.mount.commands, [":*!S 05;\x03#\xff#"] * 2)
        self.assertEqual(
            self.recorded(),
            [("MountCommand", {"text": ":*!S 05;\x03#\xff#"}, "done")] * 2,
        )

    def test_type_is_for_commands_that_nobody_knows(self) -> None:
        client = self.operator()
        for type, kind in (("blind", "none"), ("bool", "bool"), ("string", "text")):
            answer = self.result(client.mount_command(":Xq#", type))
            self.assertEqual(answer["kind"], kind)

    def test_what_is_no_command_is_refused(self) -> None:
        error = self.failed(self.operator().mount_command("GR"), MisuseError)
        self.assertEqual(error.name, "command")
        self.assertEqual(self.recorded()[0][2], "failed: BAD_ARGUMENT")

    def test_viewers_may_pass_on_questions_that_have_an_answer(self) -> None:
        client = self.client(Role.VIEWER)
        for text in (":GR#", ":*GD#", ":*!G T1,2#", ":GVN#"):
            self.result(client.mount_command(text))
        self.assertEqual(self.recorded(), [])

    def test_viewers_may_pass_nothing_else_on(self) -> None:
        client = self.client(Role.VIEWER)
        for text in (":MS#", ":Q#", ":Sr05:47:12#", ":GT#", "\x06", ":*!2#", ":GR"):
            self.failed(client.mount_command(text), AccessDenied)
        self.assertEqual(self.mount.commands, [])
        self.assertEqual({outcome for _, _, outcome in self.recorded()}, {"refused"})

    def test_refusal_that_is_an_answer_is_none_in_the_audit_trail(self) -> None:
        self.mount.answers[":MS#"] = {"kind": "goto", "code": 1, "text": "it is parked"}
        self.mount.answers[":Sd+10*00:00#"] = {"kind": "bool", "value": False}
        client = self.operator()
        for text in (":MS#", ":Sd+10*00:00#"):
            self.result(client.mount_command(text))
        self.assertEqual(
            [outcome for _, _, outcome in self.recorded()],
            ["failed: DEVICE_REFUSED"] * 2,
        )

    def test_floats_that_json_has_no_form_for(self) -> None:
        self.mount.answers[":*!S 06;#"] = {
            "kind": "set",
            "entries": [[2, math.nan], [0, None]],
        }
        answer = self.result(self.operator().mount_command(":*!S 06;#"))
        self.assertEqual(answer["entries"], [[2, None], [0, None]])


class FormatTests(MountTestCase):
    def test_values_of_a_registered_format_have_names(self) -> None:
        self.mount.blocks.values |= {"RA": 1.5, "TRACKING_ON": 1}
        client = self.operator()
        query = ":*!G T16,T4#"
        self.assertEqual(self.result(client.mount_command(query))["values"], [1.5, 1])
        self.result(client.register_binary_format("x", "1f1B", ["ra", "tracking"]))
        self.assertEqual(
            self.result(client.mount_command(query)),
            {"kind": "binary", "format": "fB", "values": {"ra": 1.5, "tracking": 1}},
        )

    def test_blocks_of_a_registered_format_have_names(self) -> None:
        names = ("goto_h", "goto_e", "guide_h", "guide_e", "parked", "az", "alt")
        client = self.operator()
        self.result(client.register_binary_format("case2", "5i2f", names))
        named = dict(zip(names, [0, 0, 0, 0, 0, 0.0, 0.0], strict=True))
        self.assertEqual(self.result(client.mount_case(2)).values, named)
        answer = self.result(client.mount_command(":*!2#"))
        self.assertEqual((answer["case"], answer["values"]), (2, named))
        self.assertIsInstance(self.result(client.mount_case(8)).values, list)

    def test_formats_are_the_clients_own(self) -> None:
        client, other = self.operator(), self.operator()
        self.result(client.register_binary_format("x", "2i", ["h", "e"]))
        values = [
            self.result(caller.mount_command(":*!G T1,2#"))["values"]
            for caller in (client, other)
        ]
        self.assertEqual(values, [{"h": 0, "e": 0}, [0, 0]])

    def test_what_is_no_format_is_refused(self) -> None:
        client = self.client(Role.VIEWER)
        error = self.failed(client.register_binary_format("x", "5i2z"), MisuseError)
        self.assertEqual((error.name, error.value), ("format", "5i2z"))
        self.assertIn("'z'", error.allowed)
        self.failed(client.register_binary_format("x", "2i", ["one"]), MisuseError)

    def test_there_is_an_end(self) -> None:
        client = self.client(Role.VIEWER)
        for number in range(MOST_FORMATS):
            self.result(client.register_binary_format(str(number), "2i"))
        self.failed(client.register_binary_format("x", "2i"), MisuseError)

    def test_nothing_is_kept_of_clients_that_are_gone(self) -> None:
        answers = MountAnswers(self.mount, Registry)
        self.answers = {**self.answers, **answers.table()}
        self.factory = self.make_factory()
        client = self.operator()
        self.result(client.register_binary_format("x", "2i"))
        self.result(client.mount_move_axis("north", 1.0))
        self.assertEqual(len(answers._formats), 1)
        client.close()
        self.flush()
        self.assertEqual(len(answers._formats), 0)


class ActionTests(MountTestCase):
    def test_each_reaches_the_mount_and_the_audit_trail(self) -> None:
        client = self.operator()
        at = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)
        for call in (
            client.mount_sync(5.5, -1.25),
            client.mount_guide("west", 350),
            client.mount_tracking(on=False, rate="lunar"),
            client.mount_tracking(on=True),
            client.mount_site(
                latitude_deg=-33.9, longitude_deg=151.2, utc_offset_h=10.5, at=at
            ),
            client.clear_buffers(),
            client.mount_unpark(),
            client.mount_stop(),
            client.mount_slew(**TARGET),
        ):
            self.result(call)
        self.clock.advance(10)
        self.result(client.mount_slew(altitude_deg=45.0, azimuth_deg=180.0))
        self.clock.advance(10)
        self.result(client.mount_park())
        at_ms = 1_769_860_800_250
        self.assertEqual(
            [deed for deed in self.mount.deeds if deed[0] != "slew"],
            [
                ("sync", 5.5, -1.25),
                ("guide", "west", 350),
                ("tracking", False, "lunar"),
                ("tracking", True, None),
                ("set_site", -33.9, 151.2, 10.5, at_ms),
                ("clear_buffers",),
                ("unpark",),
                ("stop", "operator"),
                ("park",),
            ],
        )
        self.assertEqual(
            [(what, outcome) for what, _, outcome in self.recorded()],
            [
                ("MountSync", "done"),
                ("MountGuide", "done"),
                ("MountTracking", "done"),
                ("MountTracking", "done"),
                ("MountSite", "done"),
                ("ClearBuffers", "done"),
                ("MountUnpark", "done"),
                ("MountStop", "done"),
                ("MountSlew", "done"),
                ("MountSlew", "done"),
                ("MountPark", "done"),
            ],
        )
        self.assertEqual(
            self.recorded()[8][1],
            {"right_ascension_h": "8.0", "declination_deg": "20.0"},
        )

    def test_text_of_a_sync(self) -> None:
        self.assertEqual(
            self.result(self.operator().mount_sync(5.0, 5.0)), "Coordinates matched."
        )

    def test_stop_tells_who(self) -> None:
        self.result(self.operator().mount_stop())
        self.assertEqual(self.mount.deeds, [("stop", "operator")])

    def test_errors_of_the_mount_arrive(self) -> None:
        client = self.operator()
        for failure in (
            DeviceTimeout("the mount", ":MS#", 3.0),
            DeviceRefused("the mount", "a slew", "it is parked"),
            DeviceGarbled("the mount", ":MS#", "b'x'"),
            MotionStopped("a slew", "uid:0"),
        ):
            self.mount.failure = failure
            error = self.failed(client.mount_slew(**TARGET), type(failure))
            self.assertEqual(error.args, failure.args)
        self.assertEqual(
            [outcome for _, _, outcome in self.recorded()],
            [
                "failed: DEVICE_TIMEOUT",
                "failed: DEVICE_REFUSED",
                "failed: DEVICE_GARBLED",
                "failed: STOPPED",
            ],
        )

    def test_viewers_move_and_change_nothing(self) -> None:
        client = self.client(Role.VIEWER)
        for call in (
            client.mount_slew(**TARGET),
            client.mount_stop(),
            client.mount_sync(1.0, 1.0),
            client.mount_park(),
            client.mount_unpark(),
            client.mount_tracking(on=True),
            client.mount_guide("north", 1),
            client.mount_move_axis("north", 1.0),
            client.mount_renew_axis("north"),
            client.mount_site(utc_offset_h=0.0),
            client.mount_command(":Q#"),
            client.clear_buffers(),
        ):
            self.failed(call, AccessDenied)
        self.assertEqual((self.mount.deeds, self.mount.commands), ([], []))
        self.assertEqual({outcome for _, _, outcome in self.recorded()}, {"refused"})
        self.assertEqual(len(self.recorded()), 12)

    def test_answer_that_never_comes_ends_with_the_deadline(self) -> None:
        self.mount.slew = lambda **_: Deferred()  # type: ignore[method-assign]
        self.factory = self.make_factory(deadline_s=5.0)
        call = self.operator().mount_slew(**TARGET)
        self.flush()
        self.clock.advance(5.0)
        self.assertEqual(self.failed(call, CallTimeout).verb, "MountSlew")


class AxisTests(MountTestCase):
    def test_renewals_are_not_recorded_however_many(self) -> None:
        client = self.operator()
        self.assertEqual(self.result(client.mount_move_axis("north", 1.5)), 3.0)
        for _ in range(20):
            self.clock.advance(1)
            self.assertEqual(self.result(client.mount_renew_axis("north")), 3.0)
        self.result(client.mount_move_axis("south", 1.5))
        self.result(client.mount_move_axis("south", 0.5))
        self.result(client.mount_move_axis("south", 0))
        self.assertEqual(
            [arguments for _, arguments, _ in self.recorded()],
            [
                {"direction": "north", "rate_deg_s": "1.5"},
                {"direction": "south", "rate_deg_s": "1.5"},
                {"direction": "south", "rate_deg_s": "0.5"},
                {"direction": "south", "rate_deg_s": "0.0"},
            ],
        )
        self.assertEqual(self.status()["moving"], [])

    def test_stop_of_somebody_else_ends_it_whatever_is_renewed(self) -> None:
        client = self.operator()
        self.result(client.mount_move_axis("north"))
        self.result(self.client(Role.ADMIN).mount_stop())
        error = self.failed(client.mount_renew_axis("north"), MotionStopped)
        self.assertEqual(error.by, "admin")
        self.assertEqual(self.status()["moving"], [])

    def test_axis_stops_when_its_client_goes(self) -> None:
        client, other = self.operator(), self.operator()
        self.result(client.mount_move_axis("north", 1.0))
        self.result(other.mount_move_axis("west", 1.0))
        client.close()
        self.flush()
        self.assertEqual(self.status()["moving"], ["west"])

    def test_axis_moved_by_a_command_stops_too(self) -> None:
        client = self.operator()
        self.result(client.mount_command(":Me#"))
        self.assertEqual(self.result(client.mount_renew_axis("east")), 3.0)
        client.close()
        self.flush()
        self.assertEqual(self.status()["moving"], [])

    def test_nobody_renews_for_another(self) -> None:
        self.result(self.operator().mount_move_axis("north"))
        self.failed(self.operator().mount_renew_axis("north"), MotionStopped)

    def test_move_that_begins_when_its_client_is_gone_is_stopped(self) -> None:
        """It waited for the line, and the mount knew no lease to end."""
        for verb in (verbs.MountMoveAxis, verbs.MountCommand):
            waiting: Deferred[None] = Deferred()
            self.hold(waiting)
            client = self.operator()
            if verb is verbs.MountMoveAxis:
                call: Deferred[Any] = client.mount_move_axis("north", 1.0)
            else:
                call = client.mount_command(":Mn#")
            self.flush()
            closed = client.close()
            self.flush()
            self.successResultOf(closed)
            call.addErrback(lambda _: None)
            waiting.callback(None)
            self.assertEqual(self.mount.deeds[-1], ("release", "north"))
            self.assertEqual(self.status()["moving"], [])

    def hold(self, waiting: Deferred[None]) -> None:
        """Moves begin when `waiting` fires."""
        move_axis, command = self.mount.move_axis, self.mount.command

        async def later_move(*arguments: Any) -> float:
            await waiting
            return await move_axis(*arguments)

        async def later_command(*arguments: Any) -> Record:
            await waiting
            return await command(*arguments)

        self.patch(
            self.mount, "move_axis", lambda *a: Deferred.fromCoroutine(later_move(*a))
        )
        self.patch(
            self.mount, "command", lambda *a: Deferred.fromCoroutine(later_command(*a))
        )


class GoneTests(MountTestCase):
    def test_everything_but_the_status_fails(self) -> None:
        self.mount.gone = "unplugged"
        client = self.operator()
        for call in calls(client):
            self.failed(call, DeviceUnavailable)


class WithoutMountTests(MountTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.answers = {**self.answers, **MountAnswers(None, Registry).table()}
        self.factory = self.make_factory()

    def test_status_says_so(self) -> None:
        status = self.result(self.client(Role.VIEWER).mount_status())
        self.assertEqual(set(status), set(mount_record()))
        known = {name: value for name, value in status.items() if value is not None}
        self.assertEqual(
            known,
            {
                "available": False,
                "state": "absent",
                "reason": NOT_CONFIGURED,
                "moving": [],
                "stale": True,
            },
        )

    def test_everything_else_is_not_found(self) -> None:
        client = self.operator()
        for call in (
            *calls(client),
            client.register_binary_format("x", "2i"),
            client.mount_renew_axis("north"),
        ):
            error = self.failed(call, NotFound)
            self.assertEqual(error.args, ("subsystem", "tts160"))


def calls(client: GatewayClient) -> list[Deferred[Any]]:
    """One of each that needs the mount itself."""
    return [
        client.mount_variables(["RA"]),
        client.mount_command(":GR#"),
        client.mount_case(2),
        client.mount_slew(**TARGET),
        client.mount_stop(),
        client.mount_sync(1.0, 1.0),
        client.mount_park(),
        client.mount_unpark(),
        client.mount_tracking(on=True),
        client.mount_guide("north", 1),
        client.mount_move_axis("north", 1.0),
        client.mount_site(utc_offset_h=0.0),
        client.clear_buffers(),
    ]
