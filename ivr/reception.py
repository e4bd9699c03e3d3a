"""Who takes a call that was offered: the contact centre's machine, or the menu of the office that was rung."""

from __future__ import annotations

from datetime import datetime

from callback.desk import Desk
from config.model import Office
from hardware.line import CallOffered
from ivr import arrival, consult
from ivr.arrival import ArrivalState
from ivr.consult_port import Choice
from ivr.consult_state import ConsultState
from ivr.consult_work import choice
from ivr.intake_state import OfficeFacts


class Reception:
    def __init__(self, desk: Desk, pin: str | None) -> None:
        """`pin`: with it the contact centre can ring the on-call lines from any number."""
        self._desk = desk
        self._pin = pin

    def takes(self, offered: CallOffered) -> tuple[str, ArrivalState | ConsultState] | None:
        """The `office_no` (empty: no office's), and the machine that begins. None: nobody here has that number."""
        desk = self._desk
        office = desk.config.menu_office(offered.to)
        state: ArrivalState | ConsultState | None = self._consult(offered, office)
        if state is None and office is not None:
            facts = self._facts(office, desk.clock.now())
            state = arrival.begin(offered, facts, desk.config.menu_of(office))
        return None if state is None else (office.office_no if office else "", state)

    def _consult(self, offered: CallOffered, office: Office | None) -> ConsultState | None:
        """A call to an on-call number, or the one for all offices. None: it meets the menu."""
        desk, settings = self._desk, self._desk.config.settings
        line = desk.config.line_of_number(offered.to)
        if line is None and offered.to != settings.oncall.number:
            return None
        asked = None if line is None or office is None else choice(office, line)
        wait, known = settings.calls.menu_wait, desk.may_consult(offered.caller, offered.trunk)
        if known:
            return consult.offered(offered, asked, wait)
        if self._pin is None or office is None:  # no office: the exchange rings its fall-back
            return None
        menu = (self._facts(office, desk.clock.now()), desk.config.menu_of(office))
        return consult.offered(offered, asked, wait, menu, asks_pin=True)

    def _facts(self, office: Office, now: datetime) -> OfficeFacts:
        hours = self._desk.calendar(office.office_no).hours_at(now)
        return OfficeFacts(
            office_no=office.office_no,
            languages=office.languages,
            wait=self._desk.config.settings.calls.menu_wait,
            open=hours.open,
            opens_at=hours.opens_at or now,
            drop_in=hours.drop_in,
            public_number=office.public_number,
            on_call=self._on_call(office, now),
            speed=office.voice_speed,
            emergency=office.emergency_prompt,
        )

    def _on_call(self, office: Office, now: datetime) -> Choice | None:
        """The line for whoever asks for none of them, while somebody is to answer it."""
        lines = self._desk.config.lines_of(office.office_no)
        return choice(office, lines[0]) if lines and self._desk.line_is_open(lines[0], now) else None
