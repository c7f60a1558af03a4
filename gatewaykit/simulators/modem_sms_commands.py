"""What a SIM7600 answers about SMS (facts/sim7600.md 4). Pure."""

from __future__ import annotations

from gatewaykit.simulators.modem_commands import Refusal, Table, fixed, number
from gatewaykit.simulators.modem_lines import Part
from gatewaykit.simulators.modem_sms import (
    ALL,
    CAPACITY,
    READ,
    STATUSES,
    UNREAD,
    Message,
    Sent,
    submitted,
)
from gatewaykit.simulators.modem_state import ModemState

# Of the flags of AT+CMGD: the statuses that each of them deletes.
_DELETED = {1: {1}, 2: {1, 3}, 3: {1, 2, 3}, 4: {0, 1, 2, 3}}
_NOT_READY = {"missing": 310, "pin": 311, "puk": 316}


def _need_sms(state: ModemState) -> None:
    if state.sim in _NOT_READY:
        raise Refusal(_NOT_READY[state.sim])
    if not state.sms_ready:
        raise Refusal(314)


def _mode(state: ModemState, _part: Part, _now: float) -> list[str]:
    return [f"+CMGF: {int(state.session.text_mode)}"]


def _set_mode(state: ModemState, part: Part, _now: float) -> list[str]:
    state.session.text_mode = bool(number(part, range(2)))
    return []


def _charset(state: ModemState, _part: Part, _now: float) -> list[str]:
    return [f'+CSCS: "{state.session.charset}"']


def _set_charset(state: ModemState, part: Part, _now: float) -> list[str]:
    name = part.text.strip('"').upper()
    if name not in {"IRA", "GSM", "UCS2"}:
        raise Refusal
    state.session.charset = name
    return []


def _parameters(state: ModemState, _part: Part, _now: float) -> list[str]:
    return [f"+CSMP: {','.join(state.session.parameters)}"]


def _set_parameters(state: ModemState, part: Part, _now: float) -> list[str]:
    given = [str(number(part, range(256), n)) for n in range(len(part.arguments))]
    state.session.parameters[: len(given)] = given[:4]
    return []


def _indications(state: ModemState, _part: Part, _now: float) -> list[str]:
    return [f"+CNMI: {','.join(state.session.indications)}"]


def _set_indications(state: ModemState, part: Part, _now: float) -> list[str]:
    given = [str(number(part, range(4), n)) for n in range(len(part.arguments))]
    state.session.indications[: len(given)] = given[:5]
    return []


def _storages(state: ModemState, _part: Part, _now: float) -> list[str]:
    _need_sms(state)
    rooms = (
        f'"{name}",{len(state.stores[name])},{CAPACITY}'
        for name in state.session.storage
    )
    return [f"+CPMS: {','.join(rooms)}"]


def _set_storages(state: ModemState, part: Part, _now: float) -> list[str]:
    _need_sms(state)
    names = [name.upper() for name in part.arguments[:3]]
    if any(name not in state.stores for name in names):
        raise Refusal(302)
    state.session.storage[: len(names)] = names
    rooms = (f"{len(state.stores[name])},{CAPACITY}" for name in state.session.storage)
    return [f"+CPMS: {','.join(rooms)}"]


# Reading.


def _shown(state: ModemState, message: Message, start: str) -> str:
    """Header and text of a stored message; this counts as reading it."""
    status = message.status
    if status == UNREAD:
        message.status = READ
    if not state.session.text_mode:
        tpdu = message.tpdu()
        # The service centre has no number: its length is 0, and not counted.
        return f"{start}{status},,{len(tpdu)}\r\n00{tpdu.hex().upper()}"
    sender, text = state.spelled(message.number), state.spelled(message.text)
    return f'{start}"{STATUSES[status]}","{sender}","","{message.stamp}"\r\n{text}'


def _read(state: ModemState, part: Part, _now: float) -> list[str]:
    _need_sms(state)
    store = state.stores[state.session.storage[0]]
    message = store.get(number(part, range(1000)))
    if message is None:
        raise Refusal(321)
    return [_shown(state, message, "+CMGR: ")]


def _wanted_status(state: ModemState, part: Part) -> int:
    if not state.session.text_mode:
        return number(part, range(5)) if part.text else UNREAD
    name = part.text.strip('"').upper() or STATUSES[UNREAD]
    if name not in STATUSES:
        raise Refusal(302)
    return STATUSES.index(name)


def _list(state: ModemState, part: Part, _now: float) -> list[str]:
    _need_sms(state)
    wanted = _wanted_status(state, part)
    store = state.stores[state.session.storage[0]]
    lines = [
        _shown(state, message, f"+CMGL: {index},")
        for index, message in sorted(store.items())
        if wanted in {ALL, message.status}
    ]
    return ["\r\n".join(lines)] if lines else []


def _delete(state: ModemState, part: Part, _now: float) -> list[str]:
    _need_sms(state)
    store = state.stores[state.session.storage[0]]
    arguments = part.arguments
    flag = number(part, range(5), 1) if arguments[1:] else 0
    if flag:
        doomed = [n for n, one in store.items() if one.status in _DELETED[flag]]
        for index in doomed:
            del store[index]
    elif store.pop(number(part, range(1000)), None) is None:
        raise Refusal(321)
    return []


# Sending.


def _send(state: ModemState, part: Part, _now: float) -> list[str]:
    """Answers with a prompt; what is entered then goes to the function left in `entry`."""
    _need_sms(state)
    if state.session.text_mode:
        recipient = _unspelled(state, part.arguments[0])
        if not recipient.removeprefix("+").isdecimal():
            raise Refusal(304)
        state.entry = lambda text: _sent(state, recipient, _unspelled(state, text))
    else:
        length = number(part, range(1, 165))
        state.entry = lambda text: _sent_pdu(state, text, length)
    return []


def _sent_pdu(state: ModemState, text: str, length: int) -> list[str]:
    try:
        recipient, words, header = submitted(text.strip(), length)
    except ValueError:
        raise Refusal(304) from None
    return _sent(state, recipient, words, header)


def _sent(
    state: ModemState, recipient: str, text: str, header: bytes = b""
) -> list[str]:
    if not state.network.registered:
        raise Refusal(331)
    state.reference = (state.reference + 1) % 256
    state.sent.append(Sent(recipient, text, state.reference, header))
    return [f"+CMGS: {state.reference}"]


def _unspelled(state: ModemState, text: str) -> str:
    if state.session.charset != "UCS2":
        return text
    try:
        return bytes.fromhex(text.strip()).decode("utf-16-be")
    except ValueError:
        raise Refusal(304) from None


SMS: Table = {
    ("+CMGF", "read"): _mode,
    ("+CMGF", "set"): _set_mode,
    ("+CMGF", "test"): fixed("+CMGF: (0,1)"),
    ("+CSCS", "read"): _charset,
    ("+CSCS", "set"): _set_charset,
    ("+CSCS", "test"): fixed('+CSCS: ("IRA","GSM","UCS2")'),
    ("+CSMP", "read"): _parameters,
    ("+CSMP", "set"): _set_parameters,
    ("+CPMS", "read"): _storages,
    ("+CPMS", "set"): _set_storages,
    ("+CPMS", "test"): fixed('+CPMS: ("ME","SM"),("ME","SM"),("ME","SM")'),
    ("+CNMI", "read"): _indications,
    ("+CNMI", "set"): _set_indications,
    ("+CMGR", "set"): _read,
    ("+CMGL", "set"): _list,
    ("+CMGL", "run"): _list,
    ("+CMGD", "set"): _delete,
    ("+CMGS", "set"): _send,
}
