"""The examples of the documentation of 2025, as they stand."""

from __future__ import annotations

import logging
import sys
from typing import Any

from gatewaykit.compat import tts160_serial, tts160_types
from gatewaykit.compat.tts160_serial import BinaryParser, CommandType, ResponseError
from gatewaykit.tts160.variables import Dialect
from tests.compat.mounts import MountTestCase
from tests.compat.test_tts160_ways import CASE_2

PORT = "/dev/ttyUSB0"
"""As all examples have it."""
CASE_2_NAMES = [
    *("goto_speed_h", "goto_speed_e", "guide_speed_h"),
    *("guide_speed_e", "park_flag", "park_az", "park_alt"),
]

QUICK_START = """
from tts160_serial import SerialManager
from tts160_types import CommandType
import logging

# Initialize
logger = logging.getLogger(__name__)
serial_mgr = SerialManager(logger)

# Connect and use
serial_mgr.connect('/dev/ttyUSB0')
response = serial_mgr.send_command(':GR#', CommandType.STRING)
case_data = serial_mgr.get_case_data(2)
serial_mgr.disconnect()
"""
CONTEXT = """
with SerialManager(logger) as serial_mgr:
    serial_mgr.connect('/dev/ttyUSB0')
    result = serial_mgr.send_command(':GR#')
    # Automatic cleanup on exit
"""
COMMANDS = """
# String command
ra = serial_mgr.send_command(':GR#', CommandType.STRING)

# Multi-variable query
data = serial_mgr.send_command(':*!G T1,2,C5#', CommandType.AUTO)
"""
FORMATS = """
# Register format for case 2: 5 ints + 2 floats
serial_mgr.register_binary_format(
    'case2',
    '5i2f',
    ['goto_speed_h', 'goto_speed_e', 'guide_speed_h',
     'guide_speed_e', 'park_flag', 'park_az', 'park_alt']
)

# Register format for multi-variable response
serial_mgr.register_binary_format(
    'tracking_basic',
    '2i1f',
    ['h_ticks', 'e_ticks', 'ra_position']
)
"""
MIGRATION = """
# New flexible approach
motor_data = serial_mgr.send_command(':*!G C1,2,3,4,5#')
# Gets goto_speed_h, goto_speed_e, guide_speed_h, guide_speed_e, park_flag

# Mix with real-time data
current_state = serial_mgr.send_command(':*!G T1,2,17,18,X1,2#')
# Gets h_ticks, e_ticks, ra, dec, current_alt, current_az
"""
ERRORS = """
try:
    with SerialManager(logger) as serial_mgr:
        serial_mgr.connect('/dev/ttyUSB0')

        # Multi-variable query
        tracking_data = serial_mgr.send_command(':*!G T1,2,4,17,18#')

except BinaryFormatError as e:
    logger.error(f"Format error: {e}")
    # Handle format registration issues

except ResponseError as e:
    logger.error(f"Response parsing error: {e}")
    # Handle malformed responses

except ConnectionError as e:
    logger.error(f"Communication error: {e}")
    # Implement retry logic or fallback
"""
BASIC = """
import logging
from tts160_serial import SerialManager

logger = logging.getLogger(__name__)

with SerialManager(logger) as serial_mgr:
    serial_mgr.connect('/dev/ttyUSB0')

    # Get current position and status in one command
    status = serial_mgr.send_command(':*!G T1,2,4,17,18,X1,2#')
    # Returns: [h_ticks, e_ticks, tracking_on, ra, dec, alt, az]

    print(f"Position: RA={status[3]:.4f}, DEC={status[4]:.4f}")
    print(f"Alt/Az: {status[5]:.2f}°, {status[6]:.2f}°")
"""
MATRICES = """
# Get alignment transformation matrices
matrices = serial_mgr.send_command(':*!G T32,33#')
alignment_matrix = matrices[0]  # 9-element transformation matrix
inverse_matrix = matrices[1]    # 9-element inverse matrix
"""
REGISTRATION = """
# Register format for specific variable combination
serial_mgr.register_binary_format(
    'position_status',
    '2i2fB',  # 2 ints, 2 floats, 1 byte
    ['h_ticks', 'e_ticks', 'ra', 'dec', 'tracking']
)

# Use with corresponding multi-variable query
pos_data = serial_mgr.send_command(':*!G T1,2,17,18,4#')
# Returns: {'h_ticks': 12345, 'e_ticks': 67890, 'ra': 1.23, 'dec': 0.45, 'tracking': 1}
"""
DEBUGGING = """
# Enable verbose logging
logging.basicConfig(level=logging.DEBUG)

# Test individual variables
for var_id in range(1, 32):
    try:
        result = serial_mgr.send_command(f':*!G T{var_id}#')
        print(f"T{var_id}: {result}")
    except Exception as e:
        print(f"T{var_id} failed: {e}")

# Validate binary format parsing
raw_response = serial_mgr.send_command(':*!2#', CommandType.AUTO)
manual_parse = BinaryParser.unpack_data(binary_format, raw_data)
"""


class ExampleTests(MountTestCase):
    """As they stand, under the old module names and with the old port's name."""

    dialect = Dialect.V356B

    def setUp(self) -> None:
        super().setUp()
        self.patch(
            sys,
            "modules",
            sys.modules
            | {"tts160_serial": tts160_serial, "tts160_types": tts160_types},
        )
        self.patch(logging, "basicConfig", lambda **_: None)
        self.mount.answer(b":*!2#", b"CASE:2\n" + CASE_2)
        self.mount.do(
            lambda: self.mount.script.values.update(
                H_TICKS=12345, E_TICKS=67890, RA=1.25, DEC=0.5, PARK_FLAG=1
            )
        )
        self.printed: list[str] = []
        self.names: dict[str, Any] = {
            name: getattr(tts160_serial, name) for name in tts160_serial.__all__
        }
        self.names |= {
            "__name__": "example",
            "logging": logging,
            "logger": logging.getLogger("example"),
            "print": self.printed.append,
        }

    def run_example(self, text: str, *, connected: bool = True) -> dict[str, Any]:
        if connected:
            self.names["serial_mgr"] = self.manager()
        exec(text.replace(PORT, self.mount.path), self.names)
        return self.names

    def test_quick_start(self) -> None:
        names = self.run_example(QUICK_START, connected=False)
        self.assertEqual(names["response"], "05:47:12#")
        self.assertEqual(
            names["case_data"],
            dict(zip(CASE_2_NAMES, [120, 130, 40, 45, 1, 200.0, 30.0], strict=True)),
        )
        self.assertFalse(names["serial_mgr"].is_connected)

    def test_context(self) -> None:
        names = self.run_example(CONTEXT, connected=False)
        self.assertEqual(names["result"], "05:47:12#")
        self.assertFalse(names["serial_mgr"].is_connected)
        self.assertEqual(names["serial_mgr"].connection_count, 0)

    def test_commands(self) -> None:
        names = self.run_example(COMMANDS)
        self.assertEqual(names["ra"], "05:47:12#")
        self.assertEqual(names["data"], [12345, 67890, 1])

    def test_sidereal_time_is_no_flag(self) -> None:
        """The example that asked ``:GS#`` whether the mount tracks (facts/tts160.md 0.7)."""
        manager = self.manager()
        with self.assertRaises(ResponseError):
            manager.send_command(":GS#", CommandType.BOOL)
        state = manager.send_command(":GW#", CommandType.STRING)
        assert isinstance(state, str)
        self.assertEqual(state[1], "T")

    def test_formats(self) -> None:
        manager = self.run_example(FORMATS)["serial_mgr"]
        self.assertEqual(list(manager.send_command(":*!2#")), CASE_2_NAMES)
        self.assertEqual(list(manager.get_case_data(2)), CASE_2_NAMES)
        self.assertEqual(
            manager.send_command(":*!G T1,2,17#"),
            {"h_ticks": 12345, "e_ticks": 67890, "ra_position": 1.25},
        )

    def test_migration(self) -> None:
        names = self.run_example(MIGRATION)
        self.assertEqual(names["motor_data"], [0, 0, 0, 0, 1])
        self.assertEqual(names["current_state"][:4], [12345, 67890, 1.25, 0.5])
        self.assertAlmostEqual(names["current_state"][5], 3.141593, 5)

    def test_errors(self) -> None:
        names = self.run_example(ERRORS, connected=False)
        self.assertEqual(names["tracking_data"], [12345, 67890, 1, 1.25, 0.5])
        for port in ("/dev/nobody-has-it", self.mount.path):
            self.mount.answer(b":*!G ", b"ERROR:PARSE_ERROR\n")
            with self.assertLogs("example", "ERROR") as logged:
                exec(ERRORS.replace(PORT, port), self.names)
        self.assertIn("Response parsing error: the mount refused", logged.output[0])

    def test_basic(self) -> None:
        self.run_example(BASIC, connected=False)
        self.assertEqual(
            self.printed, ["Position: RA=1.2500, DEC=0.5000", "Alt/Az: 0.79°, 3.14°"]
        )

    def test_matrices(self) -> None:
        names = self.run_example(MATRICES)
        identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        self.assertEqual(names["alignment_matrix"], identity)
        self.assertEqual(names["inverse_matrix"], identity)

    def test_registration(self) -> None:
        names = self.run_example(REGISTRATION)
        self.assertEqual(
            names["pos_data"],
            {"h_ticks": 12345, "e_ticks": 67890, "ra": 1.25, "dec": 0.5, "tracking": 1},
        )

    def test_debugging(self) -> None:
        self.names["binary_format"] = BinaryParser.create_format("case2", "5i2f")
        self.names["raw_data"] = CASE_2
        names = self.run_example(DEBUGGING)
        self.assertEqual(names["manual_parse"], names["raw_response"])
        self.assertEqual(len(self.printed), 31)
        self.assertNotIn("failed", "".join(self.printed))
