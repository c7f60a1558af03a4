from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.protocols import amp
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit import access
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    CommandRefused,
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    GatewayError,
    InternalError,
    MisuseError,
    MotionStopped,
    NotFound,
    ProtocolViolation,
    StoreUnavailable,
)
from gatewaykit.rpc import arguments, verbs

IMEI = "864000000000001"


def sent(verb: type[verbs.Verb], **values: Any) -> dict[str, Any]:
    """What arrives of a verb's arguments."""
    return verb.parseArguments(verb.makeArguments(values, None), None)


class CheckedArgumentTests(SynchronousTestCase):
    def refused(self, verb: type[verbs.Verb], **values: Any) -> MisuseError:
        with self.assertRaises(MisuseError) as caught:
            verb.makeArguments(values, None)
        error: MisuseError = caught.exception
        return error

    def refused_there(self, verb: type[verbs.Verb], **raw: bytes) -> MisuseError:
        box = amp.AmpBox({name.encode(): value for name, value in raw.items()})
        with self.assertRaises(MisuseError) as caught:
            verb.parseArguments(box, None)
        error: MisuseError = caught.exception
        return error

    def test_imei_and_meid_arrive_as_sent(self) -> None:
        for good in (IMEI, "A1000012345678"):
            self.assertEqual(sent(verbs.GetDevice, imei=good), {"imei": good})

    def test_bad_imei_is_refused_at_both_ends(self) -> None:
        for bad in ("", "1" * 14 + "x", "1" * 16, "1" * 13, IMEI + "\n", "\u0661" * 15):
            for error in (
                self.refused(verbs.GetDevice, imei=bad),
                self.refused_there(verbs.GetDevice, imei=bad.encode()),
            ):
                self.assertEqual(error.name, "imei")
                self.assertEqual(error.allowed, "15 digits or 14 hex digits")

    def test_token_arrives_and_no_error_shows_it(self) -> None:
        self.assertEqual(sent(verbs.Login, token="s3cret"), {"token": "s3cret"})
        for error in (
            self.refused(verbs.Login, token="s3 cret"),
            self.refused_there(verbs.Login, token=b"s3 cret"),
            self.refused(verbs.Login, token="s3cret" * 100),
        ):
            self.assertEqual(error.value, access.MASK)
            self.assertNotIn("s3", str(error) + str(error.__cause__))
        self.assertIsNone(self.refused_there(verbs.Login).value)

    def test_no_text_is_refused(self) -> None:
        self.assertEqual(self.refused(verbs.GetDevice, imei=7).value, 7)
        self.assertEqual(self.refused(verbs.GetDevice, imei=None).name, "imei")

    def test_what_is_no_utf8_is_refused(self) -> None:
        self.assertEqual(
            self.refused_there(verbs.GetDevice, imei=b"\xff").value, "\xff"
        )

    def test_missing_argument_is_named(self) -> None:
        error = self.refused_there(verbs.GetDevice)
        self.assertEqual(error.args, ("imei", None, "15 digits or 14 hex digits"))

    def test_value_in_the_error_is_cut(self) -> None:
        error = self.refused_there(verbs.GetDevice, imei=b"x" * 60_000)
        self.assertEqual(error.value, "x" * 500)

    def test_limit_is_a_number_in_range(self) -> None:
        for good in (1, 10_000):
            self.assertEqual(sent(verbs.ListDevices, limit=good)["limit"], good)
        for bad in (0, -1, 10_001, True, "5", 2.5):
            self.assertEqual(self.refused(verbs.ListDevices, limit=bad).name, "limit")
        for raw in (b"0", b"", b"x", b"9" * 6000, b"10001"):
            error = self.refused_there(verbs.ListDevices, limit=raw)
            self.assertEqual(error.allowed, "1 to 10000")

    def test_optional_arguments_may_be_left_out(self) -> None:
        self.assertEqual(sent(verbs.ListModemEvents), {"cursor": None, "limit": None})

    def test_policy_is_one_of_three(self) -> None:
        for good in ("accepted", "quarantined", "refused"):
            self.assertEqual(
                sent(verbs.SetPolicy, imei=IMEI, policy=good)["policy"], good
            )
        error = self.refused(verbs.SetPolicy, imei=IMEI, policy="loved")
        self.assertEqual(
            error.args, ("policy", "loved", "accepted, quarantined, refused")
        )

    def test_moments_arrive_in_utc(self) -> None:
        zone = timezone(timedelta(hours=5, minutes=30, seconds=15))
        moment = datetime(2026, 1, 31, 12, 0, 0, 250, tzinfo=zone)
        arrived = sent(verbs.History, imei=IMEI, since=moment)["since"]
        self.assertEqual(arrived, moment)
        self.assertIs(arrived.tzinfo, UTC)

    def test_moments_without_a_zone_or_beyond_all_time_are_refused(self) -> None:
        edge = datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))
        for bad in (datetime(2026, 1, 31), edge, "yesterday"):
            error = self.refused(verbs.History, imei=IMEI, since=bad)
            self.assertEqual(error.name, "since")
        for raw in (b"", b"x" * 32, b"2026-13-31T12:00:00.000000-00:00", b"\xff" * 32):
            error = self.refused_there(verbs.History, imei=IMEI.encode(), until=raw)
            self.assertEqual(error.name, "until")

    def test_since_after_until_is_refused_at_both_ends(self) -> None:
        until = datetime(2026, 1, 31, tzinfo=UTC)
        since = until + timedelta(seconds=1)
        error = self.refused(verbs.History, imei=IMEI, since=since, until=until)
        self.assertEqual(error.name, "since")
        error = self.refused_there(
            verbs.History,
            imei=IMEI.encode(),
            since=b"2026-01-31T00:00:01.000000-00:00",
            until=b"2026-01-31T00:00:00.000000-00:00",
        )
        self.assertEqual(error.name, "since")

    def test_since_may_equal_until(self) -> None:
        moment = datetime(2026, 1, 31, tzinfo=UTC)
        found = sent(verbs.History, imei=IMEI, since=moment, until=moment)
        self.assertEqual(found["since"], found["until"])

    @given(st.dictionaries(st.sampled_from(["imei", "since", "limit"]), st.binary()))
    def test_garbage_raises_nothing_else(self, raw: dict[str, bytes]) -> None:
        box = amp.AmpBox({name.encode(): value for name, value in raw.items()})
        try:
            verbs.History.parseArguments(box, None)
        except MisuseError as error:
            self.assertIn(error.name, {"imei", "since", "limit"})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


class JSONTests(SynchronousTestCase):
    def through(self, value: object) -> tuple[object, amp.AmpBox]:
        box = verbs.GetDevice.makeResponse({"device": value}, None)
        wire = amp.parseString(box.serialize())[0]
        return verbs.GetDevice.parseResponse(wire, None)["device"], box

    @given(json_values)
    def test_round_trip(self, value: object) -> None:
        self.assertEqual(self.through(value)[0], value)

    def test_long_values_go_on_under_more_keys(self) -> None:
        for length in (65_533, 65_534, 131_068, 131_069, 500_000):
            value = "x" * length
            arrived, box = self.through(value)
            self.assertEqual(arrived, value)
            self.assertEqual(len(box), -(-(length + 2) // 65_535))

    def test_endless_values_and_nan_are_refused(self) -> None:
        for bad in ("x" * (1 << 20), float("nan")):
            with self.assertRaises(ValueError):
                verbs.GetDevice.makeResponse({"device": bad}, None)

    def test_what_is_no_answer_is_a_violation(self) -> None:
        for raw in (
            {},
            {b"device": b"{"},
            {b"device": b"[" * 60_000},
            {b"device": b"\xff"},
        ):
            with self.assertRaises(ProtocolViolation):
                verbs.GetDevice.parseResponse(amp.AmpBox(raw), None)


class FittingTests(SynchronousTestCase):
    @given(st.lists(st.text(max_size=50)), st.integers(2, 300))
    def test_what_fits_is_the_most_that_fits(
        self, records: list[str], room: int
    ) -> None:
        count = arguments.fitting(records, room)
        if count > 1:
            self.assertLessEqual(len(arguments.encode(records[:count])), room)
        if count < len(records):
            self.assertGreaterEqual(count, 1)
            self.assertGreater(len(arguments.encode(records[: count + 1])), room)


class ErrorTests(SynchronousTestCase):
    examples: tuple[GatewayError, ...] = (
        MisuseError("limit", 0, "1 to 10000"),
        NotFound("device", IMEI),
        AccessDenied("uid:1000", "SetPolicy", "admin"),
        StoreUnavailable("disk full \u20ac \x00"),
        DeviceUnavailable("the modem", "no such port"),
        DeviceTimeout("the modem", "AT+CSQ", 3.0),
        DeviceRefused("the modem", "AT+CSQ", "SIM failure"),
        DeviceGarbled("the mount", ":GR#", "25:00:00 is no time"),
        MotionStopped("slew", "uid:1000"),
        CommandRefused(IMEI, "block", "no level is set"),
        CallTimeout("History", 60.5),
        InternalError("1a2b3c4d"),
    )

    def test_every_error_arrives_with_its_class_and_fields(self) -> None:
        self.assertEqual({type(error) for error in self.examples}, set(verbs.ERRORS))
        for verb in verbs.ALL:
            for error in self.examples:
                code = verbs.ERRORS[type(error)]
                text = arguments.encode_error(error)
                arrived = verb.reverseErrors[code](text)
                self.assertIs(type(arrived), type(error))
                self.assertEqual(arrived.args, error.args)
                self.assertEqual(str(arrived), str(error))

    @given(
        st.one_of(
            st.none(),
            st.booleans(),
            st.text(),
            st.binary(),
            st.integers(),
            st.floats(),
            st.lists(st.integers()),
        )
    )
    def test_any_value_can_be_told(self, value: object) -> None:
        text = arguments.encode_error(MisuseError("name", value, "allowed"))
        arrived = verbs.Info.reverseErrors[b"BAD_ARGUMENT"](text)
        assert isinstance(arrived, MisuseError)
        self.assertLessEqual(len(str(arrived.value)), 500)

    def test_long_and_odd_values_are_cut(self) -> None:
        for odd in ("x" * 1000, 1 << 4000, list(range(1000))):
            fields = json.loads(arguments.encode_error(StoreUnavailable(odd)))  # type: ignore[arg-type]
            self.assertEqual(len(fields[0]), 500)

    def test_error_without_its_fields_is_a_violation(self) -> None:
        for text in ("", "{}", "[1]", '["a","b","c"]', "[" * 60_000, "not json"):
            arrived = verbs.Info.reverseErrors[b"NOT_FOUND"](text)
            self.assertIsInstance(arrived, ProtocolViolation)
