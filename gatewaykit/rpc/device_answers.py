"""What the gateway answers to those who say what a device is, and whether it is theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock

from gatewaykit.errors import CommandRefused, NotFound
from gatewaykit.interfaces import IFleet, IStore, Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.answers import Answer, to_its_end
from gatewaykit.rpc.device_verbs import minutes_of
from gatewaykit.vehicles import Registration


class DeviceAnswers:
    """Answers to the verbs of registrations. The fleet hears of what the store has.

    :param fleet: None where no trackers are served.
    """

    def __init__(self, store: IStore, fleet: IFleet | None) -> None:
        self._store = store
        self._fleet = fleet
        # What a device is at present is looked up before it is changed.
        self._changing = DeferredLock()

    def table(self) -> Mapping[type[verbs.Verb], Answer]:
        return {
            verbs.RegisterDevice: self.register,
            verbs.UpdateDevice: self.update,
            verbs.ClaimDevice: self.claim,
        }

    async def register(self, imei: str, **fields: Any) -> Record:
        async with self._changing:
            device = await self._store.device(imei)
            if device is not None:
                if device["policy"] == "refused":
                    reason = "it is refused; whoever refused it has to accept it"
                    raise CommandRefused(imei, "registration", reason)
                # Nothing is set by this: the record has reported names among its own.
                if await self._store.register(imei, {}) != Registration():
                    reason = "it is registered; what it is can be updated"
                    raise CommandRefused(imei, "registration", reason)
            await self._write(imei, _values(fields), accepted=True)
        return {}

    async def update(
        self, imei: str, clear: Sequence[str] | None, **fields: Any
    ) -> Record:
        async with self._changing:
            await self._device(imei)
            await self._write(imei, _values(fields, clear or ()))
        return {}

    async def claim(self, imei: str, **fields: Any) -> Record:
        async with self._changing:
            policy = (await self._device(imei))["policy"]
            if policy != "quarantined":
                reason = f"it is {policy}, not quarantined"
                raise CommandRefused(imei, "claim", reason)
            await self._write(imei, _values(fields), accepted=True)
        return {}

    async def _device(self, imei: str) -> Record:
        device = await self._store.device(imei)
        if device is None:
            raise NotFound("device", imei)
        return device

    async def _write(
        self, imei: str, values: Record, *, accepted: bool = False
    ) -> None:
        policy = "accepted" if accepted else None

        async def change() -> None:
            registration = await self._store.register(imei, values, policy)
            if self._fleet is None:
                return
            self._fleet.registered(imei, registration)
            if policy is not None:
                self._fleet.policy_changed(imei, policy)

        await to_its_end(Deferred.fromCoroutine(change()))


def _values(fields: Mapping[str, Any], clear: Sequence[str] = ()) -> Record:
    """What is given, and None for what is to be taken away, by the names of
    `Registration`."""
    values = {name: value for name, value in fields.items() if value is not None}
    values |= dict.fromkeys(clear)
    if "timezone_offset" in values:
        offset = values.pop("timezone_offset")
        values["timezone_offset_min"] = None if offset is None else minutes_of(offset)
    return values
