import { ModelOpsError } from "../errors/modelops-error.ts";
import { DEFAULT_METRIC_WEIGHTS } from "../statistics/composite-scores.ts";
import type { Metric } from "./metric.ts";

const SUM_TOLERANCE = 1e-9;

/**
 * The weight of every metric. Given weights must name exactly the metrics and add up to 1; without them one metric
 * weighs 1 and the five standard metrics weigh .30/.25/.20/.15/.10. Nothing is ever re-weighted silently.
 */
export function resolveWeights(
  metrics: readonly Metric[],
  weights: Readonly<Record<string, number>> | undefined,
): Readonly<Record<string, number>> {
  const names = metrics.map((metric) => metric.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw weightsError(`Two metrics are called ${twice}.`, "give one of them another name.", {
      metric: twice,
    });
  }
  if (weights) return checkedWeights(names, weights);
  const [only] = names;
  if (names.length === 1 && only !== undefined) return { [only]: 1 };
  const standard = new Map(DEFAULT_METRIC_WEIGHTS.map(({ name, weight }) => [name, weight]));
  const unknown = names.filter((name) => !standard.has(name));
  const absent = [...standard.keys()].filter((name) => !names.includes(name));
  if (unknown.length === 0 && absent.length === 0) return Object.fromEntries(standard);
  throw weightsError(
    "The weights of the metrics are not given.",
    `pass weights for ${names.join(", ")} that add up to 1.`,
    { metrics: names, absent, unknown },
    absent.length > 0 ? `The standard weights also expect ${absent.join(", ")}.` : undefined,
  );
}

function checkedWeights(
  names: readonly string[],
  weights: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const without = names.filter((name) => !Object.hasOwn(weights, name));
  const unknown = Object.keys(weights).filter((name) => !names.includes(name));
  if (without.length > 0 || unknown.length > 0) {
    throw weightsError(
      "Weights and metrics do not match.",
      "name each metric once; weight 0 reports it only.",
      { without, unknown },
      [
        without.length > 0 ? `No weight for ${without.join(", ")}.` : "",
        unknown.length > 0 ? `No metric called ${unknown.join(", ")}.` : "",
      ]
        .filter((part) => part)
        .join(" "),
    );
  }
  const sum = names.reduce((total, name) => total + (weights[name] ?? 0), 0);
  if (!(Math.abs(sum - 1) <= SUM_TOLERANCE)) {
    throw weightsError(`The weights add up to ${sum}, not 1.`, "change them to add up to 1.", { sum });
  }
  return Object.fromEntries(names.map((name) => [name, weights[name] ?? 0]));
}

function weightsError(
  message: string,
  fix: string,
  details: Readonly<Record<string, unknown>>,
  reason?: string,
): ModelOpsError {
  return new ModelOpsError({ code: "evaluation/weights", message, reason, fix, details });
}
