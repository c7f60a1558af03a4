"""The client of the SIM7600 daemon of 2025, as facts/sim7600.md 1 has it, to the byte.

One `recv(4096)` is one reply, sockets have no time limit, requests are `json.dumps` by
default, and an answer with `success` but without `result` is a `KeyError` in the caller.
"""

from __future__ import annotations

import json
import socket
from typing import Any


class OldClient:
    def __init__(self, host: str = "localhost", port: int = 7600) -> None:
        self.host = host
        self.port = port
        self.socket: socket.socket | None = None
        self.failures: list[Exception] = []
        self.sent: list[bytes] = []
        self.received: list[bytes] = []

    def _connect(self) -> bool:
        try:
            if self.socket is None:
                self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                self.socket.connect((self.host, self.port))
        except OSError as error:
            self.failures.append(error)
            self.socket = None
            return False
        return True

    def _send_request(self, method: str) -> dict[str, Any]:
        if not self._connect():
            return {"success": False, "error": "Not connected to daemon"}
        assert self.socket is not None
        try:
            self.sent.append(json.dumps({"method": method}).encode("utf-8"))
            self.socket.send(self.sent[-1])
            self.received.append(self.socket.recv(4096))
            reply: dict[str, Any] = json.loads(self.received[-1].decode("utf-8"))
        except (OSError, ValueError) as error:
            self.failures.append(error)
            self.close()
            return {"success": False, "error": str(error)}
        return reply

    def get_network_status(self) -> dict[str, Any]:
        reply = self._send_request("get_network_status")
        if reply.get("success"):
            result: dict[str, Any] = reply.get("result", {})
            return result
        return {}

    def get_gnss_location(self) -> tuple[bool, dict[str, Any] | None]:
        reply = self._send_request("get_gnss_location")
        if reply.get("success"):
            result = reply["result"]
            return result["success"], result["data"]
        return False, None

    def is_available(self) -> bool:
        reply = self._send_request("is_available")
        return bool(reply.get("success") and reply.get("result", False))

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def __del__(self) -> None:
        self.close()
