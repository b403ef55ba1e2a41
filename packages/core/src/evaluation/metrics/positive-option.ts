import { ModelOpsError } from "../../errors/modelops-error.ts";

/** A limit must be chosen by the caller: there is no sensible budget for everybody. */
export function positiveOption(metric: string, option: string, value: number): number {
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
  throw new ModelOpsError({
    code: "input/metric",
    message: `${metric} needs ${option} as a number above 0.`,
    fix: `pass ${option}, for example what the model in use needs today.`,
  });
}
