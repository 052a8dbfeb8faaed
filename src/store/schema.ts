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
CREATE TABLE IF NOT EXISTS audit (
  id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS document (
  collection TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (collection, id)) WITHOUT ROWID;
`;

/** History beyond this many changes, and audit beyond this many lines, goes: the oldest first. */
export const CHANGES_MAX = 20_000;
export const AUDIT_MAX = 50_000;
