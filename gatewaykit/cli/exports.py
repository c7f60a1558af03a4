"""Writers of a device's history: ndjson, csv, geojson, gpx, kml.

Pure but for the stream that they write to. Each takes report records one by one, oldest
first, and keeps at most `SEGMENT_POINTS` points, so memory is flat however long the track.
A writer that was given no record writes a valid, empty document.
"""

from __future__ import annotations

import csv
import json
import re
from abc import ABC, abstractmethod
from datetime import timedelta
from decimal import Decimal
from io import TextIOBase
from typing import Any
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from gatewaykit.cli.tracks import GAP, Point, Track

Record = dict[str, Any]

CSV_COLUMNS = (
    "imei",
    "type",
    "prefix",
    "gps_time",
    "longitude",
    "latitude",
    "speed_kmh",
    "heading_deg",
    "altitude_m",
    "hdop",
    "fix",
    "received_at",
    "send_time",
    "count",
)
SEGMENT_POINTS = 10_000
"""Where a format wants a segment's times before or after all of its places, a longer
segment goes on in a next one, which begins with the same point."""

_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_GPX = "http://www.topografix.com/GPX/1/1"
_TRACK_POINT = "http://www.garmin.com/xmlschemas/TrackPointExtension/v2"
_KML = "http://www.opengis.net/kml/2.2"
_KML_EXTENSIONS = "http://www.google.com/kml/ext/2.2"


def decimal(value: float) -> str:
    """All digits and no exponent, which XML Schema's decimal does not know."""
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text


def xml_text(text: str) -> str:
    """`text` without the characters that XML cannot hold, escaped or not."""
    return _NOT_XML.sub("", text)


class Writer(ABC):
    """Writes one device's history to a text stream (UTF-8, without newline translation)."""

    def __init__(self, out: TextIOBase, device: Record, gap: timedelta = GAP) -> None:
        self.out = out
        self.imei = str(device["imei"])
        name = device.get("name")
        self.title = f"{self.imei} {name}" if name else self.imei
        self.track = Track(gap)
        self.begin()

    @abstractmethod
    def begin(self) -> None: ...

    @abstractmethod
    def report(self, record: Record) -> None:
        """Take the next record."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is left and the end of the document."""


class NdjsonWriter(Writer):
    """The report records themselves, one a line, in ASCII."""

    def begin(self) -> None:
        pass

    def report(self, record: Record) -> None:
        self.out.write(json.dumps(record, separators=(",", ":")) + "\n")

    def finish(self) -> None:
        pass


class CsvWriter(Writer):
    """One row a position, all positions (RFC 4180); not known is an empty field."""

    def begin(self) -> None:
        self._rows = csv.writer(self.out)
        self._rows.writerow(CSV_COLUMNS)

    def report(self, record: Record) -> None:
        for position in record.get("positions") or ():
            fields = record | position
            self._rows.writerow(self._cell(fields.get(name)) for name in CSV_COLUMNS)

    def finish(self) -> None:
        pass

    @staticmethod
    def _cell(value: Any) -> Any:
        return json.dumps(value) if isinstance(value, bool) else value


class _DrawnWriter(Writer):
    """Base of the formats that show points."""

    def report(self, record: Record) -> None:
        for starts, point in self.track.feed(record):
            self.point(point, starts=starts)

    def finish(self) -> None:
        for starts, point in self.track.finish():
            self.point(point, starts=starts)
        self.end()

    @abstractmethod
    def point(self, point: Point, *, starts: bool) -> None: ...

    @abstractmethod
    def end(self) -> None: ...


class _SegmentWriter(_DrawnWriter):
    """Base of the formats that need a segment as a whole."""

    def begin(self) -> None:
        self._points: list[Point] = []

    def point(self, point: Point, *, starts: bool) -> None:
        if starts:
            self._flush()
            self._points = []
        elif len(self._points) == SEGMENT_POINTS:
            self._flush()
            self._points = self._points[-1:]
        self._points.append(point)

    def end(self) -> None:
        self._flush()

    def _flush(self) -> None:
        if self._points:
            self.segment(self._points)

    @abstractmethod
    def segment(self, points: list[Point]) -> None: ...


class GeoJsonWriter(_SegmentWriter):
    """RFC 7946: a FeatureCollection with a LineString, or a lone Point, a segment.

    Altitudes are given where a segment has them throughout: readers do not expect places
    of two and three numbers in one line.
    """

    def begin(self) -> None:
        super().begin()
        self.out.write('{"type":"FeatureCollection","features":[')
        self._separator = "\n"

    def segment(self, points: list[Point]) -> None:
        places: list[list[float]] = [[p.longitude, p.latitude] for p in points]
        altitudes = [p.altitude_m for p in points if p.altitude_m is not None]
        if len(altitudes) == len(points):
            places = [
                [*place, height]
                for place, height in zip(places, altitudes, strict=True)
            ]
        feature = {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": places}
            if len(places) > 1
            else {"type": "Point", "coordinates": places[0]},
            "properties": {
                "imei": self.imei,
                "start": points[0].time,
                "end": points[-1].time,
                "coordTimes": [point.time for point in points],
            },
        }
        self.out.write(self._separator)
        self.out.write(json.dumps(feature, separators=(",", ":"), allow_nan=False))
        self._separator = ",\n"

    def end(self) -> None:
        super().end()
        self.out.write("\n]}\n")


class _Xml(XMLGenerator):
    """Writes at once what it is told; keeps no tree."""

    def __init__(self, out: TextIOBase) -> None:
        super().__init__(out, "utf-8", short_empty_elements=True)
        self.startDocument()

    def open(self, name: str, **attributes: str) -> None:
        self.startElement(name, AttributesImpl(attributes))

    def close(self, *names: str) -> None:
        for name in names:
            self.endElement(name)

    def leaf(self, name: str, text: str) -> None:
        self.open(name)
        self.characters(xml_text(text))
        self.endElement(name)

    def line(self) -> None:
        self.ignorableWhitespace("\n")


class GpxWriter(_DrawnWriter):
    """GPX 1.1: one `trk`, a `trkseg` a segment, in the schema's order of elements.

    Speed and course are no part of GPX 1.1; they stand in the extension that most readers
    know (Garmin's TrackPointExtension 2), speed in m/s.
    """

    def begin(self) -> None:
        self._xml = _Xml(self.out)
        self._in_segment = False
        attributes = {
            "version": "1.1",
            "creator": "gatewaykit",
            "xmlns": _GPX,
            "xmlns:gpxtpx": _TRACK_POINT,
        }
        self._xml.open("gpx", **attributes)
        self._xml.open("trk")
        self._xml.leaf("name", self.title)

    def point(self, point: Point, *, starts: bool) -> None:
        xml = self._xml
        if starts:
            self._end_segment()
            xml.line()
            xml.open("trkseg")
            self._in_segment = True
        xml.line()
        # The schema's longitude ends below 180.
        longitude = -180.0 if point.longitude == 180 else point.longitude
        xml.open("trkpt", lat=decimal(point.latitude), lon=decimal(longitude))
        if point.altitude_m is not None:
            xml.leaf("ele", decimal(point.altitude_m))
        xml.leaf("time", point.time)
        if point.hdop is not None:
            xml.leaf("hdop", decimal(point.hdop))
        if point.speed_kmh is not None or point.heading_deg is not None:
            xml.open("extensions")
            xml.open("gpxtpx:TrackPointExtension")
            if point.speed_kmh is not None:
                xml.leaf("gpxtpx:speed", decimal(round(point.speed_kmh / 3.6, 3)))
            if point.heading_deg is not None:
                xml.leaf("gpxtpx:course", decimal(point.heading_deg % 360))
            xml.close("gpxtpx:TrackPointExtension", "extensions")
        xml.close("trkpt")

    def end(self) -> None:
        self._end_segment()
        self._xml.close("trk", "gpx")
        self._xml.line()

    def _end_segment(self) -> None:
        if self._in_segment:
            self._xml.close("trkseg")


class KmlWriter(_SegmentWriter):
    """KML 2.2 with a `gx:Track`, which keeps each point's time, a segment."""

    def begin(self) -> None:
        super().begin()
        self._xml = _Xml(self.out)
        self._xml.open("kml", **{"xmlns": _KML, "xmlns:gx": _KML_EXTENSIONS})
        self._xml.open("Document")
        self._xml.leaf("name", self.title)

    def segment(self, points: list[Point]) -> None:
        xml = self._xml
        xml.line()
        xml.open("Placemark")
        xml.leaf("name", points[0].time)
        xml.open("gx:Track")
        for point in points:
            xml.line()
            xml.leaf("when", point.time)
        for point in points:
            xml.line()
            # Readers want three numbers; on the ground, which is the default altitude
            # mode, the third is not looked at.
            place = (point.longitude, point.latitude, point.altitude_m or 0.0)
            xml.leaf("gx:coord", " ".join(map(decimal, place)))
        xml.close("gx:Track", "Placemark")

    def end(self) -> None:
        super().end()
        self._xml.close("Document", "kml")
        self._xml.line()


WRITERS: dict[str, type[Writer]] = {
    "ndjson": NdjsonWriter,
    "csv": CsvWriter,
    "geojson": GeoJsonWriter,
    "gpx": GpxWriter,
    "kml": KmlWriter,
}
