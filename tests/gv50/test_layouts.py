from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50 import forms, layouts
from gatewaykit.gv50.reports import Report, decode, report_record

EVERY_LAYOUT = [layout for rows in layouts._table().values() for layout in rows]


class Tables(SynchronousTestCase):
    def test_no_field_has_the_name_of_a_common_one(self) -> None:
        common = set(report_record(decode(b"+RESP:GTPDP,1$")))
        common |= {each.name for each in attrs.fields(Report)}
        common |= {"location", "_id", "unparsed", "error", "received_at"}
        for layout in EVERY_LAYOUT:
            self.assertEqual(common & {*layout.before, *layout.after}, set())

    def test_every_form_is_of_a_field(self) -> None:
        names = {name for each in EVERY_LAYOUT for name in (*each.before, *each.after)}
        told = names | {"report_id", "report_type", "cause", "odometer_km"}
        self.assertEqual(set(forms._FORMS) - told, set())

    def test_gv50_fixed_report_has_30_fields(self) -> None:
        layout = layouts.layouts("GTFRI", "09")[0]
        self.assertEqual(4 + len(layout.before) + 12 + len(layout.after) + 2, 30)

    def test_device_type(self) -> None:
        for version, device in (("090302", "09"), ("8020040305", "802004"), ("", "")):
            self.assertEqual(layouts.device_type(version), device)

    def test_unknown_type_has_no_layout(self) -> None:
        self.assertEqual(layouts.layouts("GTZZZ", "09"), ())
