"""Identities at a provider of OpenID Connect, bound to accounts by an operator or by a verified address."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from dynamic_api.clock import written
from dynamic_api.database.tables import identities, users
from dynamic_api.errors import Absent, Conflict, Forbidden, Invalid
from dynamic_api.ids import new_id
from dynamic_api.oidc import Person
from dynamic_api.oidc_settings import Oidc
from dynamic_api.services import accounts, audit, keys
from dynamic_api.services.caller import ALL_SKILLS, Caller, Trace
from dynamic_api.services.keys import Key
from dynamic_api.settings import Credits

LENGTH = 255


class Identity(Struct, frozen=True):
    """Somebody at a provider, and the account that it opens."""

    id: str
    issuer: str
    subject: str
    user_id: str
    email: str
    created_at: str
    last_used_at: str | None


class SignedIn(Struct, frozen=True):
    """The identity that opened an account, and the caller it makes."""

    identity_id: str
    caller: Caller


def sign_in(db: Connection, person: Person, rules: Oidc, prices: Credits, trace: Trace, now: int) -> SignedIn:
    """The account of `person`, found, bound or made as the rules have it. Raises Forbidden."""
    identity_id = _find(db, person) or _bound(db, person, rules, prices, trace, now)
    caller = caller_with(db, identity_id)
    values = {"last_used_at": now} | ({"email": person.email} if person.email else {})
    db.execute(update(identities).where(identities.c.id == identity_id).values(values))
    audit.record(
        db,
        "SIGNED_IN",
        "identity",
        now=now,
        caller=caller,
        trace=trace,
        target_id=identity_id,
        target_name=person.subject,
        data={"issuer": person.issuer},
    )
    return SignedIn(identity_id, caller)


def caller_with(db: Connection, identity_id: str) -> Caller:
    """The caller that a sign-in makes. Raises Forbidden when it is unbound, or the account disabled."""
    query = select(users).join(identities, identities.c.user_id == users.c.id)
    row = db.execute(query.where(identities.c.id == identity_id)).one_or_none()
    if row is None:
        raise Forbidden("oidc_unknown", "no account is bound to this sign-in", mend="ask your operator")
    if row.disabled_at is not None:
        raise _disabled()
    return Caller(
        user_id=row.id,
        email=row.email,
        role=row.role,
        tier=row.tier,
        key_id="",
        key_name="sign-in",
        key_kind=ALL_SKILLS,
        key_prefix="",
        allowed=None,
        include_team=True,
        include_shared=True,
        rate_limit_per_minute=None,
        expires_at=None,
    )


def _bound(db: Connection, person: Person, rules: Oidc, prices: Credits, trace: Trace, now: int) -> str:
    """Bind somebody who is not bound yet; gives the id of the identity. Raises Forbidden."""
    user_id = _account_of(db, person, rules, prices, now)
    if found := _find(db, person):
        return found  # by the same person, a moment ago
    other = select(identities.c.id).where(
        identities.c.user_id == user_id, identities.c.issuer == person.issuer
    )
    if db.execute(other.limit(1)).one_or_none() is not None:
        # The provider gave the address to somebody else, who must not get the account with it.
        raise _unknown(person, f"the account of {person.email} belongs to another sign-in")
    names = (person.issuer, person.subject, person.email)
    return bind(db, user_id, *names, now=now, trace=trace, by="verified address")


def _account_of(db: Connection, person: Person, rules: Oidc, prices: Credits, now: int) -> str:
    """The id of the account that a verified address leads to. Raises Forbidden."""
    if rules.match == "subject":
        raise _unknown(person, "no account is bound to this sign-in")
    if not person.email:
        raise _unknown(person, "the provider names no verified address")
    domain = person.email.rpartition("@")[2]
    if rules.email_domains and domain not in {item.lower() for item in rules.email_domains}:
        raise Forbidden(
            "oidc_domain", f"addresses of {domain} are not let in here", mend="sign in with another account"
        )
    # Locked, so that two who show the same address at once do not both get the account.
    row = db.execute(select(users).where(users.c.email == person.email).with_for_update()).one_or_none()
    if row is None:
        if not rules.create_accounts:
            raise _unknown(person, f"there is no account of {person.email}")
        return accounts.create(db, person.email, prices, now=now, name=person.name).id
    if row.disabled_at is not None:
        raise _disabled()
    return str(row.id)


def bind(
    db: Connection,
    user_id: str,
    issuer: str,
    subject: str,
    email: str = "",
    *,
    now: int,
    trace: Trace | None = None,
    by: str = "operator",
) -> str:
    """Let this identity open the account; gives its id. Raises Conflict when it is bound already, Invalid."""
    for name, value in (("issuer", issuer), ("subject", subject)):
        if not 1 <= len(value) <= LENGTH or not value.isprintable():
            raise Invalid("validation_error", f"must be 1 to {LENGTH} printable characters", place=name)
    row = {
        "id": new_id(),
        "issuer": issuer,
        "subject": subject,
        "user_id": user_id,
        "email": email,
        "created_at": now,
    }
    try:
        with db.begin_nested():
            db.execute(insert(identities), row)
    except IntegrityError as error:
        mend = "unbind it first: skillpress admin user unbind"
        raise Conflict(
            "identity_taken", f"{subject} of {issuer} opens an account already", place="subject", mend=mend
        ) from error
    _record(db, "IDENTITY_BOUND", row, now, trace, by=by)
    return str(row["id"])


def unbind(
    db: Connection, user_id: str, issuer: str, subject: str | None, now: int, *, keep_keys: bool = False
) -> list[Key]:
    """Take an identity of the issuer from the account, or all of them, and end the keys of their devices.

    Gives the keys that ended. Raises Absent.
    """
    found = [
        item for item in of_account(db, user_id) if item.issuer == issuer and subject in {None, item.subject}
    ]
    if not found:
        raise Absent(
            "identity_not_found",
            f"nothing of {issuer} is bound to this account",
            mend="list them: skillpress admin user identities",
        )
    db.execute(delete(identities).where(identities.c.id.in_([item.id for item in found])))
    for item in found:
        row = {"id": item.id, "issuer": issuer, "subject": item.subject, "user_id": user_id}
        _record(db, "IDENTITY_UNBOUND", row, now, None, by="operator")
    return [] if keep_keys else keys.revoke_of_identities(db, user_id, [item.id for item in found], now)


def is_bound(db: Connection, identity_id: str) -> bool:
    """Whether an identity opens an account; it is not unbound before the transaction ends."""
    query = select(identities.c.id).where(identities.c.id == identity_id)
    return db.execute(query.with_for_update(read=True)).one_or_none() is not None


def of_account(db: Connection, user_id: str) -> list[Identity]:
    """What is bound to an account, oldest first."""
    query = select(identities).where(identities.c.user_id == user_id)
    return [_identity(row) for row in db.execute(query.order_by(identities.c.created_at, identities.c.id))]


def _find(db: Connection, person: Person) -> str | None:
    """The id of the identity, when there is one."""
    query = select(identities.c.id).where(
        identities.c.issuer == person.issuer, identities.c.subject == person.subject
    )
    return db.execute(query).scalar_one_or_none()


def _disabled() -> Forbidden:
    return Forbidden("account_disabled", "this account is disabled", mend="ask your operator")


def _unknown(person: Person, why: str) -> Forbidden:
    mend = f"ask your operator to bind {person.subject} to your account, or sign in with an API key"
    return Forbidden("oidc_unknown", why, mend=mend)


def _record(
    db: Connection, event: str, row: dict[str, Any], now: int, trace: Trace | None, *, by: str
) -> None:
    data = {"issuer": row["issuer"], "owner": row["user_id"], "by": by}
    audit.record(
        db,
        event,
        "identity",
        now=now,
        trace=trace,
        target_id=row["id"],
        target_name=row["subject"],
        data=data,
    )


def _identity(row: Row[Any]) -> Identity:
    return Identity(
        row.id,
        row.issuer,
        row.subject,
        row.user_id,
        row.email,
        written(row.created_at),
        None if row.last_used_at is None else written(row.last_used_at),
    )
