"""The variables of the mount's firmware dialects (facts/tts160.md 3.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

DIALECTS: Final = ("v356", "v356b", "v357")

_TABLE = """
name                type, number in v356, v356b, v357, content

T  tracking
  H_TICKS             i  1  1  1  Encoder/step count of the horizontal (azimuth) axis
  E_TICKS             i  2  2  2  Encoder/step count of the elevation axis
  R_TICKS             i  3  3  3  Step count of the optional field rotator
  TRACKING_ON         B  4  4  4  1 while the mount follows the sky
  ROTATOR_ON          B  5  5  5  1 when the field rotator is in use
  MOTOR_H_ON          B  6  6  6  1 when the horizontal motor is energised
  MOTOR_E_ON          B  7  7  7  1 when the elevation motor is energised
  MOVING_H            B  8  8  8  1 while the horizontal axis is in motion
  MOVING_E            B  9  9  9  1 while the elevation axis is in motion
  DIRECTION_H         b 10 10 10  Signed sense of rotation of the horizontal axis
  DIRECTION_E         b 11 11 11  Signed sense of rotation of the elevation axis
  COLLISION           B 12 12 12  1 after a collision has been detected
  MERIDIAN_FLIP       B 13 13  -  1 when a meridian flip is required (dropped in v357)
  TRACKING_MODE       B 14 14 13  Tracking mode selector (codes not published)
  TRACKING_RATE       B 15 15 14  Drive rate selector: 0 sidereal, 1 lunar, 2 solar
  CUSTOM_RATE_TRACK   B 16 16 15  1 when user-defined rates are being applied
  RA                  f 17 17 16  Pointing right ascension in radians; may need reduction modulo 2*pi
  DEC                 f 18 18 17  Pointing declination in radians
  TARGET_RA           f 19 19 18  Right ascension of the stored target in radians
  TARGET_DEC          f 20 20 19  Declination of the stored target in radians
  TARGET_H            i  - 21 20  Stored target expressed as horizontal-axis ticks
  TARGET_E            i  - 22 21  Stored target expressed as elevation-axis ticks
  CUSTOM_RATE_RA      f 21 23 22  User right-ascension rate offset
  CUSTOM_RATE_DEC     f 22 24 23  User declination rate offset
  GOTO_H_TICKS        i 23 25 24  Horizontal tick count at which the running goto ends
  GOTO_E_TICKS        i 24 26 25  Elevation tick count at which the running goto ends
  GOTO_R_TICKS        i 25 27 26  Rotator tick count at which the running goto ends
  MSECS               I 26 28 27  Free-running firmware clock; 960 counts per second, not 1000
  START_TIME          I 27 29 28  Value of the firmware clock when tracking began
  SOUTH_ANGLE         f 28 30 29  Angle assigned to due south, radians
  INITIAL_FIELD_ROT   f 29 31 30  Field rotation angle at the start of tracking
  ALIGNMENT_MATRIX    m 30 32  -  Alignment rotation, 3x3 row-major, nine 4-byte floats
  INV_MATRIX          m 31 33  -  Inverse of the alignment rotation, same layout
  ALIGNMENT_QUAT      q  -  - 31  Alignment rotation as four floats ordered w,x,y,z
  INV_QUAT            q  -  - 32  Inverse alignment rotation as four floats ordered w,x,y,z

C  control
  GOTO_SPEED_H        B  1  1  1  Goto speed setting, horizontal axis
  GOTO_SPEED_E        B  2  2  2  Goto speed setting, elevation axis
  GUIDE_SPEED_H       B  3  3  3  Guide speed setting, horizontal axis
  GUIDE_SPEED_E       B  4  4  4  Guide speed setting, elevation axis
  PARK_FLAG           B  5  5  5  Non-zero when parked
  CUSTOM_PARK_POS     B  6  6  6  1 when a user park position is stored
  LANGUAGE            B  7  7  7  Hand-pad language index
  CHOSEN_LOCATION     B  8  8  8  Index of the active stored site
  GOTO_ABORT          B  9  9  9  Set to request that a goto stops
  SPEED_MODE          B 10 10 10  Speed versus step operating mode
  DRIFT_MODE          B 11 11 11  Drift mode selector
  CATALOG_CHOICE      B 12 12 12  Catalogue selected on the hand pad
  COORD_CHOICE        B 13 13 13  Coordinate system selected on the hand pad
  ERROR_CODE          B 14 14 14  Last firmware error number
  PARK_AZ             f 15 15 15  Park azimuth in radians
  PARK_ALT            f 16 16 16  Park altitude in radians
  LONGITUDE           f 17 17 17  Site longitude in radians (sign convention unpublished; check against :Gg#)
  LATITUDE            f 18 18 18  Site latitude in radians, north positive
  TIMEZONE            b 19 19 19  Time-zone offset in hours
  DATE_YEAR           H 20 20 20  Calendar year
  DATE_MONTH          B 21 21 21  Calendar month
  DATE_DAY            B 22 22 22  Day of month
  TIME_HOUR           B 23 23 23  Clock hour
  TIME_MINUTE         B 24 24 24  Clock minute
  TIME_SECOND         B 25 25 25  Clock second

M  mount
  TELESCOPE_MOUNTING  B  1  1  1  Mounting type code
  BACKLASH_H          h  2  2  -  Backlash take-up, horizontal, ticks
  BACKLASH_E          h  3  3  -  Backlash take-up, elevation, ticks
  GUIDE_CORR_H        h  4  4  2  Guide correction, horizontal, ticks
  GUIDE_CORR_E        h  5  5  3  Guide correction, elevation, ticks
  BACKLASH_ON         B  6  6  -  1 when backlash take-up is active
  PEC_ON              B  7  7  -  1 when periodic-error correction is active
  CABLE_TWIST_ALARM   B  8  8  4  1 when the cable-wrap alarm is enabled or raised
  AZ_NORM_COUNTER     b  9  9  5  Number of azimuth wraps
  MOTOR_DIR_H         B 10 10  6  Configured motor polarity, horizontal
  MOTOR_DIR_E         B 11 11  7  Configured motor polarity, elevation
  TICKS_PER_ROUND_H   i 12 12  8  Ticks for one full turn, horizontal
  TICKS_PER_ROUND_E   i 13 13  9  Ticks for one full turn, elevation
  WORMGEAR_TICKS_H    i 14 14 10  Ticks for one worm turn, horizontal
  WORMGEAR_TICKS_E    i 15 15 11  Ticks for one worm turn, elevation
  FLIP_LIMIT_WEST     i 16 16  -  West limit for a flip, ticks
  FLIP_LIMIT_EAST     i 17 17  -  East limit for a flip, ticks
  FIELD_ROT_TICKS     i 18 18 12  Rotator scale, ticks
  FIELD_ROT_RANGE     i 19 19 13  Rotator travel, ticks
  FIELD_ROT_ANGLE     f 20 20  -  Field rotation angle
  FIELD_ROT_ANGLE     f  -  - 14  Field rotation angle, radians
  FIELD_ROT_DIRECTION B 21 21 15  Rotator sense
  CLOCK_FREQ          I 22 22  -  Motor timer frequency in Hz (57600 in drivers)
  CLOCK_FREQ          I  -  - 16  Motor timer frequency in Hz

A  alignment
  ALIGN_STATUS        B  -  -  1  Alignment state code
  START_SID_TIME      f  -  -  2  Sidereal time at start
  ALIGN_SID_TIME      f  -  -  3  Sidereal time of the alignment
  STAR1_H_TICKS       i  -  -  4  Horizontal ticks recorded for alignment star 1
  STAR1_E_TICKS       i  -  -  5  Elevation ticks recorded for alignment star 1
  STAR2_H_TICKS       i  -  -  6  Horizontal ticks recorded for alignment star 2
  STAR2_E_TICKS       i  -  -  7  Elevation ticks recorded for alignment star 2
  STAR3_H_TICKS       i  -  -  8  Horizontal ticks recorded for alignment star 3
  STAR3_E_TICKS       i  -  -  9  Elevation ticks recorded for alignment star 3
  STAR1_RA            f  -  - 10  Right ascension of alignment star 1, radians
  STAR1_DEC           f  -  - 11  Declination of alignment star 1, radians
  STAR2_RA            f  -  - 12  Right ascension of alignment star 2, radians
  STAR2_DEC           f  -  - 13  Declination of alignment star 2, radians
  STAR3_RA            f  -  - 14  Right ascension of alignment star 3, radians
  STAR3_DEC           f  -  - 15  Declination of alignment star 3, radians
  POINT_COUNT         B  -  - 16  How many alignment points are valid, 0 to 3
  POINT_FLAGS         B  -  - 17  Bits 0-2: per-point 'sat' flags, bits 3-5: per-point manual flags
  STAR1_TIMESTAMP     I  -  - 18  Firmware clock (960 Hz) when point 1 was captured
  STAR2_TIMESTAMP     I  -  - 19  Firmware clock (960 Hz) when point 2 was captured
  STAR3_TIMESTAMP     I  -  - 20  Firmware clock (960 Hz) when point 3 was captured
  RMS_ERROR           f  -  - 21  Residual of the alignment model, arcseconds
  MODEL_VALID         B  -  - 22  1 when the alignment model may be used

L  LX200 state
  GOTO_OBJECT         B  -  -  1  Goto-object request flag
  STOP_GOTO           B  -  -  2  Stop-goto request flag
  SLEW_SPEED          B  -  -  3  Selected slew speed
  SLEW_DIRECTION      B  -  -  4  Selected slew direction
  SLEWING             B  -  -  5  1 while slewing
  GOTO_ACTIVE         B  -  -  6  1 while a goto runs
  SYNC                B  -  -  7  Sync request flag
  PARK_CMD            B  -  -  8  Park request flag
  OBJECT_RA           f  -  -  9  RA received by :Sr, radians
  OBJECT_DEC          f  -  - 10  Declination received by :Sd, radians
  SYNC_TARGET_RA      f  -  - 11  RA used by the last sync, radians
  SYNC_TARGET_DEC     f  -  - 12  Declination used by the last sync, radians

O  motors
  H_JERK              H  -  -  1  Jerk setting, horizontal motor
  E_JERK              H  -  -  2  Jerk setting, elevation motor
  H_ACTIVE            B  -  -  3  1 when the speed controller runs, horizontal motor
  E_ACTIVE            B  -  -  4  1 when the speed controller runs, elevation motor
  H_POSIT_ACTIVE      B  -  -  5  1 when the position controller runs, horizontal motor
  E_POSIT_ACTIVE      B  -  -  6  1 when the position controller runs, elevation motor
  H_DENOMINATOR       H  -  -  7  Rate-fraction denominator, horizontal motor
  E_DENOMINATOR       H  -  -  8  Rate-fraction denominator, elevation motor
  H_NUM_FINAL         H  -  -  9  Rate-fraction numerator wanted, horizontal motor
  E_NUM_FINAL         H  -  - 10  Rate-fraction numerator wanted, elevation motor
  H_NUM_CURR          H  -  - 11  Rate-fraction numerator now, horizontal motor
  E_NUM_CURR          H  -  - 12  Rate-fraction numerator now, elevation motor
  H_POSIT_INIT        f  -  - 13  Position at the start of the move, horizontal motor
  E_POSIT_INIT        f  -  - 14  Position at the start of the move, elevation motor
  H_POSIT_FINAL       f  -  - 15  Position at the end of the move, horizontal motor
  E_POSIT_FINAL       f  -  - 16  Position at the end of the move, elevation motor

D  display
  DISPLAY_SCROLL      B  -  -  1  Hand-pad scrolling flag
  UPDATE_SCREEN       B  -  -  2  Redraw request flag
  CURRENT_MENU_ITEM   B  -  -  3  Menu entry shown
  OLD_MENU_ITEM       B  -  -  4  Menu entry shown before
  ARROW_ON_HANDPAD    B  -  -  5  Arrow-key indicator

X  computed
  CURRENT_ALT         f  1  1  1  Altitude in radians; reading it forces a position update (about 10 ms)
  CURRENT_AZ          f  2  2  2  Azimuth in radians; reading it forces a position update (about 10 ms)
  FREE_MEM            H  3  3  3  Unused RAM in bytes
"""
# The categories A, L, O and D of v356 and v356b are unpublished. The unit of
# FIELD_ROT_ANGLE and the value of CLOCK_FREQ are documented for one dialect each.


@attrs.frozen
class Row:
    """A variable as the table has it; `numbers` are by `DIALECTS`, None where it is not."""

    category: str
    name: str
    type: str
    numbers: tuple[int | None, ...]
    description: str


def _rows() -> Iterator[Row]:
    category = ""
    for line in _TABLE.splitlines():
        if line.startswith("  "):
            name, type, *cells, description = line.split(maxsplit=2 + len(DIALECTS))
            numbers = tuple(None if cell == "-" else int(cell) for cell in cells)
            yield Row(category, name, type, numbers, description)
        else:
            category = line[:1]


ROWS: Final = tuple(_rows())
