export type { Approval, ApprovalEvents } from "./approvals/approval.ts";
export {
  type ApprovalDecision,
  type ApprovalRequest,
  Approvals,
  type ApprovalsOptions,
} from "./approvals/approvals.ts";
export type { ChatModelAdapterOptions } from "./chat-models/adapter-options.ts";
export type { ChatPrice } from "./chat-models/chat-cost.ts";
export { type AiSdkModelLike, fromAiSdk } from "./chat-models/from-ai-sdk.ts";
export { fromLangChain, type LangChainModelLike } from "./chat-models/from-langchain.ts";
export { type FromOpenAIOptions, fromOpenAI, type OpenAIClientLike } from "./chat-models/from-openai.ts";
export { type OpenAICompatibleOptions, openAICompatible } from "./chat-models/openai-compatible.ts";
export type { ApproveServing } from "./composition/serve-version.ts";
export {
  loadTrainingDefaults,
  parseTrainingDefaults,
  type TrainingDefaults,
} from "./config/training-defaults.ts";
export type {
  ChatMessage,
  ChatModel,
  ChatRequest,
  ChatResult,
  ChatTool,
  ChatToolCall,
  ChatUsage,
  FinishReason,
} from "./contract/chat-model.ts";
export type {
  DatasetDescription,
  DatasetRow,
  DatasetSource,
  EvaluationExample,
} from "./contract/dataset-source.ts";
export type {
  DeployRequest,
  DeployTarget,
  ModelReference,
  ServingPrice,
  TargetCheck,
  TargetDeployment,
  TargetDeploymentState,
  TargetDeploymentStatus,
  TargetResource,
} from "./contract/deploy-target.ts";
export type { OutcomeSource, SourcedOutcome, SourcedOutcomes } from "./contract/outcome-source.ts";
export type {
  AuditEntry,
  AuditRow,
  Collection,
  CommitBatch,
  CommitResult,
  ListRequest,
  RecordPage,
  RecordPut,
  RegistryStore,
  StoredRecord,
} from "./contract/registry-store.ts";
export type { TracedAction, TracedFacts, Tracer } from "./contract/tracer.ts";
export type {
  BackendEvent,
  BackendJob,
  BackendJobStage,
  BackendJobStatus,
  BackendSchedule,
  BackendScheduledJob,
  BackendSchedules,
  HardwareOffer,
  RunTracking,
  TrainingBackend,
  TrainingFailure,
  TrainingProgressRecord,
  TrainingRun,
  TrainingScriptConfig,
} from "./contract/training-backend.ts";
export { hardwareSnapshot } from "./cost/hardware-catalogue.ts";
export type { Projection } from "./cost/projection.ts";
export type { Range } from "./cost/quote.ts";
export { formatQuote, type Quote, type QuotePair } from "./cost/quote.ts";
export { type CheckDatasetOptions, checkDataset } from "./datasets/check-dataset.ts";
export {
  type CollectDatasetOptions,
  type CollectedDataset,
  type CollectFilter,
  collectDataset,
  type LeftOut,
} from "./datasets/collect-dataset.ts";
export type { DatasetCheck, LengthSummary, TokenSummary } from "./datasets/dataset-check.ts";
export type { DatasetReference } from "./datasets/dataset-reference.ts";
export { type DatasetReader, datasetReader } from "./datasets/dataset-reference.ts";
export { createDatasets, type Datasets, type DatasetsOptions, datasets } from "./datasets/datasets.ts";
export { type ExportDatasetOptions, type ExportedDataset, exportDataset } from "./datasets/export-dataset.ts";
export type { DatasetFinding } from "./datasets/findings.ts";
export type { DatasetManifest, ExportFormat } from "./datasets/manifest.ts";
export type { FieldMapping, MappingValue } from "./datasets/mapping.ts";
export {
  type MixDatasetsOptions,
  type MixedDataset,
  type MixPart,
  mixDatasets,
} from "./datasets/mix-datasets.ts";
export type { ParagraphsMapping } from "./datasets/paragraphs-mapping.ts";
export { fileSource } from "./datasets/sources/file-source.ts";
export { type HubSourceOptions, hubSource } from "./datasets/sources/hub-source.ts";
export { type SplitDatasetOptions, splitDataset, type WrittenRows } from "./datasets/split-dataset.ts";
export type { TokenCounter } from "./datasets/token-counter.ts";
export type { TurnsMapping } from "./datasets/turns-mapping.ts";
export { Deployer, type DeploymentStatusReport, type DeployResult } from "./deployment/deployer.ts";
export type { DeployerEvents } from "./deployment/deployer-events.ts";
export type {
  DeployerOptions,
  DeploymentPreview,
  DeployRequestOptions,
  ProbeOptions,
} from "./deployment/deployer-options.ts";
export type { DeploymentRegistry } from "./deployment/deployment-registry.ts";
export type { Drift } from "./deployment/drift/drift.ts";
export type { HostConfigOptions, ReloadHook } from "./deployment/host-config/host-config-options.ts";
export type { HostConfigEdit } from "./deployment/host-config/models-config.ts";
export type { RollbackResult } from "./deployment/operations/rollback-contract.ts";
export type { ReconcileReport } from "./deployment/reconcile.ts";
export type { LentDeployment, Orphan, TargetSweep } from "./deployment/retirement/orphans.ts";
export type { IdleDeployment } from "./deployment/retirement/retire-idle.ts";
export type { RetirementOptions } from "./deployment/retirement/retirement-options.ts";
export { type SelfHostedOptions, selfHosted } from "./deployment/self-hosted/self-hosted.ts";
export type { RollbackVerification } from "./deployment/verification/rollback-verification.ts";
export { certifyRollout, type RolloutCertificate } from "./deployment/watch/certify-rollout.ts";
export type { SourcedMetric, WatchedOutcomes } from "./deployment/watch/sourced-outcomes.ts";
export type { WatchOptions } from "./deployment/watch/watch-options.ts";
export type { WatchResult } from "./deployment/watch/watch-rollout.ts";
export type { YamlPath } from "./deployment/yaml/document.ts";
export {
  type EditYamlOptions,
  editYamlScalar,
  type YamlEdit,
  type YamlScalarValue,
} from "./deployment/yaml/edit-scalar.ts";
export { ConflictError } from "./errors/conflict-error.ts";
export {
  type ErrorArea,
  type ErrorCode,
  ModelOpsError,
  type ModelOpsErrorOptions,
} from "./errors/modelops-error.ts";
export type { AgentRunResult, EvaluationAnswer } from "./evaluation/answer.ts";
export type { AnswerCache, AnswerKey } from "./evaluation/answer-cache.ts";
export type { ModelUnderTest } from "./evaluation/arm.ts";
export type { AgentRun, ToRequest } from "./evaluation/ask.ts";
export type { RawGuardrail } from "./evaluation/collector.ts";
export type { ComparisonReport, MetricComparison } from "./evaluation/comparison-report.ts";
export type { EvaluationDataset, MapRow } from "./evaluation/dataset.ts";
export type { EvaluationReport } from "./evaluation/evaluation-report.ts";
export { Evaluator } from "./evaluation/evaluator.ts";
export type { EvaluatorEventMap } from "./evaluation/evaluator-events.ts";
export type { CompareOptions, EvaluateOptions, EvaluatorOptions } from "./evaluation/evaluator-options.ts";
export type { ExperimentUrls } from "./evaluation/experiment-urls.ts";
export type { ExperimentSession, ExperimentSetup, ExperimentWriter } from "./evaluation/experiment-writer.ts";
export type {
  Metric,
  MetricInput,
  MetricPairInput,
  MetricPairScore,
  MetricPrecondition,
  MetricScore,
} from "./evaluation/metric.ts";
export { type AccuracyMode, type AccuracyOptions, accuracy } from "./evaluation/metrics/accuracy.ts";
export { agentRoutingAccuracy } from "./evaluation/metrics/agent-routing-accuracy.ts";
export {
  type AutoevalsScorer,
  type FromAutoevalsOptions,
  fromAutoevals,
} from "./evaluation/metrics/from-autoevals.ts";
export { latencyThreshold } from "./evaluation/metrics/latency-threshold.ts";
export { type LlmJudgeOptions, llmJudge } from "./evaluation/metrics/llm-judge.ts";
export { mcpIntegrationQuality } from "./evaluation/metrics/mcp-integration-quality.ts";
export { type FunctionMetricOptions, metricFromFunction } from "./evaluation/metrics/metric-from-function.ts";
export { type PairwiseJudgeOptions, pairwiseJudge } from "./evaluation/metrics/pairwise-judge.ts";
export {
  type RiskAssessmentAccuracyOptions,
  riskAssessmentAccuracy,
} from "./evaluation/metrics/risk-assessment-accuracy.ts";
export { tokenEfficiency } from "./evaluation/metrics/token-efficiency.ts";
export { type ToolCallMode, type ToolCallsOptions, toolCalls } from "./evaluation/metrics/tool-calls.ts";
export { type ValidJsonOptions, validJson } from "./evaluation/metrics/valid-json.ts";
export { workflowCompleteness } from "./evaluation/metrics/workflow-completeness.ts";
export { type SqliteAnswerCacheOptions, sqliteAnswerCache } from "./evaluation/sqlite-answer-cache.ts";
export type { RescoreOptions } from "./evaluation/stored-answers.ts";
export type { EventMap, EventOf, ModelOpsEvent, NewEvent } from "./events/event.ts";
export { EventSource, type EventSubscriptions, type ListenerErrorHandler } from "./events/event-source.ts";
export { writeFileAtomically } from "./files/atomic-write.ts";
export { createHub, type Hub, type HubOptions } from "./hub/hub.ts";
export type { HubCache } from "./hub/hub-cache.ts";
export type {
  HubDataset,
  HubDocument,
  HubModel,
  HubPaper,
  HubRepository,
  HubSpace,
  RepositoryKind,
} from "./hub/hub-items.ts";
export type { HubPage, HubPages } from "./hub/hub-pages.ts";
export type { DocSearch, ModelSearch, PaperSearch, RepositorySearch } from "./hub/hub-search.ts";
export type { ModelDetails, RepoDetails } from "./hub/repo-details.ts";
export {
  type ResolveBaseModelOptions,
  type ResolvedBaseModel,
  resolveBaseModel,
} from "./hub/resolve-base-model.ts";
export { langSmithExperiments } from "./langsmith/experiments.ts";
export type { LangSmithConnection, LangSmithOptions } from "./langsmith/langsmith-options.ts";
export { type LangSmithOutcomesOptions, langSmithOutcomes } from "./langsmith/langsmith-outcomes.ts";
export type { LangSmithReaderOptions } from "./langsmith/langsmith-reader.ts";
export { langSmithSource } from "./langsmith/langsmith-source.ts";
export { type LangSmithTracingOptions, langSmithTracing } from "./langsmith/tracing.ts";
export type { Actor } from "./model/actor.ts";
export { canonicalAgentName, PRESET_AGENTS } from "./model/agent-name.ts";
export type { ArtifactFile, ArtifactLocation, ModelArtifact } from "./model/artifact.ts";
export type {
  DeploymentStatus,
  EvalScores,
  Lineage,
  ModelVersion,
  TrainingConfigRecord,
  TrainingMethod,
} from "./model/model-version.ts";
export type { PublishedAgent, PublishedVersion, RegistryJson } from "./model/registry-json.ts";
export type { RolloutPlan, RolloutPreset } from "./model/rollout-plan.ts";
export { parseRoutingTable, type RoutingTable } from "./model/routing-table.ts";
export { Secret } from "./model/secret.ts";
export {
  type CompareVersionsOptions,
  createModelOps,
  type ModelOps,
  type ModelOpsOptions,
} from "./modelops.ts";
export type { Checkpoint } from "./registry/audit/checkpoint.ts";
export type { AuditProblem, AuditVerification, RegistryAudit } from "./registry/audit/registry-audit.ts";
export type { ImportInput, ImportReport, UnplacedPart } from "./registry/json/import-registry.ts";
export type { MoveKind, Pointers } from "./registry/lifecycle.ts";
export { memoryStore } from "./registry/memory-store.ts";
export type { PointerMove } from "./registry/pointer-move.ts";
export { Registry, type RegistryOptions, type VersionName } from "./registry/registry.ts";
export type { RegistryEvents } from "./registry/registry-events.ts";
export type {
  AddVersionInput,
  AgentChangeInput,
  ChangeOptions,
  LinkInput,
  ListVersionsInput,
  NextVersionInput,
  RollbackInput,
  SetCanaryInput,
  SetChangelogInput,
  SetNotesInput,
  TagsInput,
  UpdateScoresInput,
  VersionChangeInput,
} from "./registry/registry-inputs.ts";
export { type SqliteStoreOptions, sqliteStore } from "./registry/sqlite/sqlite-store.ts";
export { type AgentChange, type UpdateAgentOptions, updateAgent } from "./registry/update-agent.ts";
export type {
  LinkedRecord,
  MovePage,
  ServingAnswer,
  VersionLineage,
  VersionPage,
} from "./registry/version-queries.ts";
export { suggestModelId, validateModelId } from "./registry/versioning/model-id.ts";
export {
  compareVersions,
  formatVersion,
  type ParsedVersion,
  parseVersion,
  type VersionBump,
} from "./registry/versioning/version.ts";
export type { WatchInput } from "./registry/watch-registry.ts";
export type { RecommendationRequirement } from "./reports/assert-recommendation.ts";
export { assertRecommendation } from "./reports/assert-recommendation.ts";
export { comparisonHtml } from "./reports/comparison-html.ts";
export { comparisonJunit } from "./reports/comparison-junit.ts";
export { comparisonMarkdown } from "./reports/comparison-markdown.ts";
export { readReport } from "./reports/read-report.ts";
export { type ReportFiles, writeReports } from "./reports/write-reports.ts";
export type { RewardDeclaration, RewardKind } from "./rewards/declaration.ts";
export {
  createRewards,
  type RewardMessage,
  type RewardQuestion,
  type RewardScore,
  type Rewards,
} from "./rewards/rewards.ts";
export type { CircuitBreakerOptions } from "./rollout/circuit-breaker.ts";
export type { RouteDecision, RoutedTarget } from "./rollout/decision.ts";
export type { RouteOutcome } from "./rollout/outcome-counters.ts";
export type { RoutedModel, RoutedModelOptions, RoutedModels, RoutedResult } from "./rollout/routed-model.ts";
export { createRouter, type Router, type RouterOptions, type RouterStatus } from "./rollout/router.ts";
export type { ShadowOptions, ShadowResult } from "./rollout/shadow-calls.ts";
export type { Logger, Runtime } from "./runtime.ts";
export { type Clock, isoTime, systemClock } from "./time/clock.ts";
export { formatDuration } from "./time/duration.ts";
export { type HfJobsOptions, hfJobs } from "./training/backends/hf-jobs/hf-jobs.ts";
export { type HfSpaceOptions, hfSpace } from "./training/backends/hf-space/hf-space.ts";
export { local } from "./training/backends/local/local.ts";
export type { LocalOptions } from "./training/backends/local/local-options.ts";
export type { BaseModel, BaseModelLookup } from "./training/base-model.ts";
export { CurveDoctor, type RemainingCost } from "./training/curve-doctor/curve-doctor.ts";
export type { CurveFinding, CurveFindingKind } from "./training/curve-doctor/curve-finding.ts";
export { hubBaseModels, type LicensePolicy } from "./training/hub-base-model.ts";
export type { JobRecord, TrainingJobState } from "./training/job-record.ts";
export type { TrainingPlan } from "./training/plan.ts";
export { parseProgressLine } from "./training/progress-line.ts";
export { formatScheduleQuote, type Repetition, type ScheduleQuote } from "./training/schedules/repetition.ts";
export type { ApproveScheduleCallback, ScheduleOptions } from "./training/schedules/schedule-options.ts";
export type { ScheduleRecord, TrainingScheduleState } from "./training/schedules/schedule-record.ts";
export { TrainingSchedule, type TrainingScheduleStatus } from "./training/schedules/training-schedule.ts";
export { Trainer } from "./training/trainer.ts";
export type {
  ApprovalAnswer,
  ApproveCallback,
  TrainerOptions,
  TrainOptions,
} from "./training/trainer-options.ts";
export type { TrainingEvent, TrainingEvents, TrainingProgress } from "./training/training-events.ts";
export { TrainingJob, type TrainingJobStatus, type TrainingResult } from "./training/training-job.ts";
export type { Hyperparameters, TrainingSpec } from "./training/training-spec.ts";
export type { VersionInput, VersionRegistrar } from "./training/version-registrar.ts";
