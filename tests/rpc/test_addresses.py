from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError
from gatewaykit.rpc.addresses import Address, is_loopback, join, parse


class AddressTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for text, expected in (
            ("unix:/run/a:b=c.sock", Address(path="/run/a:b=c.sock")),
            ("unix:gk.sock", Address(path="gk.sock")),
            ("tcp:host.example:7600", Address(host="host.example", port=7600)),
            ("tcp:[::1]:7600", Address(host="::1", port=7600)),
            ("tls:192.0.2.1:65535", Address(host="192.0.2.1", port=65535, tls=True)),
        ):
            self.assertEqual(parse(text), expected)

    def test_others_are_refused(self) -> None:
        for text in (
            "",
            "unix:",
            "unix:gk.sock:mode=660",
            "tcp:host",
            "tcp::7600",
            "tcp:host:0",
            "tcp:host:65536",
            "tcp:::1:7600",
            "tcp:host:7600:timeout=3",
            "tcp:a b:1",
            "ssl:host:1",
            "host:7600",
        ):
            with self.assertRaises(MisuseError) as caught:
                parse(text)
            self.assertEqual(caught.exception.value, text)

    def test_what_others_could_read(self) -> None:
        private = {
            text: parse(text).is_private for text in ("unix:s", "tls:h:1", "tcp:h:1")
        }
        self.assertEqual(private, {"unix:s": True, "tls:h:1": True, "tcp:h:1": False})

    def test_loopback(self) -> None:
        for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1"):
            self.assertTrue(is_loopback(host))
        for host in ("", "192.0.2.1", "localhost.example", "0.0.0.0", "::"):
            self.assertFalse(is_loopback(host))

    @given(
        st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True) | st.ip_addresses().map(str),
        st.integers(1, 65535),
        st.booleans(),
    )
    def test_joined_parts_come_back(self, host: str, port: int, tls: bool) -> None:
        found = parse(join(host, port, tls=tls))
        self.assertEqual(found, Address(host=host, port=port, tls=tls))
