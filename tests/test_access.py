from __future__ import annotations

import copy
import json
from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit import access
from gatewaykit.access import Principal, Role
from gatewaykit.errors import AccessDenied, MisuseError
from gatewaykit.rpc import verbs


def principal(*roles: Role) -> Principal:
    return Principal("somebody", frozenset(roles), "unix")


class RoleTests(SynchronousTestCase):
    def test_admin_implies_every_role(self) -> None:
        self.assertTrue(all(principal(Role.ADMIN).has(role) for role in Role))

    def test_operator_and_dispatcher_imply_viewer_and_not_each_other(self) -> None:
        operator, dispatcher = principal(Role.OPERATOR), principal(Role.DISPATCHER)
        self.assertTrue(operator.has(Role.VIEWER))
        self.assertTrue(dispatcher.has(Role.VIEWER))
        self.assertFalse(operator.has(Role.DISPATCHER))
        self.assertFalse(dispatcher.has(Role.OPERATOR))
        self.assertFalse(operator.has(Role.ADMIN))

    def test_viewer_implies_nothing_else(self) -> None:
        viewer = principal(Role.VIEWER)
        self.assertEqual([role for role in Role if viewer.has(role)], [Role.VIEWER])

    def test_no_roles_allow_nothing(self) -> None:
        self.assertFalse(any(principal().has(role) for role in Role))


class PrincipalTests(SynchronousTestCase):
    def test_root_and_own_user_are_admin_on_the_unix_socket(self) -> None:
        for uid in (0, 990):
            found = access.principal_of_uid(uid, own_uid=990)
            self.assertTrue(found.has(Role.ADMIN))
            self.assertEqual(found.name, f"uid:{uid}")
            self.assertEqual(found.origin, "unix")

    def test_other_users_are_viewers_on_the_unix_socket(self) -> None:
        found = access.principal_of_uid(1000, own_uid=990)
        self.assertEqual(found.roles, {Role.VIEWER})

    def test_loopback_is_an_anonymous_viewer(self) -> None:
        for host, origin in (
            ("127.0.0.1", "tcp:127.0.0.1:40000"),
            ("127.8.9.1", "tcp:127.8.9.1:40000"),
            ("::1", "tcp:[::1]:40000"),
            ("::ffff:127.0.0.1", "tcp:[::ffff:127.0.0.1]:40000"),
        ):
            found = access.principal_of_address(host, 40000)
            self.assertEqual(
                found, Principal("anonymous", frozenset({Role.VIEWER}), origin)
            )

    def test_other_hosts_are_nobody(self) -> None:
        for host in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "0.0.0.0", "name"):
            self.assertIsNone(access.principal_of_address(host, 40000))

    def test_allowed_networks_are_anonymous_viewers(self) -> None:
        networks = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/64")]
        for host in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "127.0.0.1"):
            found = access.principal_of_address(host, 40000, networks)
            assert found is not None
            self.assertEqual((found.name, found.roles), ("anonymous", {Role.VIEWER}))
        for host in ("192.0.3.1", "::ffff:192.0.3.1", "2001:db8:0:1::1", "name"):
            self.assertIsNone(access.principal_of_address(host, 40000, networks))


class CheckTests(SynchronousTestCase):
    def test_every_verb_and_role(self) -> None:
        """The whole table: who reads needs viewer, who changes the gateway admin."""
        needed = {verb.name(): verb.role for verb in verbs.ALL}
        self.assertEqual(
            {name for name, role in needed.items() if role is Role.ADMIN},
            {"SetPolicy", "AcknowledgeDamage"},
        )
        for name, role in needed.items():
            self.assertIs(access.table()[name], role)
            for own in Role:
                allowed = own in {role, Role.ADMIN} or role is Role.VIEWER
                if allowed:
                    access.check(principal(own), name)
                else:
                    with self.assertRaises(AccessDenied) as caught:
                        access.check(principal(own), name)
                    self.assertEqual(
                        caught.exception.args, ("somebody", name, role.value)
                    )

    def test_undeclared_verb_is_denied_to_admin_too(self) -> None:
        with self.assertRaises(AccessDenied):
            access.check(principal(Role.ADMIN), "Undeclared")

    def test_declaring_a_verb_with_another_role_is_refused(self) -> None:
        access.declare("Info", Role.VIEWER)
        with self.assertRaises(MisuseError):
            access.declare("Info", Role.ADMIN)
        self.assertIs(access.table()["Info"], Role.VIEWER)


class AuditRecordTests(SynchronousTestCase):
    def test_long_arguments_are_cut(self) -> None:
        record = access.audit_record(
            principal(), "SetPolicy", {"imei": "x" * 70_000}, "", "refused"
        )
        self.assertEqual(len(record["arguments"]["imei"]), 200)


def trail(count: int) -> list[dict[str, object]]:
    records: list[dict[str, object]] = []
    for number in range(count):
        record = access.audit_record(
            principal(Role.ADMIN),
            "SetPolicy",
            {"imei": f"{number:015}", "policy": "refused"},
            "2026-01-31T12:00:00.000Z",
            "done",
        )
        records.append(access.linked(record, records[-1] if records else None))
    return records


class ChainTests(SynchronousTestCase):
    def test_a_record_has_the_keys_of_the_design(self) -> None:
        self.assertEqual(
            set(trail(1)[0]),
            {
                "sequence",
                "at",
                "who",
                "from_where",
                "what",
                "arguments",
                "outcome",
                "previous_hash",
                "hash",
            },
        )

    def test_records_are_linked(self) -> None:
        first, second = trail(2)
        self.assertEqual((first["sequence"], second["sequence"]), (1, 2))
        self.assertEqual(first["previous_hash"], access.GENESIS)
        self.assertEqual(second["previous_hash"], first["hash"])
        self.assertEqual(second["hash"], access.chain(str(first["hash"]), second))

    def test_the_hash_does_not_depend_on_the_order_of_keys(self) -> None:
        (record,) = trail(1)
        turned = dict(reversed(record.items()))
        self.assertEqual(access.chain(access.GENESIS, turned), record["hash"])

    def test_an_untouched_trail_verifies(self) -> None:
        self.assertIsNone(access.verify(trail(5)))
        self.assertIsNone(access.verify([]))

    def test_a_trail_verifies_after_json(self) -> None:
        self.assertIsNone(access.verify(json.loads(json.dumps(trail(3)))))

    def test_a_part_verifies_behind_the_record_before(self) -> None:
        records = trail(5)
        self.assertIsNone(access.verify(records[2:], records[1]))

    @given(st.data())
    def test_any_change_is_found_where_it_was_made(self, data: st.DataObject) -> None:
        records = copy.deepcopy(trail(4))
        index = data.draw(st.integers(0, 3))
        key = data.draw(st.sampled_from(sorted(records[index])))
        records[index][key] = data.draw(
            (st.text() | st.integers() | st.none() | st.floats()).filter(
                lambda value: value != records[index][key]
            )
        )
        self.assertEqual(access.verify(records), index + 1)

    def test_a_recomputed_hash_is_found_at_the_next_record(self) -> None:
        records = trail(3)
        records[0]["outcome"] = "refused"
        records[0]["hash"] = access.chain(access.GENESIS, records[0])
        self.assertEqual(access.verify(records), 2)

    def test_missing_moved_and_added_records_are_found(self) -> None:
        one, two, three = trail(3)
        self.assertEqual(access.verify([one, three]), 2)
        self.assertEqual(access.verify([two, one, three]), 1)
        self.assertEqual(access.verify([one, two, two, three]), 3)
        self.assertEqual(access.verify([{**one, "added": 1}, two]), 1)

    def test_a_record_without_its_keys_is_found(self) -> None:
        self.assertEqual(access.verify([{}]), 1)
