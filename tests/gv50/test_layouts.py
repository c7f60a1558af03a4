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

    def test_reports_have_as_many_fields_as_known(self) -> None:
        """The lengths of facts/gv50.md 4.5 to 4.14, head and tail included."""
        for names, *sizes in (
            ("RTL DOG IGL VGL SOS SPD TOW DIS IOB GEO HBM PNL EPS AIS", 22),
            ("PFA PDP", 6),
            ("PNA", 6, 7),
            ("MPN MPF EPN EPF BTC BPN BPF JDR", 18),
            ("CRA", 18, 19),
            ("STT BPL STC ANT JDS RMD", 19),
            ("LBC", 19, 20),
            ("IGN IGF", 21),
            ("VGN VGF", 21, 23),
            ("IDN IDF STR STP LSP", 21),
            ("GSS", 22),
            ("INF", 26),
            ("VER", 9),
            ("CID", 7),
            ("CSQ", 8),
            ("GPJ DOS", 20),
            ("GES", 25),
        ):
            for name in names.split():
                rows = [
                    6 + len(row.before) + row.block + len(row.after)
                    for row in layouts.layouts(f"GT{name}", "09")
                    # Handhelds have id and type of the report apart.
                    if "report_id" not in row.before and not row.open
                ]
                with self.subTest(name=name):
                    self.assertEqual(rows, sizes)

    def test_what_events_are_made_of_stands_where_it_should(self) -> None:
        for type_, name, index in (
            ("GTSTT", "state", 4),
            ("GTJDS", "jamming", 4),
            ("GTGPJ", "jamming_state", 5),
            ("GTIGN", "duration_s", 4),
            ("GTIGF", "duration_s", 4),
            ("GTSOS", "report", 5),
            ("GTTOW", "report", 5),
            ("GTDOS", "output_id", 4),
            ("GTDOS", "output_active", 5),
            ("GTIDF", "state", 4),
            ("GTGSS", "state", 6),
        ):
            with self.subTest(type=type_, name=name):
                row = layouts.layouts(type_, "09")[0]
                self.assertEqual(4 + row.before.index(name), index)
        virtual = layouts.layouts("GTVGN", "09")[1].before
        self.assertEqual(virtual, ("-", "cause", "duration_s"))
