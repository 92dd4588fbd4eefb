// The tables of the SQLite store, described in docs/storage-schema.md. A migration that was released is never changed:
// add one. `PRAGMA user_version` counts those that ran. Instants are milliseconds since the epoch.

const initial = `
  CREATE TABLE records (
    key TEXT PRIMARY KEY NOT NULL,
    model TEXT NOT NULL,
    value BLOB NOT NULL,
    expires_at INTEGER,
    purge_at INTEGER,
    consumed_at INTEGER,
    uid TEXT,
    grant_id TEXT
  ) STRICT;
  CREATE UNIQUE INDEX records_uid ON records (uid) WHERE uid IS NOT NULL;
  CREATE INDEX records_grant_id ON records (grant_id) WHERE grant_id IS NOT NULL;
  CREATE INDEX records_purge_at ON records (purge_at) WHERE purge_at IS NOT NULL;

  CREATE TABLE device_codes (
    key TEXT PRIMARY KEY NOT NULL REFERENCES records (key) ON DELETE CASCADE,
    user_code TEXT,
    phase TEXT NOT NULL,
    owner TEXT,
    polled_at INTEGER,
    slowed_by INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE UNIQUE INDEX device_codes_user_code ON device_codes (user_code) WHERE user_code IS NOT NULL;

  CREATE TABLE attempts (
    name TEXT PRIMARY KEY NOT NULL,
    taken INTEGER NOT NULL,
    ends_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX attempts_ends_at ON attempts (ends_at);

  CREATE TABLE documents (
    name TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
  ) STRICT;
`

/** Of a grant: whose it is, and when it was last used. */
const accounts = `
  ALTER TABLE records ADD COLUMN account TEXT;
  ALTER TABLE records ADD COLUMN used_at INTEGER;
  CREATE INDEX records_account ON records (account) WHERE account IS NOT NULL;
`

/** Records of a model in the order of their keys; documents that end. */
const listings = `
  CREATE INDEX records_model ON records (model, key);
  ALTER TABLE documents ADD COLUMN ends_at INTEGER;
  CREATE INDEX documents_ends_at ON documents (ends_at) WHERE ends_at IS NOT NULL;
`

export const migrations: readonly string[] = [initial, accounts, listings]
