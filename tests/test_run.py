from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.run import Result, judge, read_result, unit_tests

PASSED = """\
tests.test_x
  XTests
    test_a ...                                                             [OK]

-------------------------------------------------------------------------------
Ran 3 tests in 0.012s

PASSED (successes=3)
"""
SKIPPED = """\
===============================================================================
[SKIPPED]
no gpsd here; make test-deps gets it

tests.test_x.XTests.test_b
tests.test_x.XTests.test_c
===============================================================================
[SKIPPED]
no haproxy here

tests.test_x.XTests.test_d
-------------------------------------------------------------------------------
Ran 5 tests in 0.012s

PASSED (skips=3, successes=2)
"""
FAILED = """\
Ran 17 tests in 0.017s

FAILED (failures=1, errors=1, successes=16)
"""


class ReadResultTests(SynchronousTestCase):
    def test_passed(self) -> None:
        self.assertEqual(read_result(PASSED, 0), Result(3, 0, 0))

    def test_skipped_with_each_reason_once(self) -> None:
        self.assertEqual(
            read_result(SKIPPED, 0),
            Result(
                2, 0, 3, ("no gpsd here; make test-deps gets it", "no haproxy here")
            ),
        )

    def test_test_with_failure_and_error_counts_once(self) -> None:
        self.assertEqual(read_result(FAILED, 1), Result(16, 1, 0))

    def test_report_without_an_end_is_a_failure(self) -> None:
        self.assertEqual(read_result(PASSED[:60], 0), Result(0, 1, 0))

    def test_status_is_a_failure_whatever_the_report_says(self) -> None:
        self.assertEqual(read_result(PASSED, 1), Result(3, 1, 0))

    def test_no_tests(self) -> None:
        self.assertEqual(
            read_result("Ran 0 tests in 0.000s\n\nPASSED\n", 0), Result(0, 0, 0)
        )


class JudgeTests(SynchronousTestCase):
    def test_failed_check_is_a_failure(self) -> None:
        self.assertEqual(judge(Result(3, 0, 1), ["mypy"], in_ci=False), Result(3, 1, 1))

    def test_skip_in_ci_is_a_failure(self) -> None:
        self.assertEqual(judge(Result(3, 1, 2), [], in_ci=True), Result(3, 3, 0))

    def test_last_line(self) -> None:
        self.assertEqual(str(Result(3, 1, 2)), "3 passed, 1 failed, 2 skipped")


class UnitTestsTests(SynchronousTestCase):
    def test_integration_tests_are_left_out(self) -> None:
        names = unit_tests()
        self.assertIn("tests.gv50", names)
        self.assertIn("tests.test_run", names)
        self.assertNotIn("tests.integration", names)
        self.assertNotIn("tests.support", names)
