import { ModelOpsError } from "@modelops/core";

export interface ModelfileOptions {
  /** A GGUF file, or the name of a model Ollama has. */
  readonly from: string;
  /** A GGUF adapter. */
  readonly adapter?: string;
  /** Texts that end an answer. */
  readonly stop?: readonly string[];
  /** Tokens of prompt and answer together. Ollama's own default is too small for agents. @default 4096 */
  readonly contextLength?: number;
  readonly temperature?: number;
  readonly system?: string;
}

function singleLine(name: string, value: string): string {
  if (!/[\r\n]/.test(value)) return value;
  throw new ModelOpsError({
    code: "input/modelfile",
    message: `${name} holds a line break.`,
    reason: "A new line in a Modelfile begins a new instruction.",
    fix: `give ${name} on one line.`,
  });
}

/** A file of this machine needs a path; a bare name would be looked up among Ollama's models. */
function pathOrName(name: string, value: string): string {
  const checked = singleLine(name, value);
  return checked.endsWith(".gguf") && !/^[./\\~]|^[A-Za-z]:/.test(checked) ? `./${checked}` : checked;
}

function systemLine(text: string): string {
  if (!text.includes('"""')) return `SYSTEM """${text}"""`;
  throw new ModelOpsError({
    code: "input/modelfile",
    message: "system holds three double quotes in a row.",
    reason: "They end the text in a Modelfile.",
    fix: "write the system text without them.",
  });
}

/** Writes the text of an Ollama Modelfile; use it with `ollama create <name> -f Modelfile`. */
export function modelfile(options: ModelfileOptions): string {
  const { from, adapter, stop = [], contextLength = 4096, temperature, system } = options;
  const lines = [`FROM ${pathOrName("from", from)}`];
  if (adapter !== undefined) lines.push(`ADAPTER ${pathOrName("adapter", adapter)}`);
  lines.push(`PARAMETER num_ctx ${contextLength}`);
  if (temperature !== undefined) lines.push(`PARAMETER temperature ${temperature}`);
  for (const text of stop) lines.push(`PARAMETER stop ${JSON.stringify(singleLine("stop", text))}`);
  if (system !== undefined) lines.push(systemLine(system));
  return `${lines.join("\n")}\n`;
}
