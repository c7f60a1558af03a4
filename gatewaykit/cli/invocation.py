"""What the options that all verbs share say, and the door from there to the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from gatewaykit.cli.connection import Connect, Gateway, React
    from gatewaykit.rpc.client import GatewayClient

T = TypeVar("T")
Command = TypeVar("Command", bound=click.Command)


@dataclass
class Invocation:
    """One run of `gatewayctl`. Tests hand in a `connect` and a `react` of their own."""

    endpoint: str | None = None
    as_json: bool = False
    connect: Connect | None = None
    react: React | None = None

    def run_with_gateway(
        self, body: Callable[[Gateway], Coroutine[Deferred[Any], Any, T]]
    ) -> T:
        """Run `body`, which connects by itself."""
        # Not before a connection is wanted: it brings Twisted and the settings.
        from gatewaykit.cli import connection  # noqa: PLC0415
        from gatewaykit.rpc import client  # noqa: PLC0415

        endpoint = self.endpoint or connection.default_endpoint()
        connect = self.connect or client.connect
        react = self.react or connection.run
        result: T = react(
            lambda reactor: body(connection.Gateway(endpoint, reactor, connect))
        )
        return result

    def run(self, body: Callable[[GatewayClient], Awaitable[T]]) -> T:
        """Run `body` with a connection that is closed afterwards."""

        async def connected(gateway: Gateway) -> T:
            client = await gateway.connect()
            try:
                return await body(client)
            finally:
                await client.close()

        return self.run_with_gateway(connected)


def _remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    invocation = context.ensure_object(Invocation)
    if value and option.name is not None:
        setattr(invocation, option.name, value)


def client_options(command: Command) -> Command:
    """`--endpoint` and `--json`, which work before the verb and after it.

    What stands after the verb wins.
    """
    return _with_options(command, None)


def outer_options(command: Command) -> Command:
    """The same for `gatewayctl` itself, with the environment, which so comes last."""
    return _with_options(command, "GATEWAYKIT_ENDPOINT")


def _with_options(command: Command, variable: str | None) -> Command:
    command.params += [
        click.Option(
            ["--endpoint"],
            metavar="ENDPOINT",
            expose_value=False,
            callback=_remember,
            envvar=variable,
            help="Where the gateway listens: unix:PATH or tcp:HOST:PORT "
            "(default: $GATEWAYKIT_ENDPOINT, else the default socket).",
        ),
        click.Option(
            ["--json", "as_json"],
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Write JSON, one object a line.",
        ),
    ]
    return command
