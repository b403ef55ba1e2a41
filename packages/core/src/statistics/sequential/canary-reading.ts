import type { ConfidenceSequence } from "./confidence-sequence.ts";
import type { EProcessReading } from "./e-process.ts";
import type { SampleRatioCheck } from "./sample-ratio-check.ts";

/** `promote` moves to the next step; `hold` and `inconclusive` need a person; `no-traffic` means nothing was seen. */
export type CanaryVerdict = "promote" | "continue" | "rollback" | "hold" | "inconclusive" | "no-traffic";

/** One guardrail as it stands. */
export interface GuardrailReading extends EProcessReading {
  readonly metric: string;
  readonly action: "rollback" | "hold" | "observe";
  /** A person has accepted its alarm: it is shown and decides nothing any more. */
  readonly acknowledged: boolean;
  /** Approximate interval of canary − baseline, higher is better; null while too little is known. */
  readonly confidence: ConfidenceSequence | null;
}

export interface CanaryReading {
  readonly verdict: CanaryVerdict;
  /** One plain sentence. */
  readonly reason: string;
  /** How a promotion was earned; null for other verdicts. */
  readonly promotedBy: "non-inferior" | "no-alarm" | null;
  /** Metric of the alarm that decided, if one did. */
  readonly alarmedMetric: string | null;
  /** For a promotion without an alarm: about the smallest drop (points) that would have been caught 4 times in 5. */
  readonly smallestDropCaught: Readonly<Record<string, number>> | null;
  readonly step: {
    readonly index: number;
    readonly share: number;
    readonly sessions: { readonly canary: number; readonly baseline: number };
    readonly elapsedMs: number;
  };
  readonly guardrails: readonly GuardrailReading[];
  readonly sampleRatio: SampleRatioCheck;
}
