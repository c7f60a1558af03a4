"""`SerialManager` as a client of a gateway."""

from __future__ import annotations

import math
import struct
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import serverFromString
from twisted.internet.threads import deferToThread

from gatewaykit.compat.tts160_serial import (
    CommandType,
    ConnectionError,  # noqa: A004 - the API's name
    ResponseError,
    SerialManager,
)
from gatewaykit.rpc.mount_answers import MountAnswers
from gatewaykit.rpc.server import RpcFactory
from gatewaykit.testing import MemoryMount, MemoryStore
from gatewaykit.tts160.registry import Registry
from gatewaykit.tts160.variables import Dialect
from tests.compat.mounts import Asking, GatewayTestCase, ThreadedMount, reactor
from tests.compat.test_tts160_ways import CASE_2
from tests.ptys import until

RA, DEC = "05:47:12#", "-05*23:28#"


class GatewayTests(GatewayTestCase):
    async def connected(self, endpoint: str) -> SerialManager:
        manager = SerialManager()
        self.addCleanup(deferToThread, manager.cleanup)
        await deferToThread(manager.connect, endpoint)
        return manager

    async def mounted(self, dialect: Dialect = Dialect.V356) -> SerialManager:
        self.mount = ThreadedMount(dialect)
        self.addCleanup(self.mount.close)
        self.endpoint = await self.serve(self.mount)
        return await self.connected(self.endpoint)

    async def test_blocks(self) -> None:
        manager = await self.mounted()
        self.mount.answer(b":*!2#", b"CASE:2\n" + CASE_2)
        self.mount.answer(b":*!5#", b"CASE:5\n" + struct.pack("<9f", *range(9)))
        get: Any = manager.get_case_data
        blocks = [await deferToThread(get, number) for number in (2, 5)]
        self.assertEqual(blocks[0]["park_az"], 200.0)
        self.assertEqual(blocks[1], [[*map(float, range(9))]])
        manager.register_binary_format("case2", "5i2f", [*"abcdefg"])
        case = await deferToThread(manager.send_command, ":*!2#")
        self.assertEqual(case, dict(zip("abcdefg", blocks[0].values(), strict=True)))
        self.assertEqual(await deferToThread(manager.get_case_data, 2), case)
        # Formats are kept on this side.
        other = await self.connected(self.endpoint)
        case = await deferToThread(other.send_command, ":*!2#")
        self.assertEqual(case, [120, 130, 40, 45, 1, 200.0, 30.0])

    async def test_floats_that_are_no_numbers(self) -> None:
        """JSON has none; a caller of the serial port gets them as they are."""
        manager = await self.mounted()
        nan = struct.pack("<f", math.nan)
        self.mount.answer(b":*!G T17#", b"BINARY:1f\n" + nan)
        self.mount.answer(b":*!G T30#", b"BINARY:1m\n" + 9 * nan)
        send: Any = manager.send_command
        (value,) = await deferToThread(send, ":*!G T17#")
        (matrix,) = await deferToThread(send, ":*!G T30#")
        self.assertEqual([type(part) for part in (value, *matrix)], [float] * 10)
        self.assertTrue(all(map(math.isnan, (value, *matrix))))

    async def test_counting_and_clearing(self) -> None:
        manager = await self.mounted()
        await deferToThread(manager.connect, self.endpoint, 19_200)
        self.assertEqual(manager.connection_count, 2)
        with self.assertRaisesRegex(ValueError, "gateway.sock"):
            manager.connect("tcp:127.0.0.1:7600")
        self.mount.say(b"12:34:56#")
        await deferToThread(manager.clear_buffers)
        self.assertEqual(await deferToThread(manager.send_command, ":GR#"), RA)
        manager.disconnect()
        self.assertTrue(manager.is_connected)
        manager.disconnect()
        self.assertFalse(manager.is_connected)
        with self.assertRaisesRegex(ConnectionError, "not connected"):
            manager.send_command(":GR#")

    async def test_errors(self) -> None:
        manager = await self.mounted()
        self.mount.answer(b":CM#", None)
        with self.assertRaisesRegex(ConnectionError, "did not answer :CM#"):
            await deferToThread(manager.send_command, ":CM#")
        self.mount.answer(b":CM#", b"BINARY:2z\n")
        with self.assertRaises(ResponseError):
            await deferToThread(manager.send_command, ":CM#")
        self.assertEqual(await deferToThread(manager.send_command, ":GD#"), DEC)

    async def test_a_stop_waits_for_nobody(self) -> None:
        manager = await self.mounted()
        self.mount.answer(b":CM#", None)
        sync = Asking(manager.send_command, ":CM#")
        await deferToThread(self.mount.wait_for, b":CM#")
        way: Any = manager._way
        slew = Asking(manager.send_command, ":MS#", CommandType.BOOL)
        await until(reactor, lambda: len(way._turns._waiting) == 1)
        self.assertEqual(await deferToThread(manager.send_command, ":Q#"), "")
        await deferToThread(self.mount.wait_for, b":Q#")
        with self.assertRaisesRegex(ResponseError, "stopped by"):
            await deferToThread(slew.wait)
        self.mount.say(b"Coordinates matched.#")
        result = await deferToThread(sync.wait)
        self.assertEqual(result, "Coordinates matched.#")
        self.assertNotIn(b":MS#", self.mount.heard)

    async def test_cleanup_ends_what_waits(self) -> None:
        manager = await self.mounted()
        self.mount.answer(b":CM#", None)
        sync = Asking(manager.send_command, ":CM#")
        await deferToThread(self.mount.wait_for, b":CM#")
        way: Any = manager._way
        read = Asking(manager.send_command, ":GR#")
        await until(reactor, lambda: len(way._turns._waiting) == 1)
        manager.cleanup()
        for asking in (sync, read):
            with self.assertRaisesRegex(ConnectionError, "closed meanwhile"):
                await deferToThread(asking.wait)
        self.assertFalse(manager.is_connected)

    async def test_twenty_threads(self) -> None:
        manager = await self.mounted()
        for number in range(1, 21):
            answer = b"BINARY:2B\n#" + bytes([number])
            self.mount.answer(b":*!G T%d#" % number, answer)

        def ask(number: int) -> list[Any]:
            return [manager.send_command(f":*!G T{number}#") for _ in range(3)]

        got = await gatherResults([deferToThread(ask, n) for n in range(1, 21)])
        self.assertEqual(got, [[[ord("#"), number]] * 3 for number in range(1, 21)])

    async def test_no_gateway_and_no_mount(self) -> None:
        manager = SerialManager()
        with self.assertRaisesRegex(ConnectionError, "no connection to unix:/nobody"):
            await deferToThread(manager.connect, "unix:/nobody/is/here")
        endpoint = await self.answering(None, "tcp:0:interface=127.0.0.1")
        with self.assertRaisesRegex(ConnectionError, "no mount is configured"):
            await deferToThread(manager.connect, endpoint)
        self.assertEqual((manager.is_connected, manager.connection_count), (False, 0))

    async def test_a_viewer_may_look(self) -> None:
        """Over plain TCP a client has no other role."""
        mount = MemoryMount()
        endpoint = await self.answering(mount, "tcp:0:interface=127.0.0.1")
        manager = await self.connected(endpoint)
        self.assertIn("park_az", await deferToThread(manager.get_case_data, 2))
        text = await deferToThread(manager.send_command, ":GR#")
        self.assertRegex(str(text), "#$")
        with self.assertRaisesRegex(ConnectionError, "needs role operator"):
            await deferToThread(manager.send_command, ":MS#")

    async def test_a_gateway_that_goes_and_comes_back(self) -> None:
        mount = MemoryMount()
        endpoint = await self.answering(mount, "tcp:0:interface=127.0.0.1")
        manager = await self.connected(endpoint)
        self.factory.close_all()
        await self.port.stopListening()
        with self.assertRaises(ConnectionError):
            await deferToThread(manager.get_case_data, 2)
        self.assertFalse(manager.is_connected)
        number = endpoint.rpartition(":")[2]
        await self.answering(mount, f"tcp:{number}:interface=127.0.0.1")
        self.assertIn("park_az", await deferToThread(manager.get_case_data, 2))
        self.assertTrue(manager.is_connected)

    async def answering(self, mount: MemoryMount | None, text: str) -> str:
        """The endpoint of a gateway with a mount in memory, or none."""
        answers = MountAnswers(mount, Registry).table()
        self.factory = RpcFactory(answers, MemoryStore(reactor), reactor)
        self.port = await serverFromString(reactor, text).listen(self.factory)
        self.addCleanup(self.port.stopListening)
        self.addCleanup(self.factory.close_all)
        return f"tcp:127.0.0.1:{self.port.getHost().port}"
