import { z } from "zod";

/** The server that is deployed (`app.py`), or the one its readme describes (`app_full.py`). */
export type SpaceDialect = "app" | "app-full";

const appSchema = z.looseObject({
  dataset: z.string(),
  base_model: z.string(),
  project_name: z.string(),
  is_demo: z.boolean().optional(),
  text_column: z.string().optional(),
  response_column: z.string().optional(),
  learning_rate: z.number().nullish(),
  num_epochs: z.number().nullish(),
  batch_size: z.number().nullish(),
});

const fullSchema = z.looseObject({
  agent_name: z.string(),
  base_model: z.string(),
  dataset_csv: z.string(),
  training_method: z.string().optional(),
  demo_mode: z.boolean().optional(),
  config_overrides: z.record(z.string(), z.unknown()).optional(),
});

export type ReadTrainRequest =
  | { readonly name: string; readonly dataset: string; readonly problems: null }
  /** FastAPI's list of validation errors. */
  | { readonly name: null; readonly dataset: null; readonly problems: readonly object[] };

export function readTrainRequest(dialect: SpaceDialect, body: unknown): ReadTrainRequest {
  const result = dialect === "app" ? appSchema.safeParse(body) : fullSchema.safeParse(body);
  if (!result.success) {
    const problems = result.error.issues.map((issue) => {
      const isMissing = issue.code === "invalid_type" && issue.input === undefined;
      return {
        type: isMissing ? "missing" : "value_error",
        loc: ["body", ...issue.path],
        msg: isMissing ? "Field required" : issue.message,
        input: null,
      };
    });
    return { name: null, dataset: null, problems };
  }
  const data = result.data as Readonly<Record<string, string>>;
  return dialect === "app"
    ? { name: data.project_name ?? "", dataset: data.dataset ?? "", problems: null }
    : { name: data.agent_name ?? "", dataset: data.dataset_csv ?? "", problems: null };
}

/** Rows of a dataset sent as base64 of CSV; null when it is neither that nor a dataset's address. */
export function decodedDataset(dataset: string): string | null {
  if (dataset.startsWith("hf://")) return "";
  if (!/^[A-Za-z0-9+/=\s]+$/.test(dataset)) return null;
  return Buffer.from(dataset, "base64").toString("utf8");
}
