from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.bridges.lx200_orders import (
    RATES_DEG_S,
    USUAL_RATE_DEG_S,
    Kind,
    Order,
    understand,
)
from gatewaykit.bridges.lx200_readings import NAMES
from gatewaykit.bridges.lx200_requests import ACK
from gatewaykit.bridges.lx200_sessions import Setting

ORDERS = [
    Order(Kind.READ, "GR"),
    Order(Kind.READ, ACK),
    Order(Kind.READ, "D"),
    Order(Kind.READ, "*GR"),
    Order(Kind.ASK, "ra"),
    Order(Kind.ASK, "GVD"),
    Order(Kind.ASK, "*gRG"),
    Order(Kind.STOP, "Q"),
    Order(Kind.STOP_AXIS, "Qn", "north"),
    Order(Kind.STOP_AXIS, "Qw", "west"),
    Order(Kind.GOTO, "MS"),
    Order(Kind.SYNC, "CM"),
    Order(Kind.MOVE, "Me", "east"),
    Order(Kind.MOVE, "Ms", "south"),
    Order(Kind.GUIDE, "Mgn0350", ("north", 350)),
    Order(Kind.GUIDE, "Mgw50", ("west", 50)),
    Order(Kind.PARK, "hP"),
    Order(Kind.UNPARK, "PO"),
    Order(Kind.TRACKING, "T1", True),
    Order(Kind.TRACKING, "T0", False),
    Order(Kind.TRACKING, "TQ", "sidereal"),
    Order(Kind.TRACKING, "TL", "lunar"),
    Order(Kind.TRACKING, "TS", "solar"),
    Order(Kind.FREQUENCY, "ST060.1", "sidereal"),
    Order(Kind.FREQUENCY, "ST60.0", "solar"),
    Order(Kind.FREQUENCY, "ST57.9", "lunar"),
    Order(Kind.FREQUENCY, "ST058.0", None),
    Order(Kind.FREQUENCY, "STnan", None),
    Order(Kind.FREQUENCY, "ST", None),
    Order(Kind.PRECISION, "U"),
    Order(Kind.TAKE, "Sr05:47:12", 5.786666666666667, Setting.RIGHT_ASCENSION),
    Order(Kind.TAKE, "Sr 05:47.2", 5.786666666666667, Setting.RIGHT_ASCENSION),
    Order(Kind.TAKE, "Sr24:00:00", None, Setting.RIGHT_ASCENSION),
    Order(Kind.TAKE, "Sr", None, Setting.RIGHT_ASCENSION),
    Order(Kind.TAKE, "Sd+95*00:00", None, Setting.DECLINATION),
    Order(Kind.TAKE, "Sd-00*30", -0.5, Setting.DECLINATION),
    Order(Kind.TAKE, "Sd +45\xdf30:00", 45.5, Setting.DECLINATION),
    Order(Kind.TAKE, "Sw2", 2.0, Setting.RATE),
    Order(Kind.TAKE, "Sw8", 3.5, Setting.RATE),
    Order(Kind.TAKE, "Sw9", None, Setting.RATE),
    Order(Kind.TAKE, "Sw", None, Setting.RATE),
    Order(Kind.KEEP, "RM", 1.4, Setting.RATE),
    Order(Kind.KEEP, "RC", 2.2, Setting.RATE),
    Order(Kind.KEEP, "RS", 3.0, Setting.RATE),
    Order(Kind.PLACE, "St+37*17", 37 + 17 / 60, Setting.LATITUDE),
    Order(Kind.PLACE, "Stx", None, Setting.LATITUDE),
    Order(Kind.PLACE, "Sg003*08'", -(3 + 8 / 60), Setting.LONGITUDE),
    Order(Kind.PLACE, "Sg-10*15", 10.25, Setting.LONGITUDE),
    Order(Kind.PLACE, "Sg349*45", 10.25, Setting.LONGITUDE),
    Order(Kind.PLACE, "Sg-00*30", 0.5, Setting.LONGITUDE),
    Order(Kind.PLACE, "Sg180*00", 180.0, Setting.LONGITUDE),
    Order(Kind.CLOCK, "SG-00", 0.0, Setting.UTC_OFFSET),
    Order(Kind.CLOCK, "SG+10.0", -10.0, Setting.UTC_OFFSET),
    Order(Kind.CLOCK, "SG-5.5", 5.5, Setting.UTC_OFFSET),
    Order(Kind.CLOCK, "SL21:15:30", dt.time(21, 15, 30), Setting.TIME),
    Order(Kind.CLOCK, "SC08/05/26", dt.date(2026, 8, 5), Setting.DATE),
    Order(Kind.CLOCK, "SC13/05/26", None, Setting.DATE),
    Order(Kind.REFUSE, "SMHome"),
    Order(Kind.REFUSE, "SP"),
    Order(Kind.NOTHING, ""),
    Order(Kind.NOTHING, "ED"),
    Order(Kind.NOTHING, "H"),
    Order(Kind.NOTHING, "W1"),
    Order(Kind.NOTHING, "F+"),
    Order(Kind.NOTHING, "hF"),
    Order(Kind.NOTHING, "TM"),
    Order(Kind.NOTHING, "Mgn00350"),
    Order(Kind.NOTHING, "Mgx0350"),
    Order(Kind.NOTHING, "gr"),
    Order(Kind.NOTHING, "GVT"),
    Order(Kind.NOTHING, "*CM"),
    Order(Kind.NOTHING, "*Me08529486"),
    Order(Kind.NOTHING, "*!G T1,2"),
    Order(Kind.NOTHING, "*!2"),
]


class UnderstandTests(SynchronousTestCase):
    def test_each(self) -> None:
        for order in ORDERS:
            self.assertEqual(understand(order.text), order)

    def test_no_order_for_kinds_that_are_not_tried_here(self) -> None:
        self.assertEqual({order.kind for order in ORDERS}, set(Kind))

    def test_all_that_is_read_here_is_understood(self) -> None:
        for name in NAMES:
            self.assertEqual(understand(name), Order(Kind.READ, name))

    def test_rates(self) -> None:
        self.assertAlmostEqual(RATES_DEG_S["RG"] * 3600, 15.041, 3)
        self.assertEqual(USUAL_RATE_DEG_S, 3.0)

    @given(st.text(st.characters(max_codepoint=255), max_size=20))
    def test_anything_has_a_sense(self, text: str) -> None:
        self.assertEqual(understand(text).text, text)

    @given(
        st.sampled_from(["Sr", "Sd", "St", "Sg", "SG", "SL", "SC", "ST", "Sw", "Mg"]),
        st.text("0123456789:*'./+- nsew\xdf", max_size=12),
    )
    def test_any_argument_has_a_sense(self, head: str, argument: str) -> None:
        self.assertEqual(understand(head + argument).text, head + argument)
