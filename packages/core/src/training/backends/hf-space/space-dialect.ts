import type { TrainingRun } from "../../../contract/training-backend.ts";

/** The server that is deployed (`app.py`), or the one its readme describes (`app_full.py`). */
export type SpaceDialect = "app" | "app-full";

/** The body of `POST /train` as each of the two servers reads it. What they have no field for is left out. */
export function trainBody(
  dialect: SpaceDialect,
  job: { readonly run: TrainingRun; readonly name: string; readonly csv: string },
): Readonly<Record<string, unknown>> {
  const { run, name } = job;
  const dataset = Buffer.from(job.csv, "utf8").toString("base64");
  const { learning_rate, epochs, batch_size, max_length } = run.hyperparameters;
  if (dialect === "app") {
    return {
      dataset,
      base_model: run.baseModel,
      project_name: name,
      is_demo: false,
      text_column: "text",
      response_column: "response",
      ...known({ learning_rate, num_epochs: epochs, batch_size }),
    };
  }
  return {
    agent_name: name,
    base_model: run.baseModel,
    dataset_csv: dataset,
    training_method: run.method,
    demo_mode: false,
    config_overrides: known({
      learning_rate,
      num_epochs: epochs,
      batch_size,
      max_seq_length: max_length,
      lora_rank: run.adapter.rank,
      lora_alpha: run.adapter.alpha,
    }),
  };
}

function known(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null));
}
