"""What the Twilio line tells once more after a restart, and what it does not take twice."""

from __future__ import annotations

from hardware.line import Connected, DigitsEntered
from tests.contract.line_rig_twilio import TwilioRig


async def test_who_talks_is_told_again() -> None:
    """Whoever was to write down that two were joined may have died before: it is told once more."""
    rig = TwilioRig()
    await rig.open()
    try:
        _, leg, _, peer = await rig.talking()
        await rig.line.stop()
        rig.forget()
        await rig.start_line()
        assert await rig.restored() == {leg, peer}
        assert await rig.event(Connected) == Connected(leg, peer)
    finally:
        await rig.close()


async def test_a_key_sent_again_answers_one_question() -> None:
    """Twilio repeats a request whose answer was lost: its key is not taken for the next question's."""
    rig = TwilioRig()
    await rig.open()
    try:
        caller, leg = await rig.caller_up()
        await rig.line.send(rig.prompt(leg))
        await rig.press(caller, "7")
        assert (await rig.event(DigitsEntered, leg)).digits == "7"
        rig.forget()
        live = rig.line._live[leg]
        over = live.leg.seq
        await rig.line.send(rig.prompt(leg))
        live.given = 0  # as after a restart
        await rig.line.document_is_over(live, over, "7")
        assert rig.of(leg) == []
        await rig.press(caller, "8")
        assert (await rig.event(DigitsEntered, leg)).digits == "8"
    finally:
        await rig.close()
