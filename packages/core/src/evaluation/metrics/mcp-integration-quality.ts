import { z } from "zod";
import type { EvaluationExample } from "../../contract/dataset-source.ts";
import type { EvaluationAnswer } from "../answer.ts";
import type { Metric } from "../metric.ts";
import { parseJson, stringList } from "../reference.ts";
import { compileSchema } from "./json-schema.ts";
import { shareFound } from "./workflow-completeness.ts";

const toolsSchema = z.array(
  z.looseObject({ name: z.string(), parameters: z.record(z.string(), z.unknown()).nullish() }),
);

/**
 * How well an agent uses its MCP tools: (needed tools called / needed + well-formed calls / calls) / 2.
 *
 * Needed: `outputs.tools` or `outputs.expected_tools` (names). A call is well-formed when it names a tool of
 * `inputs.tools` (if the example lists them) with a JSON object as arguments that fits the tool's schema. Tools needed
 * but none called: 0; none needed and none called: 1.
 */
export function mcpIntegrationQuality(): Metric {
  return {
    name: "mcp_integration_quality",
    version: "1",
    description: "(needed tools called / needed + well-formed calls / calls) / 2",
    missing: ({ example }) => (neededTools(example) ? null : "the example has no outputs.tools"),
    score({ example, answer }) {
      const needed = neededTools(example);
      if (!needed) return { score: null, reason: "the example has no outputs.tools" };
      const calls = answer.toolCalls;
      if (calls.length === 0) return { score: needed.length === 0 ? 1 : 0 };
      const coverage =
        needed.length === 0
          ? 0
          : shareFound([...new Set(needed)], [...new Set(calls.map((call) => call.name))]);
      return { score: (coverage + wellFormedShare(example, answer)) / 2 };
    },
  };
}

function neededTools(example: EvaluationExample): readonly string[] | null {
  return stringList(example.outputs, ["tools", "expected_tools"]);
}

function wellFormedShare(example: EvaluationExample, answer: EvaluationAnswer): number {
  const offered = toolsSchema.safeParse(example.inputs.tools).data ?? null;
  const wellFormed = answer.toolCalls.filter((call) => {
    const parsed = parseJson(call.arguments === "" ? "{}" : call.arguments);
    if (
      !parsed.ok ||
      typeof parsed.value !== "object" ||
      parsed.value === null ||
      Array.isArray(parsed.value)
    )
      return false;
    if (offered === null) return true;
    const tool = offered.find((candidate) => candidate.name === call.name);
    if (!tool) return false;
    return tool.parameters ? compileSchema(tool.parameters)(parsed.value) : true;
  });
  return wellFormed.length / answer.toolCalls.length;
}
