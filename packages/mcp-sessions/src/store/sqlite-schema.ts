// The tables of the SQLite store, described in docs/adr/0006. A migration that was released is never changed: add one.
// `PRAGMA user_version` counts those that ran. Instants are milliseconds since the epoch.

const initial = `
  CREATE TABLE sessions (
    key TEXT PRIMARY KEY NOT NULL,
    owner TEXT NOT NULL,
    value BLOB NOT NULL,
    used_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX sessions_owner ON sessions (owner, used_at);
  CREATE INDEX sessions_used_at ON sessions (used_at);

  CREATE TABLE streams (
    session TEXT NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    name TEXT NOT NULL,
    producer TEXT,
    opening BLOB,
    reader TEXT,
    last INTEGER,
    gap INTEGER,
    PRIMARY KEY (session, name)
  ) STRICT;

  CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    stream TEXT NOT NULL,
    value BLOB,
    added_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX events_session ON events (session, position);
`

export const migrations: readonly string[] = [initial]
