import { modelFiles } from "../jobs/scripted-training.ts";
import type { HubSeed } from "./start-hub-twin.ts";

/**
 * A base model for a Hub twin: config, tokenizer and a few bytes of weights, with a size and a licence as the Hub would
 * state them, so that it passes the check before a plan.
 */
export function baseModelSeed(options: {
  /** `owner/name` */
  readonly name: string;
  readonly parameters: number;
  /** As the Hub names it, such as `apache-2.0`. @default none stated */
  readonly license?: string;
}): HubSeed {
  const { name, parameters, license } = options;
  return {
    name,
    files: modelFiles({ adapter: { kind: "full" }, base_model: name }),
    facts: {
      safetensors: { parameters: { BF16: parameters }, total: parameters },
      cardData: license === undefined ? {} : { license },
    },
  };
}
