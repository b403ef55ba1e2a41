import type { Metric } from "../metric.ts";
import { stringField } from "../reference.ts";

const FIELDS = ["agent", "route", "expected_agent"] as const;

/**
 * 1 when the chosen agent is the expected one (`outputs.agent`, `outputs.route` or `outputs.expected_agent`), else 0.
 * The choice is the `route` the host's `run` reported, else the answer's text, trimmed; `-` and `_` are the same.
 */
export function agentRoutingAccuracy(): Metric {
  return {
    name: "agent_routing_accuracy",
    version: "1",
    description: "1 if the chosen agent is the expected one, else 0",
    missing: ({ example }) =>
      stringField(example.outputs, FIELDS) === null ? "the example has no outputs.agent" : null,
    score({ example, answer }) {
      const expected = stringField(example.outputs, FIELDS);
      if (expected === null) return { score: null, reason: "the example has no outputs.agent" };
      return { score: canonical(answer.route ?? answer.text) === canonical(expected) ? 1 : 0 };
    },
  };
}

function canonical(name: string): string {
  return name.trim().toLowerCase().replaceAll("-", "_");
}
