"""The tables of the SQLite file, in the steps in which they came to be.

A released migration must never be edited: add another.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from callback.store_rows import FIRST_HASH, line_hash

MIGRATIONS = Migrations("tast1")

IS_OPEN = "open = 1"
OPEN_REQUEST = "state NOT IN ('reached', 'withdrawn', 'decided')"
RESTRICTED = "(protected = 1 OR disqualified <> '[]' OR assigned_to IS NOT NULL OR substitute IS NOT NULL)"
SERVED_BY = "coalesce(substitute, office_no)"
HELD_REQUEST = "(state = 'claimed' OR state = 'calling' OR state = 'result_due')"
ENDED = "(state = 'reached' OR state = 'withdrawn' OR state = 'decided')"
ENDED_AND_KEPT = f"{ENDED} AND (phone IS NOT NULL OR note IS NOT NULL)"
ESCALATING = f"{IS_OPEN} AND escalation < 100"
ESCALATES_AT = "coalesce(escalates_at, '')"
"""Word for word in the indexes and in the queries: SQLite uses such an index only then. (`OPEN_REQUEST`: as it was before
`m011_speed`. OR and not IN: see `m014_or`.)"""

CLOCK_IS_FIXED = "the clock of a request never changes"
"""What the trigger says; the same words where Python says it."""

_FIRST_TABLES = (
    # Each index is another page that every registration writes: none without a query that needs it.
    """CREATE TABLE request (
        id TEXT PRIMARY KEY NOT NULL,
        reference TEXT NOT NULL,
        office_no TEXT NOT NULL,
        phone TEXT,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'claimed', 'calling', 'result_due', 'unreachable',
                                             'reached', 'withdrawn', 'decided')),
        urgency TEXT NOT NULL CHECK (urgency IN ('urgent', 'ordinary')),
        reason TEXT NOT NULL,
        language TEXT NOT NULL,
        origin TEXT NOT NULL,
        registered_at TEXT NOT NULL,
        due_at TEXT NOT NULL,
        answer_by_date TEXT NOT NULL,
        last_workable_at TEXT NOT NULL,
        next_attempt_at TEXT,
        registered_by TEXT NOT NULL,
        claimed_by TEXT,
        claimed_at TEXT,
        assigned_to TEXT,
        note TEXT,
        version INTEGER NOT NULL CHECK (version >= 0)) WITHOUT ROWID""",
    f"CREATE UNIQUE INDEX request_open_number ON request (phone, office_no) WHERE {OPEN_REQUEST}",
    f"CREATE UNIQUE INDEX request_open_reference ON request (reference) WHERE {OPEN_REQUEST}",
    # next_attempt_at stands last so that the sweep finds what is due without reading every open request.
    f"""CREATE INDEX request_open_order
        ON request (urgency DESC, last_workable_at, registered_at, id, next_attempt_at, office_no)
        WHERE {OPEN_REQUEST}""",
    "CREATE INDEX request_phone ON request (phone)",
    """CREATE TRIGGER request_clock_is_fixed BEFORE UPDATE OF registered_at, due_at, answer_by_date ON request
        WHEN NEW.registered_at IS NOT OLD.registered_at OR NEW.due_at IS NOT OLD.due_at
          OR NEW.answer_by_date IS NOT OLD.answer_by_date
        BEGIN SELECT RAISE(ABORT, 'the clock of a request never changes'); END""",
    """CREATE TABLE attempt (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        request_id TEXT NOT NULL REFERENCES request (id),
        caseworker TEXT NOT NULL,
        phone TEXT,
        started_at TEXT NOT NULL,
        ringing_at TEXT,
        connected_at TEXT,
        ended_at TEXT,
        outcome TEXT CHECK (outcome IN ('answered', 'busy', 'no_answer', 'declined', 'invalid', 'cancelled',
                                        'line_failed')),
        cause INTEGER,
        result TEXT CHECK (result IN ('reached', 'wrong_person', 'ring_again')))""",
    "CREATE INDEX attempt_request ON attempt (request_id)",
    "CREATE UNIQUE INDEX attempt_live_phone ON attempt (phone) WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX attempt_live_caseworker ON attempt (caseworker) WHERE ended_at IS NULL",
    """CREATE TABLE ledger (
        seq INTEGER PRIMARY KEY,
        request_id TEXT NOT NULL REFERENCES request (id),
        at TEXT NOT NULL,
        actor TEXT NOT NULL,
        event TEXT NOT NULL,
        from_state TEXT,
        to_state TEXT,
        details TEXT NOT NULL)""",
    "CREATE INDEX ledger_request ON ledger (request_id)",
    """CREATE TRIGGER ledger_is_never_updated BEFORE UPDATE ON ledger
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_is_never_deleted BEFORE DELETE ON ledger
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    # REPLACE deletes without the trigger above unless recursive_triggers is on.
    """CREATE TRIGGER ledger_is_never_replaced BEFORE INSERT ON ledger
        WHEN EXISTS (SELECT 1 FROM ledger WHERE seq = NEW.seq)
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TABLE call (
        id TEXT PRIMARY KEY NOT NULL,
        machine TEXT NOT NULL,
        line TEXT NOT NULL,
        office_no TEXT NOT NULL,
        legs TEXT NOT NULL,
        state TEXT,
        started_at TEXT NOT NULL,
        ended_at TEXT) WITHOUT ROWID""",
    "CREATE INDEX call_open ON call (started_at) WHERE ended_at IS NULL",
    "CREATE TABLE password (person_id TEXT PRIMARY KEY, password_hash TEXT NOT NULL)",
    """CREATE TABLE session (
        digest TEXT PRIMARY KEY,
        person_id TEXT NOT NULL,
        csrf TEXT NOT NULL,
        expires_at TEXT NOT NULL)""",
    "CREATE INDEX session_expires ON session (expires_at)",
    """CREATE TABLE token (
        digest TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        office_no TEXT,
        created_at TEXT NOT NULL,
        revoked_at TEXT)""",
    "CREATE UNIQUE INDEX token_unrevoked_name ON token (name) WHERE revoked_at IS NULL",
)


@MIGRATIONS()
def m001_the_list(db: Database) -> None:
    """Requests, attempts, ledger, calls and access."""
    for statement in _FIRST_TABLES:
        db.conn.execute(statement)


_WISHES = (
    "ALTER TABLE request ADD COLUMN day_part TEXT CHECK (day_part IN ('morning', 'midday', 'afternoon'))",
    "ALTER TABLE request ADD COLUMN discreet INTEGER NOT NULL DEFAULT 0 CHECK (discreet IN (0, 1))",
    "ALTER TABLE request ADD COLUMN reachable_until TEXT",
    "DROP TRIGGER request_clock_is_fixed",
    # A request that becomes urgent is due earlier; nothing else may ever move its clock.
    f"""CREATE TRIGGER request_clock_is_fixed BEFORE UPDATE OF registered_at, due_at, answer_by_date ON request
        WHEN NEW.registered_at IS NOT OLD.registered_at OR NEW.answer_by_date IS NOT OLD.answer_by_date
          OR (NEW.due_at IS NOT OLD.due_at
              AND NOT (NEW.due_at < OLD.due_at AND OLD.urgency = 'ordinary' AND NEW.urgency = 'urgent'))
        BEGIN SELECT RAISE(ABORT, '{CLOCK_IS_FIXED}'); END""",
)


@MIGRATIONS()
def m002_wishes(db: Database) -> None:
    """What callers say of when and how they can be rung; urgent requests may become due earlier."""
    for statement in _WISHES:
        db.conn.execute(statement)


_GUARDS = (
    """CREATE TABLE day_count (
        day TEXT NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        n INTEGER NOT NULL CHECK (n > 0),
        PRIMARY KEY (day, kind, subject)) WITHOUT ROWID""",
    "CREATE TABLE never_call (subject TEXT PRIMARY KEY NOT NULL, at TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE secret (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID",
)


@MIGRATIONS()
def m003_guards(db: Database) -> None:
    """Counts per day, numbers that are never called, and the key that hashes both."""
    for statement in _GUARDS:
        db.conn.execute(statement)


_NUMBER_SOURCE = """ALTER TABLE request ADD COLUMN number_source TEXT NOT NULL DEFAULT 'caller_id'
    CHECK (number_source IN ('caller_id', 'keyed', 'staff'))"""


@MIGRATIONS()
def m004_number_source(db: Database) -> None:
    """How we came to know the number of a request."""
    db.conn.execute(_NUMBER_SOURCE)


_RETURN = (
    "ALTER TABLE attempt ADD COLUMN inbound INTEGER NOT NULL DEFAULT 0 CHECK (inbound IN (0, 1))",
    "CREATE TABLE ready (person_id TEXT PRIMARY KEY NOT NULL, since TEXT NOT NULL) WITHOUT ROWID",
)


@MIGRATIONS()
def m005_return(db: Database) -> None:
    """Who rings back after a miss is put through; who takes such calls."""
    for statement in _RETURN:
        db.conn.execute(statement)


_LEDGER_CHAIN = (
    # Without NOT NULL: a service of the version before may go on writing until it is restarted.
    "ALTER TABLE ledger ADD COLUMN hash BLOB",
    "DROP TRIGGER ledger_is_never_updated",
    """CREATE TABLE ledger_head (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        seq INTEGER NOT NULL CHECK (typeof(seq) = 'integer'),
        hash BLOB NOT NULL CHECK (typeof(hash) = 'blob'))""",
)
_LEDGER_IS_NEVER_UPDATED = """CREATE TRIGGER ledger_is_never_updated BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"""


@MIGRATIONS()
def m006_ledger_chain(db: Database) -> None:
    """Each ledger line is chained to the one before; the newest stands in a row of its own."""
    for statement in _LEDGER_CHAIN:
        db.conn.execute(statement)
    columns = "seq, request_id, at, actor, event, from_state, to_state, details"
    some = f"SELECT {columns} FROM ledger WHERE seq > ? ORDER BY seq LIMIT 1000"  # noqa: S608 - our own words
    seq, newest = 0, FIRST_HASH
    while lines := db.conn.execute(some, (seq,)).fetchall():
        hashes = []
        for seq, *row in lines:
            newest = line_hash(newest, seq, tuple(row))
            hashes.append((newest, seq))
        db.conn.executemany("UPDATE ledger SET hash = ? WHERE seq = ?", hashes)
    db.conn.execute("INSERT INTO ledger_head VALUES (1, ?, ?)", (seq, newest))
    db.conn.execute(_LEDGER_IS_NEVER_UPDATED)


@MIGRATIONS()
def m007_retention(db: Database) -> None:
    """What ended and still has a number or a note is found at each sweep without reading all that ended."""
    ended = "state IN ('reached', 'withdrawn', 'decided') AND (phone IS NOT NULL OR note IS NOT NULL)"
    db.conn.execute(f"CREATE INDEX request_kept ON request (registered_at) WHERE {ended}")


_WHO_IS_NEXT = (
    "ALTER TABLE request ADD COLUMN substitute TEXT",
    "ALTER TABLE request ADD COLUMN disqualified TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(disqualified))",
    "ALTER TABLE request ADD COLUMN interpreter INTEGER NOT NULL DEFAULT 0 CHECK (interpreter IN (0, 1))",
    "ALTER TABLE request ADD COLUMN interpreter_at TEXT",
    "ALTER TABLE request ADD COLUMN protected INTEGER NOT NULL DEFAULT 0 CHECK (protected IN (0, 1))",
    "ALTER TABLE request ADD COLUMN escalation INTEGER NOT NULL DEFAULT 0 CHECK (escalation BETWEEN 0 AND 100)",
    "ALTER TABLE request ADD COLUMN escalates_at TEXT",
    "ALTER TABLE request ADD COLUMN acknowledged INTEGER NOT NULL DEFAULT 0 CHECK (acknowledged BETWEEN 0 AND 100)",
    "ALTER TABLE request ADD COLUMN acknowledged_by TEXT",
)


@MIGRATIONS()
def m008_who_is_next(db: Database) -> None:
    """Who may have nothing to do with a request, who serves it instead, the interpreter, and the escalation."""
    for statement in _WHO_IS_NEXT:
        db.conn.execute(statement)


_SPEED = (
    # An index that is by `open` is not written when only the state changes, as one by the state is.
    "ALTER TABLE request ADD COLUMN open INTEGER NOT NULL DEFAULT 1 CHECK (open IN (0, 1))",
    "UPDATE request SET open = 0 WHERE state IN ('reached', 'withdrawn', 'decided')",
    """CREATE TRIGGER request_ends AFTER UPDATE OF state ON request
        WHEN NEW.open = (NEW.state IN ('reached', 'withdrawn', 'decided'))
        BEGIN UPDATE request SET open = NOT NEW.open WHERE id = NEW.id; END""",
    """CREATE TRIGGER request_begins AFTER INSERT ON request
        WHEN NEW.open = (NEW.state IN ('reached', 'withdrawn', 'decided'))
        BEGIN UPDATE request SET open = NOT NEW.open WHERE id = NEW.id; END""",
    "DROP INDEX request_open_number",
    f"CREATE UNIQUE INDEX request_open_number ON request (phone, office_no) WHERE {IS_OPEN}",
    "DROP INDEX request_open_reference",
    f"CREATE UNIQUE INDEX request_open_reference ON request (reference) WHERE {IS_OPEN}",
    # Whoever is next at an office, without a look at another office's, or at the row of one that is not due.
    f"""CREATE INDEX request_turn
        ON request ({SERVED_BY}, urgency DESC, last_workable_at, registered_at, id, next_attempt_at, state, open,
                    substitute, office_no) WHERE {IS_OPEN}""",
    # `open` stands in it so that counting looks up no row.
    "DROP INDEX request_open_order",
    f"""CREATE INDEX request_open_order
        ON request (urgency DESC, last_workable_at, registered_at, id, office_no, open) WHERE {IS_OPEN}""",
    # Few at any time, and never the new ones: a registration does not write it.
    """CREATE INDEX request_held ON request (state, next_attempt_at, id, claimed_by)
        WHERE state IN ('claimed', 'calling', 'result_due')""",
)


@MIGRATIONS()
def m011_speed(db: Database) -> None:
    """Long lists: the next of an office, what is held, and how many are open are found in indexes."""
    for statement in _SPEED:
        db.conn.execute(statement)


@MIGRATIONS()
def m012_waiting(db: Database) -> None:
    """How long the latest conversations took, for whoever waits on the line."""
    db.conn.execute("CREATE INDEX attempt_talk ON attempt (ended_at) WHERE connected_at IS NOT NULL")


@MIGRATIONS()
def m013_away(db: Database) -> None:
    """Who took calls and did not take one."""
    db.conn.execute("ALTER TABLE ready ADD COLUMN away_at TEXT")


_NOTICES = (
    f"CREATE INDEX request_escalating ON request ({ESCALATES_AT}, id) WHERE {ESCALATING}",
    """CREATE TABLE notice (
        id TEXT PRIMARY KEY NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('missed', 'step')),
        request_id TEXT NOT NULL REFERENCES request (id),
        created_at TEXT NOT NULL,
        due_at TEXT NOT NULL,
        attempt_id TEXT UNIQUE REFERENCES attempt (id),
        percent INTEGER,
        person_id TEXT,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'dropped', 'failed', 'uncertain')),
        tries INTEGER NOT NULL CHECK (tries >= 0),
        ended_at TEXT,
        why TEXT,
        UNIQUE (request_id, percent, person_id)) WITHOUT ROWID""",
    "CREATE INDEX notice_due ON notice (kind, due_at) WHERE state = 'waiting'",
    "CREATE INDEX notice_count ON notice (kind, state, ended_at)",
    "CREATE INDEX notice_ended ON notice (ended_at) WHERE ended_at IS NOT NULL",
)


@MIGRATIONS()
def m009_notices(db: Database) -> None:
    """Whose escalation has a next step is found without reading every open request; and the outbox of notices."""
    for statement in _NOTICES:
        db.conn.execute(statement)


@MIGRATIONS()
def m010_restricted(db: Database) -> None:
    """What is not everybody's is looked at in each sweep without reading the rest."""
    db.conn.execute(
        f"""CREATE INDEX request_restricted ON request (urgency DESC, last_workable_at, registered_at, id)
            WHERE {IS_OPEN} AND {RESTRICTED}"""
    )


_IS_WRONG = f"NEW.open = {ENDED.replace('state', 'NEW.state')}"
_TURNED_OVER = "BEGIN UPDATE request SET open = NOT NEW.open WHERE id = NEW.id; END"
_OR = (
    "DROP INDEX request_held",
    f"CREATE INDEX request_held ON request (state, next_attempt_at, id, claimed_by) WHERE {HELD_REQUEST}",
    "DROP INDEX request_kept",
    f"CREATE INDEX request_kept ON request (registered_at) WHERE {ENDED_AND_KEPT}",
    "DROP TRIGGER request_ends",
    f"CREATE TRIGGER request_ends AFTER UPDATE OF state ON request WHEN {_IS_WRONG} {_TURNED_OVER}",
    "DROP TRIGGER request_begins",
    f"CREATE TRIGGER request_begins AFTER INSERT ON request WHEN {_IS_WRONG} {_TURNED_OVER}",
)


@MIGRATIONS()
def m014_or(db: Database) -> None:
    """The same conditions with OR: for each IN of three SQLite makes a table of its own, at every write of a request."""
    for statement in _OR:
        db.conn.execute(statement)


ON_DUTY_NOW = "their telephone rings as the one on duty"
_CONSULTS = (
    """CREATE TABLE consult (
        id TEXT PRIMARY KEY NOT NULL,
        office_no TEXT NOT NULL,
        line_id TEXT NOT NULL,
        caller TEXT NOT NULL CHECK (caller IN ('contact_centre', 'caller', 'duty_check')),
        started_at TEXT NOT NULL,
        request_id TEXT REFERENCES request (id),
        answered_at TEXT,
        answered_by TEXT,
        ended_at TEXT,
        outcome TEXT CHECK (outcome IN ('answered', 'promised', 'gave_up', 'lost')),
        result TEXT CHECK (result IN ('solved', 'follow_up')),
        shift_id TEXT,
        CHECK ((answered_at IS NULL) = (answered_by IS NULL)),
        CHECK ((ended_at IS NULL) = (outcome IS NULL))) WITHOUT ROWID""",
    "CREATE INDEX consult_started ON consult (started_at)",
    "CREATE INDEX consult_open ON consult (id) WHERE ended_at IS NULL",
    """CREATE TABLE duty_leg (
        id TEXT PRIMARY KEY NOT NULL,
        consult_id TEXT NOT NULL REFERENCES consult (id),
        person_id TEXT NOT NULL,
        telephone TEXT NOT NULL,
        rung_at TEXT NOT NULL,
        joined_at TEXT,
        ended_at TEXT,
        outcome TEXT CHECK (outcome IN ('talked', 'dropped', 'in_call', 'busy', 'no_answer', 'declined', 'cancelled',
                                        'failed')),
        CHECK ((ended_at IS NULL) = (outcome IS NULL))) WITHOUT ROWID""",
    "CREATE INDEX duty_leg_consult ON duty_leg (consult_id)",
    # One telephone rings for one person at a time, whatever it rings for.
    "CREATE UNIQUE INDEX duty_leg_live_person ON duty_leg (person_id) WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX duty_leg_live_telephone ON duty_leg (telephone) WHERE ended_at IS NULL",
    """CREATE TRIGGER duty_leg_in_call BEFORE INSERT ON duty_leg WHEN NEW.ended_at IS NULL
        AND EXISTS (SELECT 1 FROM attempt WHERE caseworker = NEW.person_id AND ended_at IS NULL)
        BEGIN SELECT RAISE(ABORT, 'duty_leg: they are in a call'); END""",
    # Whoever took a caller who has a request of their own gets an attempt of it while they talk.
    """CREATE TRIGGER attempt_on_duty BEFORE INSERT ON attempt WHEN NEW.ended_at IS NULL
        AND EXISTS (SELECT 1 FROM duty_leg WHERE person_id = NEW.caseworker AND ended_at IS NULL AND joined_at IS NULL)
        BEGIN SELECT RAISE(ABORT, 'their telephone rings as the one on duty'); END""",
)


@MIGRATIONS()
def m015_consults(db: Database) -> None:
    """The consult calls: who was rung for whom, who took it, and what came of it."""
    for statement in _CONSULTS:
        db.conn.execute(statement)


_ROSTER = (
    """CREATE TABLE duty_shift (
        id TEXT PRIMARY KEY NOT NULL,
        line_id TEXT NOT NULL,
        people TEXT NOT NULL CHECK (json_valid(people)),
        begins_at TEXT NOT NULL,
        ends_at TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('shift', 'override')),
        source TEXT NOT NULL CHECK (source IN ('page', 'import', 'feed')),
        uid TEXT,
        changed_by TEXT NOT NULL,
        changed_at TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX duty_shift_line ON duty_shift (line_id, begins_at)",
    "CREATE INDEX duty_shift_ended ON duty_shift (ends_at)",
    """CREATE TABLE duty_history (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        line_id TEXT NOT NULL,
        at TEXT NOT NULL,
        actor TEXT NOT NULL,
        event TEXT NOT NULL,
        details TEXT NOT NULL CHECK (json_valid(details)))""",
    "CREATE INDEX duty_history_line ON duty_history (line_id, seq)",
    """CREATE TRIGGER duty_history_is_never_updated BEFORE UPDATE ON duty_history
        BEGIN SELECT RAISE(ABORT, 'the history of a roster is append-only'); END""",
    """CREATE TRIGGER duty_history_is_never_deleted BEFORE DELETE ON duty_history
        BEGIN SELECT RAISE(ABORT, 'the history of a roster is append-only'); END""",
    """CREATE TABLE duty_warned (
        line_id TEXT NOT NULL,
        begins_at TEXT NOT NULL,
        ends_at TEXT NOT NULL,
        step INTEGER NOT NULL CHECK (step >= 0),
        PRIMARY KEY (line_id, begins_at, ends_at, step)) WITHOUT ROWID""",
    "CREATE INDEX duty_warned_ended ON duty_warned (ends_at)",
    # A notice may be about a line instead of a request. SQLite changes neither a CHECK nor a NOT NULL in place.
    "ALTER TABLE notice RENAME TO notice_before",
    """CREATE TABLE notice (
        id TEXT PRIMARY KEY NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('missed', 'step', 'gap', 'duty')),
        request_id TEXT REFERENCES request (id),
        created_at TEXT NOT NULL,
        due_at TEXT NOT NULL,
        attempt_id TEXT UNIQUE REFERENCES attempt (id),
        percent INTEGER,
        person_id TEXT,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'dropped', 'failed', 'uncertain')),
        tries INTEGER NOT NULL CHECK (tries >= 0),
        ended_at TEXT,
        why TEXT,
        line_id TEXT,
        CHECK ((request_id IS NULL) = (kind IN ('gap', 'duty'))),
        CHECK ((line_id IS NULL) = (kind NOT IN ('gap', 'duty'))),
        UNIQUE (request_id, percent, person_id)) WITHOUT ROWID""",
    """INSERT INTO notice (id, kind, request_id, created_at, due_at, attempt_id, percent, person_id, state, tries, ended_at, why)
        SELECT id, kind, request_id, created_at, due_at, attempt_id, percent, person_id, state, tries, ended_at, why
        FROM notice_before""",
    "DROP TABLE notice_before",
    "CREATE INDEX notice_due ON notice (kind, due_at) WHERE state = 'waiting'",
    "CREATE INDEX notice_count ON notice (kind, state, ended_at)",
    "CREATE INDEX notice_ended ON notice (ended_at) WHERE ended_at IS NOT NULL",
)


@MIGRATIONS()
def m016_roster(db: Database) -> None:
    """Duty shifts, who changed them, which gaps the leader was told of; notices about a line."""
    for statement in _ROSTER:
        db.conn.execute(statement)


_CONTACT_CENTRE = (
    """CREATE TABLE office_note (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        office_no TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('confirmed', 'message')),
        at TEXT NOT NULL,
        by TEXT NOT NULL,
        text TEXT NOT NULL,
        expires_at TEXT)""",
    "CREATE INDEX office_note_newest ON office_note (office_no, kind, seq)",
    """CREATE TRIGGER office_note_is_never_updated BEFORE UPDATE ON office_note
        BEGIN SELECT RAISE(ABORT, 'what an office said is append-only'); END""",
    """CREATE TRIGGER office_note_is_never_deleted BEFORE DELETE ON office_note
        BEGIN SELECT RAISE(ABORT, 'what an office said is append-only'); END""",
    """CREATE TABLE office_event (
        id TEXT PRIMARY KEY NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('duty', 'hours', 'confirmation', 'message')),
        office_no TEXT NOT NULL,
        created_at TEXT NOT NULL,
        body TEXT NOT NULL CHECK (json_valid(body)),
        due_at TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
        tries INTEGER NOT NULL CHECK (tries >= 0),
        ended_at TEXT,
        why TEXT) WITHOUT ROWID""",
    "CREATE INDEX office_event_due ON office_event (due_at) WHERE state = 'waiting'",
    "CREATE INDEX office_event_ended ON office_event (ended_at) WHERE ended_at IS NOT NULL",
    """CREATE TABLE office_seen (
        office_no TEXT NOT NULL,
        kind TEXT NOT NULL,
        hash TEXT NOT NULL,
        PRIMARY KEY (office_no, kind)) WITHOUT ROWID""",
)


@MIGRATIONS()
def m017_contact_centre(db: Database) -> None:
    """What offices say of themselves to the contact centre, and the events that its own system is told."""
    for statement in _CONTACT_CENTRE:
        db.conn.execute(statement)


_TWILIO = (
    """CREATE TABLE twilio_leg (
        id TEXT PRIMARY KEY NOT NULL,
        sid TEXT UNIQUE,
        state TEXT NOT NULL,
        ended_at TEXT) WITHOUT ROWID""",
    "CREATE INDEX twilio_leg_open ON twilio_leg (id) WHERE ended_at IS NULL",
    "CREATE INDEX twilio_leg_ended ON twilio_leg (ended_at) WHERE ended_at IS NOT NULL",
)


@MIGRATIONS()
def m018_twilio(db: Database) -> None:
    """The legs of a line at Twilio, where a webhook after a restart finds its call."""
    for statement in _TWILIO:
        db.conn.execute(statement)


_CONSULT_REPORT = (
    # The report reads these indexes only, never the rows behind them.
    "DROP INDEX consult_started",
    "CREATE INDEX consult_started ON consult (started_at, office_no, caller, outcome, answered_at)",
    "CREATE INDEX consult_office ON consult (office_no, started_at, caller, outcome, answered_at)",
    "DROP INDEX duty_leg_consult",
    "CREATE INDEX duty_leg_consult ON duty_leg (consult_id, person_id, outcome)",
    "CREATE INDEX consult_counts ON consult (office_no, caller, outcome) WHERE outcome IS NOT NULL",
    "CREATE INDEX consult_request ON consult (request_id) WHERE request_id IS NOT NULL",
)


@MIGRATIONS()
def m019_consult_report(db: Database) -> None:
    """An office's consult calls, their counts, and those of one request, are found without a look at all."""
    for statement in _CONSULT_REPORT:
        db.conn.execute(statement)


_SMS = (
    # What becomes of an SMS after it was sent. SQLite does not change a CHECK in place.
    "ALTER TABLE notice RENAME TO notice_before",
    """CREATE TABLE notice (
        id TEXT PRIMARY KEY NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('missed', 'step', 'gap', 'duty')),
        request_id TEXT REFERENCES request (id),
        created_at TEXT NOT NULL,
        due_at TEXT NOT NULL,
        attempt_id TEXT UNIQUE REFERENCES attempt (id),
        percent INTEGER,
        person_id TEXT,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'delivered', 'undelivered', 'dropped',
                                             'failed', 'uncertain')),
        tries INTEGER NOT NULL CHECK (tries >= 0),
        ended_at TEXT,
        why TEXT,
        line_id TEXT,
        CHECK ((request_id IS NULL) = (kind IN ('gap', 'duty'))),
        CHECK ((line_id IS NULL) = (kind NOT IN ('gap', 'duty'))),
        UNIQUE (request_id, percent, person_id)) WITHOUT ROWID""",
    "INSERT INTO notice SELECT * FROM notice_before",
    "DROP TABLE notice_before",
    "CREATE INDEX notice_due ON notice (kind, due_at) WHERE state = 'waiting'",
    "CREATE INDEX notice_count ON notice (kind, state, ended_at)",
    "CREATE INDEX notice_ended ON notice (ended_at) WHERE ended_at IS NOT NULL",
    "CREATE TABLE no_sms (subject TEXT PRIMARY KEY NOT NULL, at TEXT NOT NULL) WITHOUT ROWID",
)


@MIGRATIONS()
def m020_sms(db: Database) -> None:
    """Whether an SMS came, and numbers that want none."""
    for statement in _SMS:
        db.conn.execute(statement)
