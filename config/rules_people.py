"""Rules of who leads whom, who speaks what, who sees protected persons, and which office stands in for another.

Called by load.py only, on the tables as they were read. Nothing here may raise.
"""

from __future__ import annotations

from collections.abc import Iterator

from config.model import Role
from config.problems import OFFICES_FILE, STAFF_FILE, Draft, Table, numbered
from config.rules_office import known_languages


def check_serving(draft: Draft) -> None:
    """`substitute_office` of the offices; `languages`, `reports_to` and `protected_access` of people."""
    known = [str(office.get("office_no")) for office in draft.offices or ()]
    for key, office in numbered(draft.offices, "office"):
        for message in _substitute_problems(office, known):
            draft.add(OFFICES_FILE, f"{key}.substitute_office", message)
    people = {str(person.get("id")): person for person in draft.people or ()}
    for key, person in numbered(draft.people, "person"):
        for at, message in _person_problems(person, people):
            draft.add(STAFF_FILE, f"{key}.{at}", message)


def _substitute_problems(office: Table, known: list[str]) -> Iterator[str]:
    substitute = office.get("substitute_office")
    if isinstance(substitute, str) and substitute == office.get("office_no"):
        if known.count(substitute) == 1:  # else the number itself is wrong, and that is told
            yield "an office cannot stand in for itself; name another"
    elif isinstance(substitute, str) and substitute not in known:
        yield f"no office {substitute!r} in this file; there are: {', '.join(sorted(known))}"


def _person_problems(person: Table, people: dict[str, Table]) -> Iterator[tuple[str, str]]:
    spoken = person.get("languages")
    known = known_languages() | {"nn"}
    for count, language in enumerate(spoken if isinstance(spoken, list) else (), start=1):
        if isinstance(language, str) and language not in known:
            yield f"languages[{count}]", f"unknown language {language!r}; known: {', '.join(sorted(known))}"
    if person.get("protected_access") is True and person.get("role") == Role.CONTACT_CENTRE.value:
        yield "protected_access", "the contact centre never sees protected persons; take this away"
    for leader in _named(person):
        if leader not in people:
            yield "reports_to", f"no person {leader!r} in this file"
        elif people[leader].get("role") != Role.LEADER.value:
            yield "reports_to", f"{leader!r} is no leader; name a person with the role leader"
        elif leader == person.get("id") or person.get("id") in _above(leader, people):
            yield "reports_to", "a circle: nobody reports to themself, or to somebody who reports to them"


def _named(person: Table) -> list[str]:
    leaders = person.get("reports_to")
    leaders = leaders if isinstance(leaders, list) else [leaders]
    return [leader for leader in leaders if isinstance(leader, str)]


def _above(person_id: str, people: dict[str, Table]) -> set[str]:
    found, new = set[str](), {person_id}
    while new:
        new = {leader for one in new for leader in _named(people.get(one, {}))} - found
        found |= new
    return found
