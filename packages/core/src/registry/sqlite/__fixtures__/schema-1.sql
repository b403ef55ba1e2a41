-- A database as the first released schema wrote it. Never edit: later releases must read it.
CREATE TABLE schema_migrations (
      version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL
    );
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
INSERT INTO schema_migrations (version, name, applied_at) VALUES (1, 'records, terms, events, audit chain', '2026-11-23T13:56:46.282Z');
INSERT INTO agents (agent, rev) VALUES ('*', 1);
INSERT INTO agents (agent, rev) VALUES ('feature_dev', 4);
INSERT INTO records (id, collection, agent, key, ord, terms, value) VALUES (1, 'versions', 'feature_dev', 'v1.0.0', '2026-11-23T00:00:01.000Z/000000000001', '["status:deployed","tag:eu"]', '{"agent":"feature_dev","version":"v1.0.0","modelId":"org/base","trainingConfig":{"baseModel":"org/base","trainingMethod":"sft","trainingDataset":"file:train.jsonl"},"trainedAt":"2026-11-23T00:00:01.000Z","trainedBy":"fixture","jobId":null,"hubRepo":null,"artifact":null,"evalScores":null,"deploymentStatus":"deployed","deployedAt":"2026-11-23T00:00:05.000Z","parentVersion":null,"tags":["eu"],"changelog":null,"notes":null,"lineage":{"datasetFingerprint":null,"datasetRows":null,"baseModelFingerprint":null,"quoteHash":null,"evaluationIds":[],"deploymentIds":[]},"extra":{}}');
INSERT INTO records (id, collection, agent, key, ord, terms, value) VALUES (2, 'agents', 'feature_dev', 'state', 'state', '[]', '{"v":1,"agentName":"feature_dev","createdAt":"2026-11-23T00:00:01.000Z","updatedAt":"2026-11-23T00:00:09.000Z","current":"v1.0.0","canary":{"version":"v1.1.0","share":20},"previous":[],"generation":2,"versionCount":2,"lastVersionOrder":"2026-11-23T00:00:03.000Z/000000000002","lastMoveAt":"2026-11-23T00:00:09.000Z","highest":{"major":1,"minor":1,"patch":0},"pointerCopies":{},"unplaced":[],"extra":{}}');
INSERT INTO records (id, collection, agent, key, ord, terms, value) VALUES (3, 'versions', 'feature_dev', 'v1.1.0', '2026-11-23T00:00:03.000Z/000000000002', '["status:canary_20pct","parent:v1.0.0"]', '{"agent":"feature_dev","version":"v1.1.0","modelId":"org/tuned","trainingConfig":{"baseModel":"org/base","trainingMethod":"sft","trainingDataset":"file:train.jsonl"},"trainedAt":"2026-11-23T00:00:03.000Z","trainedBy":"fixture","jobId":null,"hubRepo":null,"artifact":null,"evalScores":{"accuracy":0.9},"deploymentStatus":"canary_20pct","deployedAt":"2026-11-23T00:00:09.000Z","parentVersion":"v1.0.0","tags":[],"changelog":null,"notes":null,"lineage":{"datasetFingerprint":null,"datasetRows":null,"baseModelFingerprint":null,"quoteHash":null,"evaluationIds":[],"deploymentIds":[]},"extra":{}}');
INSERT INTO records (id, collection, agent, key, ord, terms, value) VALUES (4, 'pointer-moves', 'feature_dev', '0000000001', '2026-11-23T00:00:05.000Z/0000000001', '["version:v1.0.0","kind:current-set"]', '{"agent":"feature_dev","generation":1,"at":"2026-11-23T00:00:05.000Z","kind":"current-set","version":"v1.0.0","before":{"current":null,"canary":null},"after":{"current":"v1.0.0","canary":null},"actor":{"type":"service","id":"fixture"},"reason":null,"operationId":null}');
INSERT INTO records (id, collection, agent, key, ord, terms, value) VALUES (5, 'checkpoints', '*', '000000000003', '000000000003', '[]', '{"count":3,"head":"62ad51777cb9c2d41a858b80bf85a02a86a9dfaaf811f9065c2bf2c767f259f1","at":"2026-11-23T00:00:07.000Z"}');
INSERT INTO records (id, collection, agent, key, ord, terms, value) VALUES (6, 'pointer-moves', 'feature_dev', '0000000002', '2026-11-23T00:00:09.000Z/0000000002', '["version:v1.1.0","kind:canary-started"]', '{"agent":"feature_dev","generation":2,"at":"2026-11-23T00:00:09.000Z","kind":"canary-started","version":"v1.1.0","before":{"current":"v1.0.0","canary":null},"after":{"current":"v1.0.0","canary":{"version":"v1.1.0","share":20}},"actor":{"type":"service","id":"fixture"},"reason":"try","operationId":null}');
INSERT INTO terms (collection, agent, term, ord, key) VALUES ('pointer-moves', 'feature_dev', 'kind:canary-started', '2026-11-23T00:00:09.000Z/0000000002', '0000000002');
INSERT INTO terms (collection, agent, term, ord, key) VALUES ('pointer-moves', 'feature_dev', 'kind:current-set', '2026-11-23T00:00:05.000Z/0000000001', '0000000001');
INSERT INTO terms (collection, agent, term, ord, key) VALUES ('pointer-moves', 'feature_dev', 'version:v1.0.0', '2026-11-23T00:00:05.000Z/0000000001', '0000000001');
INSERT INTO terms (collection, agent, term, ord, key) VALUES ('pointer-moves', 'feature_dev', 'version:v1.1.0', '2026-11-23T00:00:09.000Z/0000000002', '0000000002');
INSERT INTO terms (collection, agent, term, ord, key) VALUES ('versions', 'feature_dev', 'parent:v1.0.0', '2026-11-23T00:00:03.000Z/000000000002', 'v1.1.0');
INSERT INTO terms (collection, agent, term, ord, key) VALUES ('versions', 'feature_dev', 'status:canary_20pct', '2026-11-23T00:00:03.000Z/000000000002', 'v1.1.0');
INSERT INTO terms (collection, agent, term, ord, key) VALUES ('versions', 'feature_dev', 'status:deployed', '2026-11-23T00:00:01.000Z/000000000001', 'v1.0.0');
INSERT INTO terms (collection, agent, term, ord, key) VALUES ('versions', 'feature_dev', 'tag:eu', '2026-11-23T00:00:01.000Z/000000000001', 'v1.0.0');
INSERT INTO results (agent, idempotency_key, rev, result, at) VALUES ('feature_dev', 'job-1', 1, '{"fingerprint":"52f0be70b0c705546f4f51ab2002eed411bcdddf42945bec8b77a49f1b0f9038","value":{"agent":"feature_dev","version":"v1.0.0","modelId":"org/base","trainingConfig":{"baseModel":"org/base","trainingMethod":"sft","trainingDataset":"file:train.jsonl"},"trainedAt":"2026-11-23T00:00:01.000Z","trainedBy":"fixture","jobId":null,"hubRepo":null,"artifact":null,"evalScores":null,"deploymentStatus":"not_deployed","deployedAt":null,"parentVersion":null,"tags":["eu"],"changelog":null,"notes":null,"lineage":{"datasetFingerprint":null,"datasetRows":null,"baseModelFingerprint":null,"quoteHash":null,"evaluationIds":[],"deploymentIds":[]},"extra":{}}}', '2026-11-23T00:00:01.000Z');
INSERT INTO events (seq, agent, subject, body) VALUES (1, 'feature_dev', 'feature_dev@v1.0.0', '{"v":1,"id":"event-1","time":"2026-11-23T00:00:02.000Z","type":"registry.version-added","agent":"feature_dev","subject":"feature_dev@v1.0.0","data":{"version":"v1.0.0","modelId":"org/base","parentVersion":null,"jobId":null}}');
INSERT INTO events (seq, agent, subject, body) VALUES (2, 'feature_dev', 'feature_dev@v1.1.0', '{"v":1,"id":"event-2","time":"2026-11-23T00:00:04.000Z","type":"registry.version-added","agent":"feature_dev","subject":"feature_dev@v1.1.0","data":{"version":"v1.1.0","modelId":"org/tuned","parentVersion":"v1.0.0","jobId":null}}');
INSERT INTO events (seq, agent, subject, body) VALUES (3, 'feature_dev', 'feature_dev@v1.0.0', '{"v":1,"id":"event-3","time":"2026-11-23T00:00:06.000Z","type":"registry.pointer-moved","agent":"feature_dev","subject":"feature_dev@v1.0.0","data":{"agent":"feature_dev","generation":1,"at":"2026-11-23T00:00:05.000Z","kind":"current-set","version":"v1.0.0","before":{"current":null,"canary":null},"after":{"current":"v1.0.0","canary":null},"actor":{"type":"service","id":"fixture"},"reason":null,"operationId":null}}');
INSERT INTO events (seq, agent, subject, body) VALUES (4, NULL, NULL, '{"v":1,"id":"event-4","time":"2026-11-23T00:00:08.000Z","type":"registry.checkpointed","agent":null,"subject":null,"data":{"count":3,"head":"62ad51777cb9c2d41a858b80bf85a02a86a9dfaaf811f9065c2bf2c767f259f1","at":"2026-11-23T00:00:07.000Z"}}');
INSERT INTO events (seq, agent, subject, body) VALUES (5, 'feature_dev', 'feature_dev@v1.1.0', '{"v":1,"id":"event-5","time":"2026-11-23T00:00:10.000Z","type":"registry.pointer-moved","agent":"feature_dev","subject":"feature_dev@v1.1.0","data":{"agent":"feature_dev","generation":2,"at":"2026-11-23T00:00:09.000Z","kind":"canary-started","version":"v1.1.0","before":{"current":"v1.0.0","canary":null},"after":{"current":"v1.0.0","canary":{"version":"v1.1.0","share":20}},"actor":{"type":"service","id":"fixture"},"reason":"try","operationId":null}}');
INSERT INTO audit (seq, hash, body) VALUES (0, '8dd8744387db6bed8b697c878835356a96c1dea24c6f4490057eadbd11f7b16d', '{"at":"2026-11-23T00:00:01.000Z","action":"version.add","actor":{"type":"service","id":"fixture"},"subject":"feature_dev@v1.0.0","operationId":null,"reason":null,"evidence":{"modelId":"org/base","parentVersion":null,"jobId":null,"datasetFingerprint":null},"rev":{"before":0,"after":1},"sdkVersion":"0.0.0","prev":"0000000000000000000000000000000000000000000000000000000000000000"}');
INSERT INTO audit (seq, hash, body) VALUES (1, '092af4bda6d70bb4f6b7d298339e0e705f66e2f7bbe212b7087b93e6bf253ee0', '{"at":"2026-11-23T00:00:03.000Z","action":"version.add","actor":{"type":"service","id":"fixture"},"subject":"feature_dev@v1.1.0","operationId":null,"reason":null,"evidence":{"modelId":"org/tuned","parentVersion":"v1.0.0","jobId":null,"datasetFingerprint":null},"rev":{"before":1,"after":2},"sdkVersion":"0.0.0","prev":"8dd8744387db6bed8b697c878835356a96c1dea24c6f4490057eadbd11f7b16d"}');
INSERT INTO audit (seq, hash, body) VALUES (2, '62ad51777cb9c2d41a858b80bf85a02a86a9dfaaf811f9065c2bf2c767f259f1', '{"at":"2026-11-23T00:00:05.000Z","action":"pointer.current-set","actor":{"type":"service","id":"fixture"},"subject":"feature_dev@v1.0.0","operationId":null,"reason":null,"evidence":{"generation":1,"before":{"current":null,"canary":null},"after":{"current":"v1.0.0","canary":null}},"rev":{"before":2,"after":3},"sdkVersion":"0.0.0","prev":"092af4bda6d70bb4f6b7d298339e0e705f66e2f7bbe212b7087b93e6bf253ee0"}');
INSERT INTO audit (seq, hash, body) VALUES (3, 'fa99e2479b76d0900c0d9bdba5d4971901f5473bf4256cfa591328b6f0b2ab75', '{"at":"2026-11-23T00:00:09.000Z","action":"pointer.canary-started","actor":{"type":"service","id":"fixture"},"subject":"feature_dev@v1.1.0","operationId":null,"reason":"try","evidence":{"generation":2,"before":{"current":"v1.0.0","canary":null},"after":{"current":"v1.0.0","canary":{"version":"v1.1.0","share":20}}},"rev":{"before":3,"after":4},"sdkVersion":"0.0.0","prev":"62ad51777cb9c2d41a858b80bf85a02a86a9dfaaf811f9065c2bf2c767f259f1"}');
PRAGMA application_id = 1297051763;
PRAGMA user_version = 1;
