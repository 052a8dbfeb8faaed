/** The identifier of a sample's span, by which a flow is asked for. */
export const SPAN_OF_SAMPLE = "json_extract(body, '$.spanId')";

/** Times are ms, stamps µs since the epoch. A series row holds one edge and outcome over `width_ms` from `at_ms` on, a decision row one key. */
export const SCHEMA = `
CREATE TABLE IF NOT EXISTS session (id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, seen_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS edge (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS series (
  width_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL, edge INTEGER NOT NULL, status INTEGER NOT NULL, reason TEXT NOT NULL,
  policy TEXT NOT NULL, count INTEGER NOT NULL, chosen_us REAL NOT NULL, sent_us REAL NOT NULL, first_byte_us REAL NOT NULL,
  done_us REAL NOT NULL, buckets TEXT NOT NULL,
  PRIMARY KEY (width_ms, at_ms, edge, status, reason, policy)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS series_at ON series (at_ms);
CREATE TABLE IF NOT EXISTS sample (
  id INTEGER PRIMARY KEY, received_us INTEGER NOT NULL, edge INTEGER NOT NULL, trace_id TEXT NOT NULL, kept TEXT NOT NULL,
  verdict TEXT NOT NULL, body TEXT NOT NULL, observed TEXT NOT NULL DEFAULT 'none');
CREATE INDEX IF NOT EXISTS sample_at ON sample (received_us);
CREATE INDEX IF NOT EXISTS sample_trace ON sample (trace_id, received_us);
CREATE INDEX IF NOT EXISTS sample_span ON sample (${SPAN_OF_SAMPLE});
CREATE INDEX IF NOT EXISTS sample_denied ON sample (received_us) WHERE verdict = 'deny';
CREATE INDEX IF NOT EXISTS sample_observed ON sample (received_us) WHERE observed = 'deny';
CREATE TABLE IF NOT EXISTS note (
  id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, reporter TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS note_at ON note (at_ms);
CREATE TABLE IF NOT EXISTS decision_key (
  id INTEGER PRIMARY KEY AUTOINCREMENT, edge INTEGER NOT NULL, key TEXT NOT NULL, UNIQUE (edge, key));
CREATE TABLE IF NOT EXISTS decision (
  key INTEGER NOT NULL, width_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL, count INTEGER NOT NULL, first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL, PRIMARY KEY (key, width_ms, at_ms)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS decision_at ON decision (width_ms, at_ms);
CREATE TABLE IF NOT EXISTS unrecorded (
  at_ms INTEGER NOT NULL, reporter TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (at_ms, reporter)) WITHOUT ROWID;
`;

/** Columns that a database of an older version lacks, with what adds them; before `SCHEMA`, whose indexes speak of them. */
export const ADDED_COLUMNS = [
  {
    table: "sample",
    column: "observed",
    statement: "ALTER TABLE sample ADD COLUMN observed TEXT NOT NULL DEFAULT 'none'",
  },
] as const;
