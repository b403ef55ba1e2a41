/** JSON of any shape, as clients send it. */
export type Json = Readonly<Record<string, unknown>>;

export interface DatasetRecord {
  readonly id: string;
  readonly createdAt: string;
  name: string;
  description: string | null;
  dataType: string;
  extra: Json;
  fields: Json;
}

/** One state of an example; a null value means that it was removed. */
interface ExampleVersion {
  readonly atMs: number;
  readonly value: {
    readonly inputs: Json;
    readonly outputs: Json | null;
    readonly metadata: Json;
  } | null;
}

export interface ExampleRecord {
  readonly id: string;
  readonly datasetId: string;
  readonly createdAt: string;
  readonly sourceRunId: string | null;
  readonly versions: ExampleVersion[];
}

export interface SessionRecord {
  readonly id: string;
  readonly startTime: string;
  name: string;
  description: string | null;
  extra: Json;
  endTime: string | null;
  referenceDatasetId: string | null;
  fields: Json;
}

export interface RunRecord {
  readonly id: string;
  readonly sessionId: string;
  /** When it may be seen, by the twin's clock. */
  readonly visibleAtMs: number;
  name: string;
  runType: string;
  startTime: string | null;
  endTime: string | null;
  traceId: string;
  parentRunId: string | null;
  dottedOrder: string | null;
  referenceExampleId: string | null;
  error: string | null;
  tags: readonly string[];
  inputs: Json;
  outputs: Json | null;
  extra: Json;
  events: readonly unknown[];
  serialized: unknown;
  attachments: Readonly<Record<string, number>>;
}

export interface FeedbackRecord {
  readonly id: string;
  readonly runId: string | null;
  readonly sessionId: string | null;
  readonly key: string;
  readonly score: number | boolean | null;
  readonly createdAt: string;
  readonly fields: Json;
}

export interface ComparativeRecord {
  readonly id: string;
  readonly fields: Json;
}
