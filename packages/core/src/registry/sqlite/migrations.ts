/** One step of the schema. Steps are never edited after a release: a later one changes what they made. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: "records, terms, events, audit chain",
    sql: `
      CREATE TABLE agents (agent TEXT NOT NULL PRIMARY KEY, rev INTEGER NOT NULL) WITHOUT ROWID;

      CREATE TABLE records (
        id INTEGER PRIMARY KEY,
        collection TEXT NOT NULL,
        agent TEXT NOT NULL,
        key TEXT NOT NULL,
        ord TEXT NOT NULL,
        terms TEXT NOT NULL,
        value TEXT NOT NULL
      );
      CREATE UNIQUE INDEX records_by_key ON records (collection, agent, key);
      CREATE INDEX records_by_agent_order ON records (collection, agent, ord, key);
      CREATE INDEX records_by_order ON records (collection, ord, agent, key);

      CREATE TABLE terms (
        collection TEXT NOT NULL,
        agent TEXT NOT NULL,
        term TEXT NOT NULL,
        ord TEXT NOT NULL,
        key TEXT NOT NULL,
        PRIMARY KEY (collection, agent, term, ord, key)
      ) WITHOUT ROWID;
      CREATE INDEX terms_by_order ON terms (collection, term, ord, agent, key);

      CREATE TABLE results (
        agent TEXT NOT NULL,
        idempotency_key TEXT NOT NULL,
        rev INTEGER NOT NULL,
        result TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (agent, idempotency_key)
      ) WITHOUT ROWID;

      CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        agent TEXT,
        subject TEXT,
        body TEXT NOT NULL
      );
      CREATE INDEX events_by_agent ON events (agent, seq) WHERE agent IS NOT NULL;
      CREATE INDEX events_by_subject ON events (subject, seq) WHERE subject IS NOT NULL;

      CREATE TABLE audit (seq INTEGER NOT NULL PRIMARY KEY, hash TEXT NOT NULL, body TEXT NOT NULL);
    `,
  },
];

/** "MOps" as bytes: tells our files from other programs' databases (`PRAGMA application_id`). */
export const APPLICATION_ID = 0x4d4f7073;
