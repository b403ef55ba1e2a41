export const VERSION = "0.0.0";
export { VirtualClock, type VirtualClockOptions } from "./clock/virtual-clock.ts";
export type { EndpointState, EndpointTimes } from "./endpoints/endpoint-life.ts";
export {
  type EndpointsTwin,
  type EndpointsTwinOptions,
  startEndpointsTwin,
} from "./endpoints/endpoints-twin.ts";
export type { TwinCompute } from "./endpoints/price-list.ts";
export { faultPresets } from "./fault-presets.ts";
export { type Fault, type FaultRule, FaultScript } from "./faults/fault-script.ts";
export { baseModelSeed } from "./hub/base-model-seed.ts";
export type { HubDocSeed, HubPaperSeed } from "./hub/document-routes.ts";
export type { HubAccount, HubToken } from "./hub/hub-accounts.ts";
export {
  type HubSeed,
  type HubTwin,
  type HubTwinOptions,
  type JobsControl,
  startHubTwin,
} from "./hub/start-hub-twin.ts";
export type { ExecuteOptions } from "./jobs/execute-runner.ts";
export { hubFaults, jobEndings } from "./jobs/fault-presets.ts";
export type { JobFlavor } from "./jobs/flavors.ts";
export type { Job, JobLogLine, JobSpec, JobStage } from "./jobs/job.ts";
export type { RunnerContext } from "./jobs/job-runner.ts";
export type { JobScript, JobStep } from "./jobs/scripted-runner.ts";
export { type ScriptedTrainingOptions, scriptedTraining } from "./jobs/scripted-training.ts";
export type { ChatModelCase, ChatModelPlace } from "./kits/chat-model/chat-model-place.ts";
export { chatModelCases, describeChatModel } from "./kits/chat-model/describe-chat-model.ts";
export type { DatasetSourceCase, DatasetSourcePlace } from "./kits/dataset-source/dataset-source-place.ts";
export { datasetSourceCases, describeDatasetSource } from "./kits/dataset-source/describe-dataset-source.ts";
export type { DeployTargetCase, DeployTargetPlace } from "./kits/deploy-target/deploy-target-place.ts";
export { deployTargetCases, describeDeployTarget } from "./kits/deploy-target/describe-deploy-target.ts";
export {
  type KitCase,
  type KitFactory,
  type KitPlace,
  runKitCase,
  type TestRunner,
} from "./kits/kit-case.ts";
export { describeRegistryStore, registryStoreCases } from "./kits/registry-store/describe-registry-store.ts";
export {
  type CaseContext,
  runStoreCase,
  type StoreCase,
  type StoreFactory,
  type StorePlace,
} from "./kits/registry-store/kit.ts";
export {
  describeTrainingBackend,
  trainingBackendCases,
} from "./kits/training-backend/describe-training-backend.ts";
export type {
  RunEnding,
  TrainingBackendCase,
  TrainingBackendPlace,
} from "./kits/training-backend/training-backend-place.ts";
export {
  type LangSmithTwin,
  type LangSmithTwinOptions,
  type ReceivedRun,
  startLangSmithTwin,
} from "./langsmith/langsmith-twin.ts";
export type { ModelTotals } from "./models/chat-engine.ts";
export { type ModelsTwin, type ModelsTwinOptions, startModelsTwin } from "./models/models-twin.ts";
export type {
  AnswerFunction,
  Latency,
  ScriptedAnswer,
  ScriptedFailure,
  ScriptedModel,
  ScriptedQuestion,
} from "./models/scripted-model.ts";
export type { OpenRouterKey } from "./openrouter/openrouter-account.ts";
export type { OpenRouterModel, OpenRouterProvider } from "./openrouter/openrouter-model.ts";
export {
  type OpenRouterTwin,
  type OpenRouterTwinOptions,
  startOpenRouterTwin,
} from "./openrouter/openrouter-twin.ts";
export { type LoggedRequest, RequestLog, type RequestsTo } from "./request-log/request-log.ts";
export { SecretGuard, type SecretLeak } from "./request-log/secret-guard.ts";
export type { SpaceJobScript } from "./space/space-job.ts";
export { type SpaceTwin, type SpaceTwinOptions, startSpaceTwin } from "./space/space-twin.ts";
export type { SpaceDialect } from "./space/train-request.ts";
export { type StartTwinsOptions, startTwins, type Twins } from "./start-twins.ts";
export type { Twin, TwinOptions } from "./twin/twin.ts";
