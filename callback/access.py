"""Who may come in, and what they may see: passwords, sessions, API tokens, and the Viewer.

Never stores or logs a password, a cookie or a token: only argon2 hashes and SHA-256 digests. Never tells
whether a person exists: a wrong name costs the same work and gives the same answer as a wrong password.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from callback.request import CallbackError, CallbackRequest
from callback.store import ApiToken, Session, Store
from callback.turn import is_disqualified, may_serve
from config.model import Config, Person, Role
from scheduler.clock import Clock

log = structlog.get_logger(__name__)

TOKEN_PREFIX = "t1_"  # noqa: S105 - not a secret, only how ours begin
FREE_FAILURES = 5
"""Wrong passwords in a row before one has to wait."""
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=5)
MIN_PASSWORD = 8
MAX_PASSWORD = 1000
"""Longer input is refused unread: hashing it is work an attacker could order."""
_REMEMBERED_STRANGERS = 1000


class AccessError(CallbackError):
    """The door stays shut; nothing was changed."""


class LoginThrottled(AccessError):
    """Too many wrong passwords in a row. `wait` says how long to wait."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"too many wrong passwords; try again in {int(wait.total_seconds())} s")
        self.wait = wait


class WeakPassword(AccessError):
    """The password is too short or too long."""


class BadToken(AccessError):
    """A token cannot be made with this name, role or office."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Someone who looks at the list: a person at a page, or a program with a token.

    The one place that says who may see what; pages and API share it. A request one may not see does not
    exist for that viewer (404, never 403)."""

    name: str
    role: Role
    office_no: str | None
    person_id: str | None = None
    """None for a token."""
    person: Person | None = None
    keepers: tuple[Person, ...] = ()
    """Everybody with `protected_access`."""

    @property
    def actor(self) -> str:
        """How the ledger names them."""
        return self.person_id or f"token:{self.name}"

    def may_see(self, request: CallbackRequest) -> bool:
        """What their office serves; administrators everything; the contact centre only what it registered (Nav-loven
        § 16). One with an office sees nothing of another, whatever the role. Who is disqualified sees nothing of it, and
        of a protected person only those with `protected_access` do."""
        if self.role is Role.CONTACT_CENTRE:
            is_theirs = request.registered_by == self.actor and self.may_register(request.office_no)
            return is_theirs and not request.protected
        return self.may_act(request)

    def may_act(self, request: CallbackRequest) -> bool:
        """Ring, record, withdraw, decide, reassign; also: read the number, the note and the timeline."""
        if self.person is not None and is_disqualified(request, self.person):
            return False
        return self.works_for(request.served_by) and (not request.protected or self._may_keep(request))

    def may_unprotect(self, request: CallbackRequest) -> bool:
        """Say that a person is protected no more: whoever sees it then."""
        return request.protected and self.may_act(request)

    def may_disqualify(self, request: CallbackRequest, person_id: str) -> bool:
        """Oneself; others, and taking it back: the office's leader, and administrators. A program is whom it is named
        after."""
        is_self = person_id == (self.person_id or self.name)
        return self.may_act(request) and (is_self or self.may_lift(request))

    def may_lift(self, request: CallbackRequest) -> bool:
        """Take back what somebody said: that a number is never called, that a colleague is disqualified. The office's
        leader, and administrators."""
        return self.role in (Role.LEADER, Role.ADMIN) and self.may_act(request)

    def works_for(self, office_no: str) -> bool:
        """Whether the office's list is theirs."""
        return self.role is not Role.CONTACT_CENTRE and self._reaches(office_no)

    def may_register(self, office_no: str) -> bool:
        """The contact centre and administrators for any office, others for their own."""
        return self._reaches(office_no)

    def may_see_office(self, office_no: str) -> bool:
        """What is shown of an office: hours, who is on duty, its message. Everybody of the staff; a program only of the
        office that limits it."""
        return self.person_id is not None or self._reaches(office_no)

    def leads(self, office_no: str) -> bool:
        """Look after what its callers hear: the office's leader, and administrators."""
        return self.role in (Role.LEADER, Role.ADMIN) and self._reaches(office_no)

    @property
    def everywhere(self) -> bool:
        """Whether no office limits them: an administrator or the contact centre without one."""
        return self.role in (Role.ADMIN, Role.CONTACT_CENTRE) and self.office_no is None

    @property
    def may_reload(self) -> bool:
        """Take a changed configuration into use: administrators whom no office limits."""
        return self.role is Role.ADMIN and self.everywhere

    def _may_keep(self, request: CallbackRequest) -> bool:
        """Administrators without the right see what nobody else could: else nobody would know of it."""
        if self.person is not None and self.person.protected_access:
            return True
        return self.role is Role.ADMIN and not any(may_serve(request, one) for one in self.keepers)

    def _reaches(self, office_no: str) -> bool:
        return self.everywhere or self.office_no == office_no


@dataclass(slots=True)
class _Failures:
    count: int
    until: datetime


class Access:
    """Logins, sessions and tokens over a Store. Raises StoreError kinds besides those named."""

    def __init__(
        self, store: Store, config: Config, clock: Clock, hasher: PasswordHasher | None = None
    ) -> None:
        """`hasher`: a cheaper one, for tests only."""
        self._store = store
        self._clock = clock
        # RFC 9106 second choice cut down to OWASP's minimum: the service must live beside 1,000 calls.
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(32))
        self._at_once = asyncio.Semaphore(2)
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        """By the digest of the name: a stranger may send one of any length."""
        self.use_config(config)

    def use_config(self, config: Config) -> None:
        """From now on: who is no longer in it is out at once."""
        self._config = config
        self._ours = frozenset(digest(person.id) for person in config.people)
        self._keepers = tuple(person for person in config.people if person.protected_access)

    # -- people

    async def set_password(self, person_id: str, password: str) -> None:
        """Raises WeakPassword, and AccessError for a person who is not in the configuration."""
        if self._config.person(person_id) is None:
            raise AccessError(f"no person {person_id!r} in staff.toml")
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise WeakPassword(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
        async with self._at_once:
            hashed = await asyncio.to_thread(self._hasher.hash, password)
        await self._store.set_password(person_id, hashed)
        self._failures.pop(digest(person_id), None)
        log.info("password_set", person=person_id)

    async def give_demo_passwords(self, password: str) -> list[str]:
        """Give everyone without a password this one; returns who got it. For a demo on loopback only."""
        without = [p.id for p in self._config.people if await self._store.get_password(p.id) is None]
        if without:
            hashed = await asyncio.to_thread(self._hasher.hash, password)
            for person_id in without:
                await self._store.set_password(person_id, hashed)
            log.warning("demo_passwords_given", people=len(without))
        return without

    async def login(self, person_id: str, password: str) -> tuple[str, Session] | None:
        """(cookie value, session), or None when the name or the password is wrong.
        Raises LoginThrottled after repeated failures, also for a right password."""
        self._refuse_throttled(person_id)
        person = self._config.person(person_id)
        kept = await self._store.get_password(person_id)
        async with self._at_once:
            self._refuse_throttled(person_id)  # others may have failed while this one waited its turn
            right = await asyncio.to_thread(self._verify, kept or self._nobody, password[: MAX_PASSWORD + 1])
        if person is None or kept is None or not right:
            self._count_failure(person_id)
            log.info("login_refused", person=person.id if person else None)
            return None
        self._failures.pop(digest(person_id), None)
        now = self._clock.now()
        await self._store.delete_sessions_before(now)
        cookie = secrets.token_urlsafe(32)
        lifetime = timedelta(hours=self._config.settings.service.session_hours)
        session = Session(digest(cookie), person.id, secrets.token_urlsafe(32), now + lifetime)
        await self._store.add_session(session)
        log.info("logged_in", person=person.id)
        return cookie, session

    async def logout(self, cookie: str) -> None:
        """Ends the session; an unknown cookie is no error."""
        await self._store.delete_session(digest(cookie))

    async def session(self, cookie: str) -> Session | None:
        """The session of a cookie, or None when it is unknown, expired, or its person is gone."""
        session = await self._store.get_session(digest(cookie))
        if session is None or session.expires_at <= self._clock.now():
            return None
        return session if self._config.person(session.person_id) else None

    def viewer_of_session(self, session: Session) -> Viewer:
        person = self._config.person(session.person_id)
        if person is None:
            raise AccessError(f"no person {session.person_id!r} in staff.toml")
        return viewer_of_person(person, self._keepers)

    def viewer_of_token(self, token: ApiToken) -> Viewer:
        return viewer_of_token(token, self._keepers)

    # -- programs

    async def create_token(self, name: str, role: Role, office_no: str | None) -> str:
        """A new secret, shown this once. Raises BadToken; StoreError when the name is in use."""
        name = name.strip()
        if not name or len(name) > 80 or not name.isprintable():
            raise BadToken("a token's name has 1 to 80 printable characters")
        if role in (Role.CASEWORKER, Role.LEADER) and office_no is None:
            raise BadToken(f"a token for a {role} needs an office")
        if office_no is not None and self._config.office(office_no) is None:
            raise BadToken(f"no office {office_no!r} in offices.toml")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        token = ApiToken(name, digest(secret), role.value, office_no, self._clock.now())
        await self._store.add_token(token)
        return secret

    async def token(self, secret: str) -> ApiToken | None:
        """The token of a secret, or None when it is unknown or revoked."""
        if not secret.startswith(TOKEN_PREFIX):
            return None
        token = await self._store.get_token(digest(secret))
        return token if token is not None and token.revoked_at is None else None

    async def tokens(self) -> list[ApiToken]:
        return await self._store.list_tokens()

    async def revoke(self, name: str) -> bool:
        """Whether there was a token to revoke."""
        return await self._store.revoke_token(name, self._clock.now())

    # -- inner workings

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    def _refuse_throttled(self, person_id: str) -> None:
        failures = self._failures.get(digest(person_id))
        now = self._clock.now()
        if failures is not None and failures.count >= FREE_FAILURES and now < failures.until:
            raise LoginThrottled(failures.until - now)

    def _count_failure(self, person_id: str) -> None:
        name = digest(person_id)
        failures = self._failures.setdefault(name, _Failures(0, self._clock.now()))
        self._failures.move_to_end(name)
        failures.count += 1
        doublings = min(max(failures.count - FREE_FAILURES, 0), 10)
        failures.until = self._clock.now() + min(FIRST_WAIT * 2**doublings, LONGEST_WAIT)
        # Names nobody has are throttled too, so that waiting tells nothing; a flood of them is forgotten
        # oldest first, and never pushes out a person of ours.
        strangers = [key for key in self._failures if key not in self._ours]
        for key in strangers[: max(len(strangers) - _REMEMBERED_STRANGERS, 0)]:
            del self._failures[key]


def viewer_of_person(person: Person, keepers: tuple[Person, ...] = ()) -> Viewer:
    return Viewer(person.name, person.role, person.office_no, person.id, person, keepers)


def viewer_of_token(token: ApiToken, keepers: tuple[Person, ...] = ()) -> Viewer:
    return Viewer(token.name, Role(token.role), token.office_no, keepers=keepers)


def digest(secret: str) -> str:
    """What is stored of a cookie or a token: it has 256 random bits, so a plain SHA-256 is enough. Never for a
    password."""
    return hashlib.sha256(secret.encode()).hexdigest()


__all__ = ["Access", "AccessError", "BadToken", "LoginThrottled", "Viewer", "WeakPassword"]
