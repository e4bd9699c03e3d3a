"""What an SMS says, in the languages of the prompts. Pure.

Neutral: not a word of Nav, the office, a name, or what it is about, for somebody else may read it. One or two SMS each.
Those of NOT_REVIEWED (ivr/prompts.py) are not reviewed by a native speaker either. To review: read each against `nb`, and
look at one with another weekday.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ivr.prompts import BASE_LANGUAGE
from scheduler.calendar import OfficeCalendar
from scheduler.clock import to_local
from scheduler.coverage import Gap, GapWhy

_WINDOW = timedelta(hours=2)
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""3GPP TS 23.038, the basic table: one septet each. Other characters make the whole SMS UCS-2."""


@dataclass(frozen=True, slots=True)
class _Words:
    tried: str
    """With {day}, {begins} and {ends}."""
    come_through: str
    today: str
    tomorrow: str
    weekdays: tuple[str, ...]
    """As they stand in `tried`, Monday first."""
    minutes: str = ":"
    """Between hour and minutes."""


_SMS = {
    "nb": _Words(
        "Vi prøvde å ringe deg. Vi prøver igjen {day} mellom {begins} og {ends}.",
        "Ring oss på samme nummer, så kommer du rett gjennom.",
        "i dag", "i morgen",
        ("mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag", "søndag"), ".",
    ),
    "nn": _Words(
        "Vi prøvde å ringje deg. Vi prøver igjen {day} mellom {begins} og {ends}.",
        "Ring oss på same nummeret, så kjem du rett gjennom.",
        "i dag", "i morgon",
        ("måndag", "tysdag", "onsdag", "torsdag", "fredag", "laurdag", "sundag"), ".",
    ),
    "en": _Words(
        "We tried to call you. We will try again {day} between {begins} and {ends}.",
        "Call us on the same number and you come straight through.",
        "today", "tomorrow",
        ("on Monday", "on Tuesday", "on Wednesday", "on Thursday", "on Friday", "on Saturday", "on Sunday"),
    ),
    "uk": _Words(
        "Ми вам телефонували. Спробуємо ще раз {day} між {begins} і {ends}.",
        "Подзвоніть на той самий номер, і вас одразу з'єднають.",
        "сьогодні", "завтра",
        ("у понеділок", "у вівторок", "у середу", "у четвер", "у п'ятницю", "у суботу", "у неділю"),
    ),
    "ru": _Words(
        "Мы вам звонили. Попробуем ещё раз {day} между {begins} и {ends}.",
        "Позвоните на тот же номер, и вас сразу соединят.",
        "сегодня", "завтра",
        ("в понедельник", "во вторник", "в среду", "в четверг", "в пятницу", "в субботу", "в воскресенье"),
    ),
    "pl": _Words(
        "Dzwoniliśmy do Ciebie. Spróbujemy ponownie {day} między {begins} a {ends}.",
        "Oddzwoń na ten sam numer, a od razu Cię połączymy.",
        "dzisiaj", "jutro",
        ("w poniedziałek", "we wtorek", "w środę", "w czwartek", "w piątek", "w sobotę", "w niedzielę"),
    ),
    "ar": _Words(
        "حاولنا الاتصال بك. سنحاول مرة أخرى {day} بين الساعة {begins} و{ends}.",
        "اتصل بنا على الرقم نفسه وسنوصلك مباشرة.",
        "اليوم", "غدًا",
        ("يوم الاثنين", "يوم الثلاثاء", "يوم الأربعاء", "يوم الخميس", "يوم الجمعة", "يوم السبت", "يوم الأحد"),
    ),
    "ti": _Words(
        "ክንድውለልኩም ፈቲንና ኔርና። {day} ካብ {begins} ክሳብ {ends} ደጊምና ክንፍትን ኢና።",
        "ናብቲ ሓደ ዓይነት ቁጽሪ ደውሉ፡ ብቐጥታ ከነራኽበኩም ኢና።",
        "ሎሚ", "ጽባሕ",
        ("ሰኑይ", "ሰሉስ", "ረቡዕ", "ሓሙስ", "ዓርቢ", "ቀዳም", "ሰንበት"),
    ),
    "so": _Words(
        "Waan ku soo wacnay. Waxaan mar kale isku dayi doonnaa {day} inta u dhaxaysa {begins} iyo {ends}.",
        "Nagu soo wac isla lambarka, si toos ah ayaan kuu xiri doonnaa.",
        "maanta", "berri",
        ("Isniinta", "Talaadada", "Arbacada", "Khamiista", "Jimcaha", "Sabtida", "Axadda"),
    ),
}  # fmt: skip
LANGUAGES = tuple(_SMS)


def window(at: datetime, calendar: OfficeCalendar) -> tuple[datetime, datetime]:
    """(begins, ends) of what is told of an attempt planned at `at`: the hour it falls in and the next, within phone hours.

    At a moment outside phone hours, of the next opening. Raises NeverOpen."""
    at = calendar.next_opening(at)
    hours = calendar.hours_on(to_local(at).date())
    assert hours is not None  # it is open then
    hour = at.replace(minute=0, second=0, microsecond=0)
    return max(hour, hours[0]), min(hour + _WINDOW, hours[1])


def sms(language: str, begins: datetime, ends: datetime, now: datetime, *, come_through: bool) -> str:
    """The words. `come_through`: who rings back now is put through."""
    words = _SMS.get(language) or _SMS[BASE_LANGUAGE]
    day, today = to_local(begins).date(), to_local(now).date()
    ahead = (day - today).days
    told = {0: words.today, 1: words.tomorrow}.get(ahead, words.weekdays[day.weekday()])
    if ahead > 6:
        told += f" {day.day}.{day.month}."
    text = words.tried.format(day=told, begins=_clock(begins, words), ends=_clock(ends, words))
    return f"{text} {words.come_through}" if come_through else text


def segments(text: str) -> int:
    """How many SMS it is sent as."""
    if set(text) <= _GSM:
        return 1 if len(text) <= 160 else -(-len(text) // 153)
    units = len(text.encode("utf-16-le")) // 2
    return 1 if units <= 70 else -(-units // 67)


def _clock(at: datetime, words: _Words) -> str:
    local = to_local(at)
    return f"{local:%-H}{words.minutes}{local:%M}" if local.minute else f"{local:%-H}"


def mail(reference: str, percent: int, due_at: datetime, office: str, link: str | None) -> tuple[str, str]:
    """(subject, text) of an e-mail to staff, in bokmål. It says nothing of who it is about."""
    due = f"{to_local(due_at):%d.%m.%Y kl. %H.%M}"
    late = "Ingen har kvittert ennå."
    where = f"Se forespørselen: {link}" if link else "Se forespørselen i Tast 1: søk etter referansen."
    text = (
        f"Forespørsel {reference} ved {office}: {percent} % av fristen er brukt. Fristen er {due}.\n{late}\n\n{where}\n\n"
        "Denne meldingen er sendt automatisk og kan ikke besvares.\n"
    )
    return f"Tast 1: {percent} % av fristen er brukt, referanse {reference}", text


_GAPS_TOLD = 20


def duty_mail(line: str, on_duty: Sequence[str], link: str | None) -> tuple[str, str]:
    """(subject, text) of an e-mail to a leader, in bokmål: whoever is to be on duty did not confirm it on the telephone."""
    now = f"På vakt nå: {', '.join(on_duty)}." if on_duty else "Ingen er på vakt nå."
    where = f"Se vaktlista: {link}" if link else "Se vaktlista i Tast 1, under Vakt."
    text = (
        f"{line}: den som har vakta, bekreftet den ikke da vi ringte to ganger.\nVi ringer nå de andre på linja.\n{now}\n"
        f"{where}\n\nDenne meldingen er sendt automatisk og kan ikke besvares.\n"
    )
    return f"Tast 1: vakta er ikke bekreftet, {line}", text


def gaps_mail(line: str, gaps: Sequence[Gap], percent: int, link: str | None) -> tuple[str, str]:
    """(subject, text) of an e-mail to a leader, in bokmål: when nobody can be reached on an on-call line. The first gap first."""
    days = _SMS[BASE_LANGUAGE].weekdays
    rows = []
    for gap in gaps[:_GAPS_TOLD]:
        begins, ends = to_local(gap.begins_at), to_local(gap.ends_at)
        why = "ingen har vakt" if gap.why is GapWhy.NOBODY else "den som har vakt, har ikke noe nummer"
        rows.append(f"- {days[begins.weekday()]} {begins:%d.%m. kl. %H.%M}-{ends:%H.%M}: {why}")
    if len(gaps) > _GAPS_TOLD:
        rows.append(f"- og {len(gaps) - _GAPS_TOLD} til")
    where = f"Sett noen på vakt: {link}" if link else "Sett noen på vakt i Tast 1, under Vakt."
    text = (
        f"{line}: kontaktsenteret når ingen i disse tidene:\n" + "\n".join(rows)
        + f"\n\nDekningen de neste fire ukene er {percent} %.\n{where}\n\n"
        "Denne meldingen er sendt automatisk og kan ikke besvares.\n"
    )  # fmt: skip
    first = to_local(gaps[0].begins_at)
    return f"Tast 1: ingen på vakt {first:%d.%m. kl. %H.%M}, {line}", text
