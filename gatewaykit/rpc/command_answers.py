"""What the gateway answers to the verbs of commands to vehicles, and of the audit trail."""

from __future__ import annotations

from collections.abc import Mapping

from gatewaykit.errors import NotFound
from gatewaykit.interfaces import ICommands, IStore, Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.answers import Answer, fitting_page, to_its_end
from gatewaykit.rpc.arguments import PAGE_BYTES
from gatewaykit.rpc.sessions import Session


class CommandAnswers:
    """Answers to the verbs of commands. What was asked for can be read wherever there is a
    store.

    :param commands: None where no trackers are served.
    """

    def __init__(self, commands: ICommands | None, store: IStore) -> None:
        self._commands = commands
        self._store = store

    def table(self) -> Mapping[type[verbs.Verb], Answer]:
        return {
            verbs.QueueCommand: self.queue,
            verbs.GetCommand: self.command,
            verbs.ListCommands: self.commands,
            verbs.CancelCommand: self.cancel,
            verbs.TrustConnection: self.trust,
            verbs.ListKinds: self.kinds,
            verbs.AuditTrail: self.audit,
        }

    def _there(self) -> ICommands:
        if self._commands is None:
            raise NotFound("subsystem", "gv50")
        return self._commands

    async def queue(
        self,
        imei: str,
        kind: str,
        parameters: Record | None,
        expires_in: float | None,
        override: str | None,
        session: Session,
    ) -> Record:
        queued = self._there().queue(
            session.principal, imei, kind, parameters or {}, expires_in, override
        )
        return {"command": await to_its_end(queued)}

    async def command(self, id: str) -> Record:
        command = await self._store.command(id)
        if command is None:
            raise NotFound("command", id)
        return {"command": command}

    async def commands(
        self,
        imei: str | None,
        status: str | None,
        cursor: str | None,
        limit: int | None,
    ) -> Record:
        return await fitting_page(
            lambda most: self._store.commands(imei, status, cursor, most, PAGE_BYTES),
            limit,
        )

    async def cancel(self, id: str, session: Session) -> Record:
        ended = self._there().cancel(session.principal, id)
        return {"command": await to_its_end(ended)}

    async def trust(self, imei: str, session: Session) -> Record:
        await to_its_end(self._there().trust(session.principal, imei))
        return {}

    async def kinds(self) -> Record:
        return {"kinds": self._there().kinds()}

    async def audit(self, cursor: str | None, limit: int | None) -> Record:
        return await fitting_page(lambda most: self._store.audit(cursor, most), limit)
