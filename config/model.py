"""The typed configuration. Pure data: loading, checking and printing live in load.py and check.py.

Secrets never stand here: they come from the environment (see `Secrets`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from config.menu import Menu
from config.oncall import OnCallLine, OnCallSettings
from config.values import (
    Duration,
    Hours,
    HoursOfDay,
    Model,
    SpecialDropInHours,
    SpecialPhoneHours,
    WeekHours,
)
from config.webhooks import WebhookSettings


class LineName(StrEnum):
    SIMULATED = "simulated"
    ASTERISK = "asterisk"
    TWILIO = "twilio"


class DeadlinePolicy(StrEnum):
    HOURS_48 = "hours_48"
    WORKING_DAYS_2 = "working_days_2"


class VoiceSpeed(StrEnum):
    NORMAL = "normal"
    SLOW = "slow"


class Telephone(StrEnum):
    """Where a caseworker is rung."""

    EXTENSION = "extension"
    MOBILE = "mobile"


class Role(StrEnum):
    CASEWORKER = "caseworker"
    LEADER = "leader"
    CONTACT_CENTRE = "contact_centre"
    ADMIN = "admin"


class SpecialDay(Model):
    """One date with other hours than the weekday's: closed, or shorter. Wins over public holidays."""

    date: date
    phone_hours: SpecialPhoneHours | None = None
    """None = closed."""
    drop_in_hours: SpecialDropInHours | None = None
    """None = no drop-in."""
    note: str = ""


class Office(Model):
    """One Nav office."""

    office_no: str = Field(pattern=r"^\d{4}$")
    name: str = Field(min_length=1)
    municipality_no: str = Field(pattern=r"^\d{4}$")
    municipality: str
    public_number: str
    """E.164; callers ring it, and callbacks show it."""
    oncall_number: str | None = None
    """E.164; the short way to say that there is one on-call line, carried with the fallback_number. Others: oncall.toml."""
    fallback_number: str
    """E.164; the PBX rings it by itself when the service does not answer."""
    languages: tuple[str, ...] = ("nb",)
    """The first is the office's own."""
    voice_speed: VoiceSpeed = VoiceSpeed.NORMAL
    """How fast callers are spoken to."""
    menu: str = "menu.toml"
    """File of the menu, in the same folder; the one that ships with the service where there is none."""
    ring_first: Telephone = Telephone.EXTENSION
    """Which telephone of a caseworker who has both is rung first; the other one when nobody takes that."""
    phone_hours: WeekHours
    drop_in_hours: WeekHours | None = None
    """When people may come to the office without an appointment; None = never."""
    special_days: tuple[SpecialDay, ...] = ()
    deadline_policy: DeadlinePolicy = DeadlinePolicy.HOURS_48
    urgent_limit: Duration = timedelta(hours=2)
    emergency_prompt: str = "intake.emergency_numbers"
    """Whom to ring when nobody here can help in time: the id of a prompt."""
    line: LineName | None = None
    """Which line its calls are on; None: `service.line`."""
    fallback_url: str | None = None
    """Where Twilio asks what to do with a call when this service does not answer."""
    substitute_office: str | None = Field(default=None, pattern=r"^\d{4}$")
    """Who serves a request of which everybody here is disqualified."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Person(Model):
    """Someone who works with the list."""

    id: str = Field(pattern=r"^[a-z][a-z0-9._-]*$")
    name: str
    role: Role
    office_no: str | None = None
    """The office a caseworker or leader belongs to; none for the contact centre and administrators."""
    extension: str | None = Field(default=None, pattern=r"^\d{2,5}$")
    mobile: str | None = None
    email: str | None = None
    """Where they are warned of the escalation, when e-mail is set up."""
    languages: tuple[str, ...] = ()
    """What they speak beside Norwegian; none stated: any."""
    reports_to: Annotated[tuple[str, ...] | None, BeforeValidator(_as_list)] = None
    """Ids of their leaders; None becomes the leaders of a caseworker's office. See `with_leaders`."""
    protected_access: bool = False
    """Whether they see requests of protected persons."""

    @property
    def has_telephone(self) -> bool:
        return self.extension is not None or self.mobile is not None


class ServiceSettings(Model):
    host: str = "127.0.0.1"
    port: int = Field(default=8600, ge=0, le=65535)
    public_url: str | None = None
    """Where the PBX fetches prompts; default http://HOST:PORT."""
    line: LineName = LineName.SIMULATED
    session_hours: int = Field(default=10, ge=1, le=24)
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class RetrySettings(Model):
    """How long to wait after each outcome before the next attempt, and how attempts are spread over a day."""

    busy: Duration = timedelta(minutes=7)
    no_answer: Duration = timedelta(minutes=45)
    declined: Duration = timedelta(minutes=45)
    ring_again: Duration = timedelta(minutes=45)
    wrong_person: Duration = timedelta(minutes=45)
    invalid: Duration = timedelta(hours=2)
    cancelled: Duration = timedelta(minutes=1)
    """The caseworker hung up or did not press 1; twice as long after the next in a row. Uses up no attempt."""
    line_failed: Duration = timedelta(minutes=1)
    """Our own failure: doubled for each in a row up to `line_failed_max`; uses up no attempt."""
    line_failed_max: Duration = timedelta(minutes=10)
    last_hours: Duration = timedelta(hours=2)
    """One attempt comes within so many phone hours before the last workable moment."""
    before_given_back: Duration = timedelta(minutes=15)
    """A borrowed telephone is rung this long before: somebody must have time to take it."""
    morning: Hours = HoursOfDay(opens=time(8), closes=time(11))
    """The parts of the day: attempts are spread over them, and a caller can wish for one."""
    midday: Hours = HoursOfDay(opens=time(11), closes=time(13))
    afternoon: Hours = HoursOfDay(opens=time(13), closes=time(16))


class CallSettings(Model):
    """Timing of calls."""

    caseworker_ring: Duration = timedelta(seconds=25)
    caller_ring: Duration = timedelta(seconds=35)
    menu_wait: Duration = timedelta(seconds=5)
    """Silence after a prompt before it is repeated."""
    claim_limit: Duration = timedelta(minutes=15)
    """A claimed request nobody rings goes back to the list after this."""
    result_limit: Duration = timedelta(hours=1)
    """A finished conversation without a result is due again after this."""
    wrap_up: Duration = timedelta(minutes=1)
    """Whoever takes calls is left in peace for so long after each, from when its result is written."""
    alert_every: Duration = timedelta(minutes=5)
    """The on-call telephone is rung so often for an urgent request that nobody has taken."""
    longest_wait: Duration = timedelta(minutes=20)
    """Callers who are expected to wait longer on the line are rung instead, unless they want to stay."""
    typical_talk: Duration = timedelta(minutes=8)
    """A talk takes so long, as long as too few have been measured."""


class NumberSettings(Model):
    """Which numbers may be rung."""

    country_codes: tuple[int, ...] = (47,)
    allow: tuple[str, ...] = ()
    """Extra numbers (E.164) accepted as they stand, for example a 5-digit shelter line."""


class LimitSettings(Model):
    """How often on one day; 0 = no limit."""

    registrations_per_caller: int = Field(default=10, ge=0)
    keyed_numbers_per_caller: int = Field(default=5, ge=0)
    """How many numbers one caller may key in."""
    keyed_per_target: int = Field(default=3, ge=0)
    """How often one number may be keyed in, by whomever."""
    references_per_caller: int = Field(default=10, ge=0)
    """How many references may be keyed in from one number."""
    references_withheld: int = Field(default=200, ge=0)
    """The same of all callers together whose number is not seen: among 900,000 references they find nobody by guessing."""


class RetentionSettings(Model):
    """How long a person's data is kept."""

    days: int = Field(default=30, ge=1)
    """A request that ended longer ago loses number and note."""


class SmsService(StrEnum):
    TWILIO = "twilio"
    HTTP = "http"


class HttpSmsSettings(Model):
    """A gateway that takes a POST."""

    url: str
    format: Literal["json", "form"] = "json"
    to: str = Field(default="to", min_length=1)
    """The field of the number, E.164."""
    text: str = Field(default="text", min_length=1)
    """The field of the words."""
    key: str | None = Field(default=None, min_length=1)
    """The field of a key of ours, for gateways that send the same key once only."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Further fields, sent as they stand."""


class TwilioSmsSettings(Model):
    account_sid: str | None = Field(default=None, pattern=r"^AC[0-9a-f]{32}$")
    """None: that of [twilio]."""
    sender: str
    """E.164, a name of at most eleven letters and digits, or a messaging service (MG...)."""


class MailSettings(Model):
    """The office's mail server."""

    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    sender: str
    """The address that stands as the sender."""


class NoticeSettings(Model):
    """SMS to callers, e-mail to staff; what is not set is not sent."""

    sms: SmsService | None = None
    http: HttpSmsSettings | None = None
    twilio: TwilioSmsSettings | None = None
    email: MailSettings | None = None


class AsteriskSettings(Model):
    ami_host: str = "127.0.0.1"
    ami_port: int = 5038
    ami_user: str = "tast1"
    ami_tls: bool = False
    fastagi_host: str = "127.0.0.1"
    fastagi_port: int = 4573
    fastagi_allow: tuple[str, ...] = ("127.0.0.1",)
    """Addresses of PBXs that may connect."""
    service_address: str = "127.0.0.1"
    """This machine's IP address as the PBX sees it: the dialplan rings it, and the manager permits it."""
    trunk: str = "trunk"
    """PJSIP endpoint towards the public telephone network."""
    local_pbx: bool = False
    """The PBX of `make pbx`, on loopback, with its published secret."""


class TwilioSettings(Model):
    """The line of offices without an exchange."""

    account_sid: str | None = Field(default=None, pattern=r"^AC[0-9a-f]{32}$")
    region: Literal["us1", "ie1"] = "us1"
    """Where Twilio handles and keeps what it knows of the calls: the USA, or Ireland."""
    public_url: str | None = None
    """https; where Twilio reaches `host` and `port`, through the office's proxy."""
    host: str = "127.0.0.1"
    port: int = Field(default=8601, ge=0, le=65535)
    calls_per_second: float = Field(default=1.0, gt=0, le=100)
    """As many calls as the account may place."""
    sip_domain: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.-]+(:\d{1,5})?$")
    """The office's exchange as Twilio reaches it: its extensions are rung there."""


class Settings(Model):
    """tast1.toml."""

    service: ServiceSettings = ServiceSettings()
    retry: RetrySettings = RetrySettings()
    calls: CallSettings = CallSettings()
    numbers: NumberSettings = NumberSettings()
    limits: LimitSettings = LimitSettings()
    retention: RetentionSettings = RetentionSettings()
    notices: NoticeSettings = NoticeSettings()
    oncall: OnCallSettings = OnCallSettings()
    webhooks: WebhookSettings = WebhookSettings()
    asterisk: AsteriskSettings = AsteriskSettings()
    twilio: TwilioSettings = TwilioSettings()


class Config(Model):
    """Everything an office sets, checked as a whole."""

    settings: Settings
    offices: tuple[Office, ...]
    people: tuple[Person, ...]
    menus: dict[str, Menu] = Field(default_factory=dict)
    """By file name: the menu of every office."""
    prompts: dict[str, dict[str, str]] = Field(default_factory=dict)
    """The offices' own: language -> prompt id -> words."""
    lines: tuple[OnCallLine, ...] = ()
    """Those of oncall.toml; see `on_call_lines`."""

    @field_validator("people")
    @classmethod
    def _with_leaders(cls, people: tuple[Person, ...]) -> tuple[Person, ...]:
        return with_leaders(people)

    def menu_of(self, office: Office) -> Menu:
        """What its callers meet. Raises KeyError for an office that was not loaded with this."""
        return self.menus[office.menu]

    def line_of_office(self, office_no: str) -> LineName:
        """Which line its calls are on."""
        office = self.office(office_no)
        return (office and office.line) or self.settings.service.line

    @property
    def line_names(self) -> tuple[LineName, ...]:
        """Every line this service has."""
        used = {self.line_of_office(office.office_no) for office in self.offices}
        return tuple(name for name in LineName if name in used | {self.settings.service.line})

    def office(self, office_no: str) -> Office | None:
        return self._index().offices.get(office_no)

    def office_of_number(self, number: str) -> Office | None:
        """The office whose public number, or one of whose on-call numbers, was dialled."""
        line = self.line_of_number(number)
        if line is not None:
            return self.office(line.office_no)
        return next((o for o in self.offices if number == o.public_number), None)

    def menu_office(self, number: str) -> Office | None:
        """The office whose menu callers meet on this number: of an office's own number that office, and of the one for all
        offices the one that is named, or the only one."""
        if number != self.settings.oncall.number:
            return self.office_of_number(number)
        named = self.settings.oncall.menu_office
        return self.offices[0] if named is None and len(self.offices) == 1 else self.office(named or "")

    def line_of_number(self, number: str) -> OnCallLine | None:
        """The on-call line that was dialled."""
        return next((line for line in self.on_call_lines if line.number == number), None)

    @property
    def on_call_lines(self) -> tuple[OnCallLine, ...]:
        """All on-call lines: those of oncall.toml, and of each office that has none there one, of
        whoever carries its fallback_number."""
        return tuple(line for lines in self._index().lines.values() for line in lines)

    def lines_of(self, office_no: str) -> tuple[OnCallLine, ...]:
        """The on-call lines of an office; the first is for whoever has asked for none of them."""
        return self._index().lines.get(office_no, ())

    def line(self, line_id: str) -> OnCallLine | None:
        return next((line for line in self.on_call_lines if line.id == line_id), None)

    def on_call(self, office: Office) -> Person | None:
        """Who of the office carries its on-call telephone."""
        number = office.fallback_number
        return next(
            (p for p in self.caseworkers(office.office_no) if number in (p.mobile, p.extension)), None
        )

    def person(self, person_id: str) -> Person | None:
        return self._index().persons.get(person_id)

    def people_of(self, office_no: str) -> tuple[Person, ...]:
        """Everybody of an office."""
        return self._index().people.get(office_no, ())

    def telephones(self, person: Person) -> tuple[str, ...]:
        """Where they are rung, in order. The on-call telephone only where they have no other: it must stay free."""
        office = self.office(person.office_no or "")
        numbers = [number for number in (person.extension, person.mobile) if number is not None]
        if office is not None and office.ring_first is Telephone.MOBILE:
            numbers.reverse()
        own = [number for number in numbers if office is None or number != office.fallback_number]
        return tuple(own or numbers)

    def caseworkers(self, office_no: str) -> tuple[Person, ...]:
        """People of an office who have a telephone to ring from."""
        return tuple(person for person in self.people_of(office_no) if person.has_telephone)

    def _index(self) -> _Index:
        """Made at the first look-up, and anew in a copy that has other people or offices."""
        index: _Index | None = self.__dict__.get(_INDEX)
        made_of = (self.offices, self.people, self.lines)
        if index is None or any(a is not b for a, b in zip(index.made_of, made_of, strict=True)):
            index = self.__dict__[_INDEX] = _Index.of(*made_of)
        return index


@dataclass(frozen=True, slots=True)
class _Index:
    """Offices and people by what they are looked up by: a page asks hundreds of times."""

    made_of: tuple[tuple[Office, ...], tuple[Person, ...], tuple[OnCallLine, ...]]
    offices: dict[str, Office]
    persons: dict[str, Person]
    people: dict[str, tuple[Person, ...]]
    lines: dict[str, tuple[OnCallLine, ...]]

    @classmethod
    def of(
        cls, offices: tuple[Office, ...], people: tuple[Person, ...], lines: tuple[OnCallLine, ...]
    ) -> Self:
        there: dict[str, list[Person]] = {}
        for person in people:
            if person.office_no is not None:
                there.setdefault(person.office_no, []).append(person)
        return cls(
            (offices, people, lines),
            {office.office_no: office for office in offices},
            {person.id: person for person in people},
            {office_no: tuple(theirs) for office_no, theirs in there.items()},
            {
                office.office_no: tuple(line for line in lines if line.office_no == office.office_no)
                or _only_line(office, there.get(office.office_no, []))
                for office in offices
            },
        )


def _only_line(office: Office, people: list[Person]) -> tuple[OnCallLine, ...]:
    """Of an office that says no more of its on-call telephone than its numbers."""
    carries = [p.id for p in people if office.fallback_number in (p.mobile, p.extension)]
    leaders = [p.id for p in people if p.role is Role.LEADER and p.has_telephone]
    if office.oncall_number is None and not carries:
        return ()
    return (
        OnCallLine(
            id=f"vakt-{office.office_no}",
            office_no=office.office_no,
            number=office.oncall_number,
            people=tuple(carries[:1]),
            telephone=office.fallback_number,
            leader=leaders[0] if leaders else None,
        ),
    )


_INDEX = "kept index"
"""No field, as a cached property is none: pydantic compares, copies and prints fields only."""


def with_leaders(people: tuple[Person, ...]) -> tuple[Person, ...]:
    """Each with all leaders above them: those of `reports_to` (for a caseworker who names none: the leaders of the
    office), then theirs. Doing so again changes nothing."""
    direct = {person.id: _leaders(person, people) for person in people}
    filled = []
    for person in people:
        above = list(direct[person.id])
        for leader in above:  # it grows under way
            above += (one for one in direct.get(leader, ()) if one not in above and one != person.id)
        filled.append(person.model_copy(update={"reports_to": tuple(above)}))
    return tuple(filled)


def _leaders(person: Person, people: tuple[Person, ...]) -> tuple[str, ...]:
    if person.reports_to is not None or person.role is not Role.CASEWORKER:
        return person.reports_to or ()
    return tuple(p.id for p in people if p.role is Role.LEADER and p.office_no == person.office_no)


class Secrets(BaseModel):
    """Read from the environment only; printed never."""

    model_config = ConfigDict(frozen=True)

    ami_secret: str | None = Field(default=None, repr=False)
    """TAST1_AMI_SECRET"""
    fastagi_token: str | None = Field(default=None, repr=False)
    """TAST1_FASTAGI_TOKEN"""
    sms_token: str | None = Field(default=None, repr=False)
    """TAST1_SMS_TOKEN"""
    twilio_token: str | None = Field(default=None, repr=False)
    """TAST1_TWILIO_TOKEN"""
    twilio_second_token: str | None = Field(default=None, repr=False)
    """TAST1_TWILIO_SECOND_TOKEN: what it signs counts too."""
    smtp_password: str | None = Field(default=None, repr=False)
    """TAST1_SMTP_PASSWORD"""
    webhook_secret: str | None = Field(default=None, repr=False)
    """TAST1_WEBHOOK_SECRET: `whsec_` and base64; signs events."""
    metrics_token: str | None = Field(default=None, repr=False)
    """TAST1_METRICS_TOKEN: with it /metrics is open to other machines."""
    oncall_pin: str | None = Field(default=None, repr=False)
    """TAST1_ONCALL_PIN: with it the contact centre can ring the on-call lines from any number."""
    demo_password: str | None = Field(default=None, repr=False)
    """TAST1_DEMO_PASSWORD: gives every person without a password this one; loopback only."""
