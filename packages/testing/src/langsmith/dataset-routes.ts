import { randomUUID } from "node:crypto";
import type { Context, Hono } from "hono";
import { datasetBody, exampleAt, exampleBody, examplesOf } from "./dataset-wire.ts";
import { LangSmithRefusal, notFound } from "./langsmith-error.ts";
import type { DatasetRecord, ExampleRecord, Json } from "./langsmith-records.ts";
import type { LangSmithState } from "./langsmith-state.ts";
import { readParts } from "./multipart.ts";

/** Datasets and their examples. */
export function addDatasetRoutes(app: Hono, state: LangSmithState): void {
  app.post("/datasets", async (context) => {
    const { name, description, data_type, extra, ...fields } = await context.req.json<Json>();
    if (typeof name !== "string" || !name) throw new LangSmithRefusal(422, "name is required");
    if (datasetNamed(state, name)) throw new LangSmithRefusal(409, "Dataset with this name already exists.");
    const dataset: DatasetRecord = {
      id: typeof fields.id === "string" ? fields.id : randomUUID(),
      createdAt: state.nowIso(),
      name,
      description: typeof description === "string" ? description : null,
      dataType: typeof data_type === "string" ? data_type : "kv",
      extra: (extra ?? {}) as Json,
      fields,
    };
    state.datasets.set(dataset.id, dataset);
    return context.json(datasetBody(state, dataset));
  });
  app.get("/datasets", (context) => {
    const { name, name_contains: part } = context.req.query();
    const ids = context.req.queries("id");
    const all = [...state.datasets.values()].filter(
      (dataset) =>
        (name === undefined || dataset.name === name) &&
        (part === undefined || dataset.name.includes(part)) &&
        (ids === undefined || ids.includes(dataset.id)),
    );
    return context.json(page(context, all).map((dataset) => datasetBody(state, dataset)));
  });
  app.get("/datasets/:id", (context) =>
    context.json(datasetBody(state, state.dataset(context.req.param("id")))),
  );
  app.patch("/datasets/:id", async (context) => {
    const dataset = state.dataset(context.req.param("id"));
    const { name, description } = await context.req.json<Json>();
    if (typeof name === "string") dataset.name = name;
    if (typeof description === "string") dataset.description = description;
    return context.json(datasetBody(state, dataset));
  });
  app.delete("/datasets/:id", (context) => {
    const { id } = state.dataset(context.req.param("id"));
    state.datasets.delete(id);
    for (const example of [...state.examples.values()]) {
      if (example.datasetId === id) state.examples.delete(example.id);
    }
    return context.json({ message: "Dataset deleted." });
  });
  app.get("/datasets/:id/openai_ft", (context) => {
    const { id } = state.dataset(context.req.param("id"));
    const lines = examplesOf(state, id, state.nowMs).flatMap((example) => {
      const { inputs, outputs } = exampleAt(example, state.nowMs)?.value ?? {};
      const said = [...messagesOf(inputs), ...messagesOf(outputs)];
      return said.length > 0 ? [`${JSON.stringify({ messages: said })}\n`] : [];
    });
    return context.text(lines.join(""));
  });

  for (const prefix of ["/v1/platform", "/platform"]) {
    app.post(`${prefix}/datasets/:id/examples`, async (context) => {
      const { id } = state.dataset(context.req.param("id"));
      const ids = await writeExamples(state, id, context.req.raw);
      return context.json({ example_ids: ids, count: ids.length, as_of: state.nowIso() }, 201);
    });
    app.patch(`${prefix}/datasets/:id/examples`, async (context) => {
      const { id } = state.dataset(context.req.param("id"));
      const ids = await writeExamples(state, id, context.req.raw, "update");
      return context.json({ example_ids: ids, count: ids.length, as_of: state.nowIso() });
    });
  }
  app.get("/examples", (context) => listExamples(context, state));
  app.get("/examples/:id", (context) => {
    const example = state.examples.get(context.req.param("id"));
    const body = example && exampleBody(example, asOf(context, state));
    if (!body) throw notFound("Example", context.req.param("id"));
    return context.json(body);
  });
  const removeExample = (id: string) => {
    const example = state.examples.get(id);
    if (!example) throw notFound("Example", id);
    // Earlier versions stay readable.
    example.versions.push({ atMs: state.nowMs, value: null });
  };
  app.delete("/examples", (context) => {
    for (const id of context.req.queries("example_ids") ?? []) removeExample(id);
    return context.json({ message: "Examples deleted." });
  });
  app.delete("/examples/:id", (context) => {
    removeExample(context.req.param("id"));
    return context.json({ message: "Example deleted." });
  });
}

function datasetNamed(state: LangSmithState, name: string): DatasetRecord | undefined {
  return [...state.datasets.values()].find((dataset) => dataset.name === name);
}

export function page<Item>(context: Context, items: readonly Item[]): readonly Item[] {
  const offset = Number(context.req.query("offset") ?? 0);
  const limit = Number(context.req.query("limit") ?? 100);
  if (!(limit >= 1 && limit <= 100)) throw new LangSmithRefusal(400, "limit must be from 1 to 100");
  return items.slice(offset, offset + limit);
}

/** `as_of` is a time; `latest` and nothing mean now. */
function asOf(context: Context, state: LangSmithState): number {
  const text = context.req.query("as_of");
  if (text === undefined || text === "latest") return state.nowMs;
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw new LangSmithRefusal(404, `Dataset version ${text} not found`);
  return atMs;
}

function listExamples(context: Context, state: LangSmithState): Response {
  const { dataset, metadata } = context.req.query();
  const ids = context.req.queries("id");
  const splits = context.req.queries("splits");
  const select = context.req.queries("select");
  const atMs = asOf(context, state);
  const wanted = metadata === undefined ? {} : (JSON.parse(metadata) as Json);
  const all =
    dataset === undefined ? [...state.examples.values()] : examplesOf(state, state.dataset(dataset).id, atMs);
  const bodies = all
    .filter((example) => ids === undefined || ids.includes(example.id))
    .map((example) => exampleBody(example, atMs))
    .filter((body) => body !== null)
    .filter((body) => {
      const facts = body.metadata as Json;
      const own = facts.dataset_split;
      const isInSplit =
        splits === undefined || (Array.isArray(own) && splits.some((split) => own.includes(split)));
      return isInSplit && Object.entries(wanted).every(([key, value]) => facts[key] === value);
    });
  const chosen = page(context, bodies).map((body) =>
    select === undefined
      ? body
      : Object.fromEntries(Object.entries(body).filter(([key]) => select.includes(key))),
  );
  return context.json(chosen);
}

/** Parts `<id>`, `<id>.inputs`, `<id>.outputs`, `<id>.attachment.<name>`; returns the ids in their order. */
async function writeExamples(
  state: LangSmithState,
  datasetId: string,
  request: Request,
  mode: "create" | "update" = "create",
): Promise<readonly string[]> {
  const parts = new Map<string, { main?: Json; inputs?: Json; outputs?: Json }>();
  for (const { name, value } of await readParts(request)) {
    const [id = "", field] = name.split(".");
    const part = parts.get(id) ?? {};
    parts.set(id, part);
    if (field === undefined) part.main = value as Json;
    else if (field === "inputs" || field === "outputs") part[field] = value as Json;
  }
  for (const [id, part] of parts) {
    const known = state.examples.get(id);
    if (mode === "create" && known) throw new LangSmithRefusal(409, `Example ${id} already exists`);
    if (mode === "update" && known?.datasetId !== datasetId) throw notFound("Example", id);
    const before = known && exampleAt(known, state.nowMs)?.value;
    const { metadata, split, source_run_id, created_at } = part.main ?? {};
    const splits = split === undefined || split === null ? undefined : [split].flat();
    const example: ExampleRecord = known ?? {
      id,
      datasetId,
      createdAt: typeof created_at === "string" ? created_at : state.nowIso(),
      sourceRunId: typeof source_run_id === "string" ? source_run_id : null,
      versions: [],
    };
    const facts = (metadata as Json | null | undefined) ?? before?.metadata ?? {};
    example.versions.push({
      atMs: state.nowMs,
      value: {
        inputs: part.inputs ?? before?.inputs ?? {},
        outputs: part.outputs ?? before?.outputs ?? null,
        // Without a split an example is in "base".
        metadata: { ...facts, dataset_split: splits ?? before?.metadata.dataset_split ?? ["base"] },
      },
    });
    state.examples.set(id, example);
  }
  return [...parts.keys()];
}

function messagesOf(value: Json | null | undefined): readonly unknown[] {
  if (Array.isArray(value?.messages)) return value.messages;
  return value?.message === undefined ? [] : [value.message];
}
