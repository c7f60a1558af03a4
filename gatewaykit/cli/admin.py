"""`gatewayctl policy` and `acknowledge-damage`: what only an admin may do."""

from __future__ import annotations

import json

import click

from gatewaykit.cli.invocation import Invocation, client_options


@client_options
@click.command()
@click.argument("imei")
@click.argument("policy", type=click.Choice(["accepted", "quarantined", "refused"]))
@click.pass_obj
def policy(invocation: Invocation, imei: str, policy: str) -> None:
    """Accept, quarantine or refuse the device IMEI from now on.

    Accepting a device moves its quarantined reports into its history.
    """
    invocation.run(lambda client: client.set_policy(imei, policy))
    if invocation.as_json:
        print(json.dumps({"imei": imei, "policy": policy}))
    else:
        print(f"{imei} is {policy} from now on")


@client_options
@click.command()
@click.pass_obj
def acknowledge_damage(invocation: Invocation) -> None:
    """Take note of database files that were damaged and salvaged.

    Until then the gateway's health stays degraded.
    """
    count = invocation.run(lambda client: client.acknowledge_damage())
    if invocation.as_json:
        print(json.dumps({"acknowledged": count}))
    else:
        print(f"salvaged files acknowledged: {count}")
