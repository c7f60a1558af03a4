from __future__ import annotations

import csv
import io
import json
from typing import Any
from xml.etree import ElementTree as ET

import gpxpy
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli import exports
from gatewaykit.cli.exports import CSV_COLUMNS, WRITERS, decimal, xml_text
from gatewaykit.cli.tracks import Step, Track
from tests.cli.test_tracks import position

IMEI = "865083030000012"
GPX = "{http://www.topografix.com/GPX/1/1}"
KML = "{http://www.opengis.net/kml/2.2}"
GX = "{http://www.google.com/kml/ext/2.2}"
POINT = "{http://www.garmin.com/xmlschemas/TrackPointExtension/v2}"


def report(*positions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "imei": IMEI,
        "type": "GTFRI",
        "prefix": "+RESP",
        "received_at": "2026-01-31T12:00:05.000Z",
        "send_time": "20260131120004",
        "count": "00A1",
        "positions": list(positions),
    } | fields


def write(format_name: str, *records: dict[str, Any], name: str | None = None) -> str:
    out = io.StringIO(newline="")
    writer = WRITERS[format_name](out, {"imei": IMEI, "name": name})
    for record in records:
        writer.report(record)
    writer.finish()
    return out.getvalue()


def steps(records: list[dict[str, Any]]) -> list[Step]:
    track = Track()
    found = [step for record in records for step in track.feed(record)]
    return found + list(track.finish())


numbers = st.none() | st.floats(-1000, 10000)
any_position = st.builds(
    position,
    st.integers(0, 4000),
    longitude=st.none() | st.floats(-180, 180),
    latitude=st.none() | st.floats(-90, 90),
    fix=st.booleans(),
    altitude_m=numbers,
    speed_kmh=st.none() | st.floats(0, 999.9),
    heading_deg=st.none() | st.integers(0, 360),
    hdop=st.none() | st.integers(0, 50),
)
any_records = st.lists(
    st.lists(any_position, max_size=4).map(lambda positions: report(*positions)),
    max_size=8,
)
any_text = st.text(st.characters(exclude_categories=()))


class NdjsonTests(SynchronousTestCase):
    def test_empty(self) -> None:
        self.assertEqual(write("ndjson"), "")

    @given(any_records, any_text)
    def test_one_record_a_line(self, records: list[dict[str, Any]], raw: str) -> None:
        records = [record | {"raw": raw} for record in records]
        lines = write("ndjson", *records).split("\n")
        self.assertEqual(lines.pop(), "")
        self.assertEqual([json.loads(line) for line in lines], records)


class CsvTests(SynchronousTestCase):
    def test_empty_has_the_header(self) -> None:
        self.assertEqual(write("csv"), ",".join(CSV_COLUMNS) + "\r\n")

    def test_every_position_is_a_row(self) -> None:
        text = write(
            "csv",
            report(position(0, speed_kmh=50.0, hdop=1), position(5, fix=False, hdop=0)),
            report(),
        )
        end = "2026-01-31T12:00:05.000Z,20260131120004,00A1"
        self.assertEqual(
            text.split("\r\n")[1:],
            [
                f"{IMEI},GTFRI,+RESP,2026-01-31T12:00:00Z,8.5,47.25,50.0,,,1,true,{end}",
                f"{IMEI},GTFRI,+RESP,2026-01-31T12:00:05Z,8.5,47.25,,,,0,false,{end}",
                "",
            ],
        )

    @given(any_records, st.text())
    def test_rows_read_back_equal(
        self, records: list[dict[str, Any]], text: str
    ) -> None:
        records = [record | {"count": text} for record in records]
        written = write("csv", *records)
        rows = list(csv.DictReader(io.StringIO(written, newline="")))
        expected = [record | p for record in records for p in record["positions"]]
        self.assertEqual(len(rows), len(expected))
        for row, fields in zip(rows, expected, strict=True):
            self.assertEqual(row["count"], text)
            for name in ("longitude", "latitude", "altitude_m"):
                value = None if row[name] == "" else float(row[name])
                self.assertEqual(value, fields[name])


class GeoJsonTests(SynchronousTestCase):
    def features(self, *records: dict[str, Any]) -> list[dict[str, Any]]:
        document = json.loads(write("geojson", *records))
        self.assertEqual(document["type"], "FeatureCollection")
        features: list[dict[str, Any]] = document["features"]
        return features

    def test_empty(self) -> None:
        self.assertEqual(self.features(), [])

    def test_segment_is_a_line(self) -> None:
        (feature,) = self.features(report(position(0), position(30, longitude=8.6)))
        self.assertEqual(
            feature,
            {
                "type": "Feature",
                "geometry": {
                    "type": "LineString",
                    "coordinates": [[8.5, 47.25], [8.6, 47.25]],
                },
                "properties": {
                    "imei": IMEI,
                    "start": "2026-01-31T12:00:00Z",
                    "end": "2026-01-31T12:00:30Z",
                    "coordTimes": ["2026-01-31T12:00:00Z", "2026-01-31T12:00:30Z"],
                },
            },
        )

    def test_lone_position_is_a_point(self) -> None:
        features = self.features(report(position(0)), report(position(601)))
        self.assertEqual(
            [feature["geometry"] for feature in features],
            [{"type": "Point", "coordinates": [8.5, 47.25]}] * 2,
        )

    def test_altitude_is_given_where_all_have_one(self) -> None:
        features = self.features(
            report(position(0, altitude_m=400), position(1, altitude_m=401)),
            report(position(2000, altitude_m=400), position(2001)),
        )
        self.assertEqual(
            [feature["geometry"]["coordinates"] for feature in features],
            [[[8.5, 47.25, 400], [8.5, 47.25, 401]], [[8.5, 47.25], [8.5, 47.25]]],
        )

    def test_long_segment_goes_on_with_the_same_point(self) -> None:
        self.patch(exports, "SEGMENT_POINTS", 3)
        features = self.features(*(report(position(second)) for second in range(5)))
        self.assertEqual(
            [[t[-3:-1] for t in f["properties"]["coordTimes"]] for f in features],
            [["00", "01", "02"], ["02", "03", "04"]],
        )

    @given(any_records)
    def test_reads_back_equal(self, records: list[dict[str, Any]]) -> None:
        expected = steps(records)
        found = []
        for feature in self.features(*records):
            places = feature["geometry"]["coordinates"]
            if feature["geometry"]["type"] == "Point":
                places = [places]
            times = feature["properties"]["coordTimes"]
            for n, (place, time) in enumerate(zip(places, times, strict=True)):
                found.append((n == 0, time, *place[:2]))
        self.assertEqual(
            found,
            [(s, p.time, p.longitude, p.latitude) for s, p in expected],
        )


class GpxTests(SynchronousTestCase):
    def test_empty_is_a_track_without_segments(self) -> None:
        track = gpxpy.parse(write("gpx")).tracks[0]
        self.assertEqual((track.name, track.segments), (IMEI, []))

    def test_elements_stand_in_the_order_of_the_schema(self) -> None:
        text = write(
            "gpx",
            report(position(0, altitude_m=4, speed_kmh=36, heading_deg=360, hdop=1)),
        )
        root = ET.fromstring(text)
        self.assertEqual((root.tag, root.get("version")), (GPX + "gpx", "1.1"))
        (point,) = root.iter(GPX + "trkpt")
        self.assertEqual(
            [(element.tag, element.text) for element in point],
            [
                (GPX + "ele", "4.0"),
                (GPX + "time", "2026-01-31T12:00:00Z"),
                (GPX + "hdop", "1.0"),
                (GPX + "extensions", None),
            ],
        )
        (extension,) = point[3]
        self.assertEqual(extension.tag, POINT + "TrackPointExtension")
        self.assertEqual(
            [(element.tag, element.text) for element in extension],
            [(POINT + "speed", "10.0"), (POINT + "course", "0.0")],
        )

    def test_no_extension_without_speed_and_course(self) -> None:
        text = write("gpx", report(position(0)), report(position(1, heading_deg=5)))
        self.assertEqual(text.count("<extensions>"), 1)
        self.assertNotIn("speed", text)

    def test_long_track_is_written_as_it_comes(self) -> None:
        out = io.StringIO()
        writer = WRITERS["gpx"](out, {"imei": IMEI})
        for second in range(1100):
            writer.report(report(position(second)))
        self.assertIn("2026-01-31T12:01:39Z", out.getvalue())
        writer.finish()
        self.assertEqual(
            len(gpxpy.parse(out.getvalue()).tracks[0].segments[0].points), 1100
        )

    def test_date_line_is_written_as_the_schema_wants_it(self) -> None:
        self.assertIn('lon="-180.0"', write("gpx", report(position(0, longitude=180))))

    @given(any_records, any_text)
    def test_reads_back_equal(self, records: list[dict[str, Any]], name: str) -> None:
        expected = steps(records)
        (track,) = gpxpy.parse(write("gpx", *records, name=name)).tracks
        found = [
            (n == 0, p.time, p.longitude % 360, p.latitude, p.elevation)
            for segment in track.segments
            for n, p in enumerate(segment.points)
        ]
        self.assertEqual(
            found,
            [
                (s, p.moment, p.longitude % 360, p.latitude, p.altitude_m)
                for s, p in expected
            ],
        )


class KmlTests(SynchronousTestCase):
    def test_empty_is_a_document_with_a_name(self) -> None:
        root = ET.fromstring(write("kml", name="<van> & co\x1b"))
        self.assertEqual(root.tag, KML + "kml")
        (document,) = root
        self.assertEqual(document.findtext(KML + "name"), f"{IMEI} <van> & co")
        self.assertEqual(len(document), 1)

    @given(any_records)
    def test_reads_back_equal(self, records: list[dict[str, Any]]) -> None:
        expected = steps(records)
        found = []
        for placemark in ET.fromstring(write("kml", *records)).iter(KML + "Placemark"):
            (track,) = placemark.iter(GX + "Track")
            tags = [element.tag for element in track]
            # The schema wants all times before the first place.
            half = len(tags) // 2
            self.assertEqual(tags, [KML + "when"] * half + [GX + "coord"] * half)
            times = [element.text for element in track[:half]]
            places = [element.text or "" for element in track[half:]]
            for n, (time, place) in enumerate(zip(times, places, strict=True)):
                found.append((n == 0, time, *map(float, place.split())))
        self.assertEqual(
            found,
            [
                (s, p.time, p.longitude, p.latitude, p.altitude_m or 0)
                for s, p in expected
            ],
        )


class TextTests(SynchronousTestCase):
    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_decimal_has_no_exponent_and_loses_nothing(self, value: float) -> None:
        text = decimal(value)
        self.assertNotIn("e", text)
        self.assertEqual(float(text), value)

    @given(any_text)
    def test_any_text_fits_into_xml(self, text: str) -> None:
        cleaned = xml_text(text)
        self.assertTrue(set(cleaned) <= set(text))
        writer = io.StringIO()
        xml = exports._Xml(writer)
        xml.leaf("a", text)
        self.assertEqual(ET.fromstring(writer.getvalue()).text or "", cleaned)
