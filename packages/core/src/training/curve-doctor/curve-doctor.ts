import type { TrainingProgressRecord } from "../../contract/training-backend.ts";
import type { CurveFinding, CurveSign } from "./curve-finding.ts";
import { Curves } from "./curves.ts";
import { divergence, flatLoss, notFinite, overFit } from "./loss-signs.ts";
import { deadReward, klDrift, lengthHacking } from "./reward-signs.ts";

/** What going on costs: minutes until the planned end, and the price of an hour. Null where it is not known. */
export interface RemainingCost {
  readonly minutesToGo: number | null;
  readonly costUsdPerHour: number | null;
}

/**
 * Reads a run's curves line by line and says, once each, what is wrong with them. The same lines always give the same
 * findings, so that it does not matter which process reads them. Constant memory and constant time per line.
 */
export class CurveDoctor {
  readonly #seen = new Set<string>();
  #curves = new Curves();
  #bestHeldOut: { readonly value: number; readonly step: number } | null = null;

  /** What shows for the first time with this line. */
  add(record: TrainingProgressRecord, remaining: RemainingCost): readonly CurveFinding[] {
    // A run that goes on from a checkpoint begins its curves anew, and is not told again what it was told.
    if (record.kind === "begin") {
      this.#curves = new Curves();
      this.#bestHeldOut = null;
    }
    const curves = this.#curves;
    curves.add(record);
    if (record.kind !== "log" && record.kind !== "eval") return [];
    const held = record.m?.eval_loss;
    if (held !== undefined && (this.#bestHeldOut === null || held < this.#bestHeldOut.value))
      this.#bestHeldOut = { value: held, step: curves.step };
    return this.#signs()
      .filter((sign) => this.#isNews(sign))
      .map((sign) => ({ ...sign, step: curves.step, ...costToGo(remaining) }));
  }

  #signs(): CurveSign[] {
    const curves = this.#curves;
    return [
      notFinite(curves),
      divergence(curves),
      // A loss that has climbed back to where it began is not flat.
      this.#seen.has("divergence:stop") ? null : flatLoss(curves),
      overFit(curves, this.#bestHeldOut),
      deadReward(curves),
      lengthHacking(curves),
      klDrift(curves),
    ].filter((sign) => sign !== null);
  }

  /** Advice that gets worse is told again. */
  #isNews(sign: CurveSign): boolean {
    const [watch, stop] = [`${sign.kind}:watch`, `${sign.kind}:stop`];
    if (this.#seen.has(stop) || this.#seen.has(`${sign.kind}:${sign.advice}`)) return false;
    this.#seen.add(sign.advice === "stop" ? stop : watch);
    return true;
  }
}

function costToGo({ minutesToGo, costUsdPerHour }: RemainingCost) {
  const isKnown = minutesToGo !== null && costUsdPerHour !== null;
  return {
    minutesToGo,
    costToGoUsd: isKnown ? Math.round((minutesToGo / 60) * costUsdPerHour * 100) / 100 : null,
  };
}
