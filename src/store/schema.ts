/** Revisions count changes of all resources together; a change keeps what was before and after. */
export const SCHEMA = `
CREATE TABLE IF NOT EXISTS resource (
  kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS change (
  revision INTEGER NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, action TEXT NOT NULL,
  at_ms INTEGER NOT NULL, actor TEXT NOT NULL, before TEXT, after TEXT,
  PRIMARY KEY (revision, kind, namespace, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS change_of ON change (kind, namespace, name, revision);
CREATE TABLE IF NOT EXISTS document (
  collection TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (collection, id)) WITHOUT ROWID;
`;

/**
 * The chain of audit entries and its newest. The database itself refuses to change an entry, and to remove one while `audit_trim`
 * does not say that all up to it are let go: a mistake in our own code cannot rewrite the log.
 */
export const AUDIT_SCHEMA = `
CREATE TABLE IF NOT EXISTS audit (
  id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, detail TEXT NOT NULL,
  namespaces TEXT NOT NULL, previous_hash TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS audit_head (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1), sequence INTEGER NOT NULL, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS audit_trim (last INTEGER NOT NULL);
CREATE TRIGGER IF NOT EXISTS audit_keeps BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'an audit entry is never changed'); END;
CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE DELETE ON audit
  WHEN OLD.id > (SELECT COALESCE(MAX(last), 0) FROM audit_trim)
  BEGIN SELECT RAISE(ABORT, 'an audit entry is never removed'); END;
`;

/** History beyond this many changes goes: the oldest first. */
export const CHANGES_MAX = 20_000;
/** So many audit entries, the oldest, are let go at once. */
export const AUDIT_TRIM_COUNT = 5000;
