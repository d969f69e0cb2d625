"""The ledger of credits: whole numbers, append-only, never below zero (DESIGN.md D11).

The balance stands on the account's row, so that a debit is one conditional UPDATE; the entry that explains it
is written in the same transaction, numbered without a gap, and so are the events that it causes.
"""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import BigInteger, Connection, bindparam, desc, func, insert, select, update

from dynamic_api.clock import month, written
from dynamic_api.database.tables import credit_entries, users
from dynamic_api.errors import Absent, Unpaid
from dynamic_api.services import events
from dynamic_api.services.caller import Caller
from dynamic_api.settings import Credits

NEWEST = 10
UNLIMITED = "unlimited"

# Made once: to build a statement costs more than to run it (MEASURED.md 3).
_MOVE = (
    update(users)
    .where(users.c.id == bindparam("account"), users.c.balance + bindparam("by", type_=BigInteger) >= 0)
    .values(
        balance=users.c.balance + bindparam("by", type_=BigInteger),
        entries=users.c.entries + bindparam("one", type_=BigInteger),
    )
    .returning(users.c.balance, users.c.entries, events.IS_HEARD)
)
_APPEND = insert(credit_entries)
_MONTH_DUE = (
    update(users)
    .where(users.c.id == bindparam("account"), users.c.granted_month.is_distinct_from(bindparam("month")))
    .values(granted_month=bindparam("month"))
    .returning(users.c.id)
)
_BALANCE = select(users.c.balance).where(users.c.id == bindparam("account"))
_ACCOUNT = select(users.c.balance, users.c.tier, users.c.skill_calls, users.c.skill_calls_month).where(
    users.c.id == bindparam("account")
)
_NEWEST = (
    select(credit_entries)
    .where(credit_entries.c.user_id == bindparam("account"))
    .order_by(desc(credit_entries.c.number))
    .limit(bindparam("most"))
)


class Movement(Struct, frozen=True):
    """A balance before and after one entry."""

    user_id: str
    before: int
    after: int


class _Entry(Struct, frozen=True):
    """What a movement of credits is for."""

    kind: str
    now: int
    slug: str | None
    reference: str | None
    note: str = ""


class Transaction(Struct, frozen=True):
    """One entry of the ledger, as callers see it."""

    kind: str
    slug: str | None
    amount: int
    balance_after: int
    reference: str | None
    note: str
    created_at: str


class Account(Struct, frozen=True):
    """`GET /api/v1/account/credits` (contracts/skillzdrive.md row 28)."""

    balance: int
    tier: str
    monthly_skill_calls: int
    monthly_skill_call_limit: int | str
    transactions: tuple[Transaction, ...]


def debit(
    db: Connection,
    user_id: str,
    amount: int,
    kind: str,
    *,
    now: int,
    slug: str | None = None,
    reference: str | None = None,
) -> Movement:
    """Take `amount` from the account. Raises Unpaid when it holds less. Nothing is written for zero."""
    if amount < 0:
        raise AssertionError("a debit is not negative")
    movement = _move(db, user_id, -amount, _Entry(kind, now, slug, reference))
    if movement is None:
        raise unpaid(balance_of(db, user_id), amount)
    return movement


def credit(
    db: Connection,
    user_id: str,
    amount: int,
    kind: str,
    *,
    now: int,
    slug: str | None = None,
    reference: str | None = None,
    note: str = "",
) -> Movement:
    """Give `amount` to the account: a grant or a refund. Raises Absent for an account that is not there."""
    if amount < 0:
        raise AssertionError("a credit is not negative")
    movement = _move(db, user_id, amount, _Entry(kind, now, slug, reference, note))
    if movement is None:
        raise Absent("account_not_found", "no such account")
    return movement


def charge(
    db: Connection,
    caller: Caller,
    amount: int,
    kind: str,
    prices: Credits,
    *,
    now: int,
    slug: str | None = None,
    reference: str | None = None,
) -> Movement:
    """Take `amount` from the caller, after the month's grant was given. Raises Unpaid."""
    fill_up(db, caller, prices, now)
    return debit(db, caller.user_id, amount, kind, now=now, slug=slug, reference=reference)


def _move(db: Connection, user_id: str, amount: int, entry: _Entry) -> Movement | None:
    """Change the balance and write down why; None when it would fall below zero."""
    values = {"account": user_id, "by": amount, "one": 1 if amount else 0}
    row = db.execute(_MOVE, values).one_or_none()
    if row is None:
        return None
    movement = Movement(user_id, row.balance - amount, row.balance)
    if amount:
        _append(db, movement, row.entries, entry)
        if row.is_heard:
            events.notice(db, user_id, movement.before, movement.after, entry.now)
    return movement


def _append(db: Connection, movement: Movement, number: int, entry: _Entry) -> None:
    db.execute(
        _APPEND,
        {
            "user_id": movement.user_id,
            "number": number,
            "kind": entry.kind,
            "amount": movement.after - movement.before,
            "balance": movement.after,
            "slug": entry.slug,
            "reference": entry.reference,
            "note": entry.note,
            "at": entry.now,
        },
    )


def balance_of(db: Connection, user_id: str) -> int:
    """Credits that the account holds. Raises Absent."""
    balance = db.execute(_BALANCE, {"account": user_id}).scalar_one_or_none()
    if balance is None:
        raise Absent("account_not_found", "no such account")
    return int(balance)


def unpaid(balance: int, amount: int) -> Unpaid:
    """The refusal of what costs more than there is."""
    missing = amount - balance
    plural = "credit" if missing == 1 else "credits"
    return Unpaid(
        "insufficient_credits",
        f"{missing} {plural} short: this costs {amount}, the balance is {balance}",
        mend="ask an operator for a grant, or wait for the monthly one",
        extra={"required": amount, "balance": balance},
    )


def account(db: Connection, caller: Caller, prices: Credits, now: int) -> Account:
    """Balance, tier, use of this month, and the newest entries, newest first."""
    row = db.execute(_ACCOUNT, {"account": caller.user_id}).one()
    tier = prices.tiers.get(row.tier)
    limit: int | str = UNLIMITED if caller.is_staff or tier is None else tier.monthly_skill_calls or UNLIMITED
    return Account(
        balance=row.balance,
        tier=row.tier,
        monthly_skill_calls=row.skill_calls if row.skill_calls_month == month(now) else 0,
        monthly_skill_call_limit=limit,
        transactions=tuple(newest(db, caller.user_id, NEWEST)),
    )


def newest(db: Connection, user_id: str, limit: int) -> list[Transaction]:
    """The newest entries of an account, newest first."""
    entries = db.execute(_NEWEST, {"account": user_id, "most": limit})
    return [
        Transaction(row.kind, row.slug, row.amount, row.balance, row.reference, row.note, written(row.at))
        for row in entries
    ]


def verify(db: Connection) -> tuple[int, list[str]]:
    """How many accounts there are, and a line for each whose balance or numbering does not hold."""
    entries = (
        select(
            credit_entries.c.user_id,
            func.sum(credit_entries.c.amount).label("total"),
            func.count().label("held"),
            func.max(credit_entries.c.number).label("last"),
            func.min(credit_entries.c.balance).label("lowest"),
        )
        .group_by(credit_entries.c.user_id)
        .subquery()
    )
    rows = db.execute(
        select(users.c.email, users.c.balance, users.c.entries, entries)
        .outerjoin(entries, entries.c.user_id == users.c.id)
        .order_by(users.c.email)
    ).all()
    faults = []
    for row in rows:
        total, count, last, lowest = row.total or 0, row.held or 0, row.last or 0, row.lowest or 0
        if row.balance != total:
            faults.append(f"{row.email}: balance {row.balance}, entries sum to {total}")
        if not count == last == row.entries:
            faults.append(f"{row.email}: {count} entries, the last is number {last} of {row.entries}")
        if lowest < 0:
            faults.append(f"{row.email}: was below zero")
    return len(rows), faults


def expected_balance(db: Connection, caller: Caller, prices: Credits, now: int) -> int:
    """What a charge would find: the balance with the month's grant when that is due. Changes nothing."""
    row = db.execute(select(users.c.balance, users.c.granted_month).where(users.c.id == caller.user_id)).one()
    tier = prices.tiers.get(caller.tier)
    due = tier is not None and row.granted_month != month(now)
    return int(row.balance) + (tier.monthly_grant if tier and due else 0)


def fill_up(db: Connection, caller: Caller, prices: Credits, now: int) -> Movement | None:
    """Give the month's grant of the caller's tier, once in a calendar month; None when there is none."""
    tier = prices.tiers.get(caller.tier)
    if tier is None or not tier.monthly_grant:
        return None
    this_month = month(now)
    due = db.execute(_MONTH_DUE, {"account": caller.user_id, "month": this_month}).one_or_none()
    if due is None:
        return None
    return credit(db, caller.user_id, tier.monthly_grant, "monthly_grant", now=now, reference=this_month)
