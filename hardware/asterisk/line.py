"""The Line port on Asterisk: AMI to ring, hang up and be told; FastAGI for a call that is up.

It must never ring anyone twice for one `Originate` (a lost answer is settled by asking), never log a number or a
name, and never say that a call is done (`TAST1_DONE`) which the dialplan should still look after.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from config.model import AsteriskSettings, Secrets
from hardware.asterisk import pbx_numbers
from hardware.asterisk.agi_call import AgiCall
from hardware.asterisk.agi_dial import CallSetup
from hardware.asterisk.ami import AmiClient, AmiNoReply, AmiTiming
from hardware.asterisk.ami_codec import AmiEvent
from hardware.asterisk.ami_link import AmiLink, BackOff
from hardware.asterisk.fastagi import AgiSession, FastAgiServer
from hardware.asterisk.handover import ami_address, check_command, fastagi_token, offer
from hardware.asterisk.hang_up import HangUps, Jobs
from hardware.asterisk.kept import KeptPeers
from hardware.asterisk.leg import CHECK_PREFIX, Leg, channel_of, is_leg_id, leg_of
from hardware.asterisk.leg_table import LegTable
from hardware.asterisk.outcomes import DialEnd
from hardware.asterisk.pbx_check_call import CHECK_PROMPT, answer_check
from hardware.asterisk.pbx_config import LEG_CONTEXT, LEG_ENDED_EVENT
from hardware.asterisk.settled_ends import SettledEnds
from hardware.asterisk.snapshot import end_on_record, is_alive, take_snapshot
from hardware.line import (
    Abandon,
    Answer,
    Command,
    Dial,
    EventSink,
    Hangup,
    Kept,
    LegAnswered,
    LegEnded,
    LineError,
    LineEvent,
    LineLost,
    LineRejected,
    LineRestored,
    LineStatus,
    Originate,
    Prompt,
)
from scheduler.clock import Clock

log = structlog.get_logger(__name__)

_LISTEN_AGAIN: Final = 5.0
_WATCH_EVERY: Final = 15.0


class AsteriskLine:
    """One Asterisk. See `hardware.line.Line` for what each method promises.

    A leg that came in is called after Asterisk's Uniqueid (`tast1-in-...`), so that a conversation which outlives
    the service is recognised by its next life. Ids given to `Originate` must begin with `tast1-`.
    For a leg adopted from an earlier life, the peer's id is asked of the exchange; where it cannot tell, `LegEnded`
    of the leg alone is emitted, with the `Dial`'s outcome, and `answered` = the two talked."""

    def __init__(
        self,
        settings: AsteriskSettings,
        secrets: Secrets,
        prompt_url: str,
        clock: Clock,
        *,
        timing: AmiTiming | None = None,
        back_off: BackOff | None = None,
    ) -> None:
        self._settings = settings
        self._prompt_base = prompt_url.rstrip("/")
        self._clock = clock
        self._sink: EventSink | None = None
        self._table = LegTable(self._emit, self._part)
        self._held: list[AmiEvent] | None = None
        self._jobs = Jobs()
        self._stopping = False
        self._settled = SettledEnds()
        self._kept = KeptPeers()
        self._link = AmiLink(
            ami_address(settings, secrets),
            clock,
            on_event=self._on_ami_event,
            on_up=self._on_up,
            on_down=self._on_down,
            timing=timing,
            back_off=back_off,
        )
        self._hang_ups = HangUps(self._table, self._link, self._jobs)
        watch = self._hang_ups.watch_screen
        self._setup = CallSetup(
            self._url_of,
            self._destination,
            self._emit,
            self._settled,
            self._kept,
            self._table.end_beside,
            self._go_on,
            watch,
        )
        self._server = FastAgiServer(
            (settings.fastagi_host, settings.fastagi_port),
            settings.fastagi_allow,
            fastagi_token(settings, secrets),
            self._on_session,
        )
        self._listening = False

    # ---- the port ----------------------------------------------------------------------------------------------

    async def start(self, sink: EventSink) -> None:
        self._sink = sink
        if not await self._listen():
            self._jobs.spawn(self._listen_until_it_works())
        self._jobs.spawn(self._link.run())

    async def stop(self) -> None:
        self._stopping = True
        await self._jobs.stop()
        await self._server.stop()

    def status(self) -> LineStatus:
        detail = self._link.detail
        if not self._listening:
            detail += f"; port {self._settings.fastagi_port} for FastAGI is in use: incoming calls go to the fall-back"
        return LineStatus("asterisk", self._link.up and self._listening, self._link.since, detail)

    async def send(self, command: Command) -> None:
        if isinstance(command, Originate):
            await self._originate(command)
        elif isinstance(command, Hangup):
            self._hang_ups.end(command.leg)
        elif isinstance(command, Abandon):
            self._abandon(command)
        else:
            self._to_session(command)

    async def last_words(self, leg: str) -> LegEnded | None:
        """See the port. Asterisk keeps it in its own database, written by the dialplan."""
        end = await self._end_on_record(channel_of(leg))
        return end.event(leg) if end is not None else None

    async def _end_on_record(self, channel: str) -> DialEnd | None:
        end = await end_on_record(self._link.client(), channel)
        if end is not None:
            self._settled.add(channel)
        return end

    @property
    def fastagi_port(self) -> int:
        return self._server.port

    # ---- commands ----------------------------------------------------------------------------------------------

    def _to_session(self, command: Answer | Prompt | Dial) -> None:
        check_command(command)
        if isinstance(command, Dial):
            for to in (command.to, *(beside.to for beside in command.also)):
                self._destination(to)
            _require_caller_id(command.caller_id)
        leg = self._table.get(command.leg)
        if leg is not None and leg.call is not None:
            leg.call.put(command)

    async def _originate(self, command: Originate) -> None:
        if not is_leg_id(command.leg) or self._table.get(command.leg) is not None:
            raise LineRejected("the id of a leg must begin with tast1- and be new")
        _require_caller_id(command.caller_id)
        fields = {
            "Channel": self._destination(command.to),
            "Context": LEG_CONTEXT,
            "Exten": "s",
            "Priority": "1",
            "CallerID": f"<{command.caller_id}>",
            "Timeout": str(max(int(command.ring_timeout.total_seconds() * 1000), 1000)),
            "Async": "true",
            "ChannelId": command.leg,
        }
        client = self._link.client()
        leg = self._table.add(Leg(command.leg, command.leg))
        try:
            await client.action("Originate", fields)
        except AmiNoReply:
            # It may ring. The link is dead by now; the snapshot of the next one tells what became of it.
            log.warning("originate_answer_lost", leg=leg.id)
        except LineError:
            self._table.forget(leg)
            raise

    def _abandon(self, command: Abandon) -> None:
        """A leg nobody has answered yet is hung up; one without a session is with the fall-back already."""
        leg = self._table.get(command.leg)
        if leg is not None and leg.call is not None:
            leg.call.abandon()
        elif leg is not None and not leg.answered:
            self._hang_ups.end(command.leg)

    # ---- what comes from the exchange --------------------------------------------------------------------------

    def _on_session(self, session: AgiSession) -> None:
        """A call, handed over by the dialplan."""
        channel = session.env.get("agi_uniqueid", "")
        if channel.startswith(CHECK_PREFIX):
            self._jobs.spawn(answer_check(session, self._url_of(CHECK_PROMPT)))
            return
        if session.script == "kept":
            self._kept.arrived(leg_of(session.env.get("agi_arg_1", "")), session)
            return
        leg = self._table.get(leg_of(channel))
        if not channel or session.script not in ("call", "leg") or (leg is not None and leg.call is not None):
            log.warning("agi_unknown_script", script_known=session.script in ("call", "leg"))
            session.close()
            return
        leg = leg or self._table.add(Leg(leg_of(channel), channel))
        leg.call = AgiCall(leg, session, self._setup)
        self._jobs.spawn(self._serve(leg, leg.call))
        if leg.cancelled:
            leg.call.put(Hangup(leg.id))
        elif session.script == "leg":
            leg.answered = True
            self._emit(LegAnswered(leg.id))
        else:
            self._emit(offer(leg.id, session.env))

    async def _serve(self, leg: Leg, call: AgiCall) -> None:
        try:
            await call.run()
        finally:
            leg.call = None
            if not call.abandoned:
                self._table.forget(leg)
        if call.abandoned:
            leg.adopted = True
            self._jobs.spawn(self._watch(leg))

    def _part(self, leg: Leg, end: DialEnd) -> None:
        self._jobs.spawn(self._take_peer_of(leg, end))

    async def _take_peer_of(self, leg: Leg, end: DialEnd) -> None:
        """A leg without a session has ended, and perhaps its peer stays."""
        if leg.dialling is not None:
            leg.kept = await self._kept.take(leg.dialling.peer)
        self._table.close(leg, end)
        self._go_on(leg)

    def _go_on(self, left: Leg) -> None:
        if (session := left.kept) is None:
            return
        peer = leg_of(session.env.get("agi_arg_1", ""))
        channel = session.env.get("agi_uniqueid", "")
        leg = self._table.add(Leg(peer, channel, answered=True, has_channel=True))
        leg.call = AgiCall(leg, session, self._setup)
        self._jobs.spawn(self._serve(leg, leg.call))
        self._emit(Kept(peer))

    def _on_ami_event(self, event: AmiEvent) -> None:
        if event.keys.get("UserEvent") == LEG_ENDED_EVENT:
            self._settled.add(event.keys.get("Leg", ""))
        if self._held is not None:
            self._held.append(event)
        else:
            self._table.take(event)

    def _on_down(self, why: str) -> None:
        self._emit(LineLost(why))

    async def _on_up(self, client: AmiClient) -> None:
        """Take a snapshot, tell, and only then what happened meanwhile."""
        self._held = []
        try:
            adopted, out = await take_snapshot(client, self._table)
            self._emit(LineRestored(self._table.alive() - {peer for _, peer, _ in out}))
            for dialling, peer, end in out:
                self._table.end_beside(dialling, peer, end)
            for dialler, dialling in self._table.unheard_joins():
                self._table.joined(dialler, dialling, dialling.peer)
            for leg in adopted:
                self._jobs.spawn(self._watch(leg))
        finally:
            held, self._held = self._held, None
            for event in held:
                self._table.take(event)

    async def _watch(self, leg: Leg) -> None:
        """A leg without a session, whose end may reach us by no event: ask now and then."""
        while self._table.get(leg.id) is leg and leg.call is None:
            await asyncio.sleep(_WATCH_EVERY)
            try:
                if not await is_alive(self._link.client(), leg.channel):
                    self._table.end_adopted(leg, await self._end_on_record(leg.channel))
            except LineError:
                log.debug("watch_postponed", leg=leg.id)

    # ---- small things ------------------------------------------------------------------------------------------

    def _emit(self, event: LineEvent) -> None:
        if self._sink is not None and not self._stopping:
            self._sink(event)

    def _url_of(self, item: str) -> str:
        return f"{self._prompt_base}/prompts/{item}.wav"

    def _destination(self, to: str) -> str:
        if pbx_numbers.is_e164(to):
            return f"PJSIP/{to}@{self._settings.trunk}"
        if pbx_numbers.is_extension(to):
            return f"PJSIP/{to}"
        raise LineRejected("neither a telephone number in E.164 nor an extension")

    async def _listen(self) -> bool:
        try:
            await self._server.start()
        except OSError as error:
            log.warning("fastagi_port_in_use", port=self._settings.fastagi_port, reason=error.strerror)
            return False
        self._listening = True
        return True

    async def _listen_until_it_works(self) -> None:
        while not self._listening:
            await asyncio.sleep(_LISTEN_AGAIN)
            try:
                await self._server.start()
            except OSError:
                continue
            self._listening = True
            log.info("fastagi_listening", port=self.fastagi_port)


def _require_caller_id(caller_id: str) -> None:
    if not pbx_numbers.is_e164(caller_id):
        raise LineRejected("the caller id is no telephone number in E.164")
