export { BUCKET_COUNT, bucketOf, murmurHash3 } from "./assign/murmur3.ts";
export {
  type BcaBootstrapOptions,
  type BcaBootstrapRatioOptions,
  type BcaBootstrapResult,
  bcaBootstrap,
  bcaBootstrapRatio,
} from "./bca-bootstrap.ts";
export {
  type ClusterStandardError,
  type ClusterStandardErrorOptions,
  clusterStandardError,
} from "./cluster-standard-error.ts";
export {
  type ComparePairedOptions,
  comparePaired,
  type Interval,
  type PairedComparison,
} from "./compare-paired.ts";
export {
  type CompositeScores,
  compositeScores,
  DEFAULT_METRIC_WEIGHTS,
  type ExampleScores,
  type WeightedMetric,
} from "./composite-scores.ts";
export { betaCdf } from "./distributions/beta.ts";
export { binomialCdf, binomialPmf } from "./distributions/binomial.ts";
export { chiSquareUpperTail } from "./distributions/chi-square.ts";
export { logBeta, logGamma } from "./distributions/gamma.ts";
export { normalCdf, normalQuantile } from "./distributions/normal.ts";
export { studentTCdf, studentTQuantile } from "./distributions/student-t.ts";
export {
  type ExampleCounts,
  type ExamplesNeeded,
  type ExamplesNeededOptions,
  examplesNeeded,
} from "./examples-needed.ts";
export { type HolmResult, holm } from "./holm.ts";
export { type McNemarOptions, type McNemarResult, mcnemar } from "./mcnemar.ts";
export {
  type MetricDirection,
  type MetricGain,
  type MetricGainOptions,
  type MetricKind,
  metricGain,
  SCORE_FLOOR,
} from "./metric-gain.ts";
export { type MinimumDetectableEffectOptions, minimumDetectableEffect } from "./minimum-detectable-effect.ts";
export { createRandom, type Random } from "./random.ts";
export {
  type FiellerInterval,
  type RatioOfMeans,
  type RatioOfMeansOptions,
  ratioOfMeans,
} from "./ratio-of-means.ts";
export type { Coverage } from "./recommend/collect-data.ts";
export type { CompositeGain } from "./recommend/composite-gain.ts";
export type { RecommendationOutcome } from "./recommend/decide.ts";
export type { MetricVerdict } from "./recommend/metric-verdict.ts";
export { type Recommendation, recommend } from "./recommend/recommend.ts";
export {
  DEFAULT_THRESHOLDS,
  type RecommendationMetric,
  type RecommendationPolicy,
  type RecommendationThresholds,
  type RecommendOptions,
} from "./recommend/recommend-options.ts";
export {
  type BetaBinomialConfidenceSequenceOptions,
  betaBinomialConfidenceSequence,
} from "./sequential/beta-binomial-confidence-sequence.ts";
export { CanaryMonitor, type CanaryMonitorState } from "./sequential/canary-monitor.ts";
export {
  type CanaryGuardrail,
  type CanaryPlan,
  type CanaryStep,
  type CompiledCanaryPlan,
  compileCanaryPlan,
} from "./sequential/canary-plan.ts";
export type { CanaryReading, CanaryVerdict, GuardrailReading } from "./sequential/canary-reading.ts";
export {
  type BinaryOutcomes,
  type CanaryTick,
  type GuardrailOutcomes,
  mergeCanaryTicks,
  type ScoreCount,
  type ScoreOutcomes,
} from "./sequential/canary-tick.ts";
export {
  type BaselineExpectation,
  type Certificate,
  type CertifiedScenario,
  type CertifyOptions,
  certify,
} from "./sequential/certify.ts";
export {
  type ArmPeriod,
  type ArmTotals,
  type ConfidenceSequence,
  type ConfidenceSequenceOptions,
  confidenceSequence,
} from "./sequential/confidence-sequence.ts";
export {
  createEProcess,
  type EProcess,
  type EProcessOptions,
  type EProcessReading,
  type EProcessState,
  type EProcessTick,
  restoreEProcess,
} from "./sequential/e-process.ts";
export { type MixtureSprtOptions, type MixtureSprtResult, mixtureSprt } from "./sequential/mixture-sprt.ts";
export {
  type AssignmentPeriod,
  type SampleRatioCheck,
  type SampleRatioCheckOptions,
  sampleRatioCheck,
} from "./sequential/sample-ratio-check.ts";
export { type SignFlipTestOptions, type SignFlipTestResult, signFlipTest } from "./sign-flip-test.ts";
export { type WilcoxonResult, wilcoxon } from "./wilcoxon.ts";
