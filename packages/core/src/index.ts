export { type OpenAICompatibleOptions, openAICompatible } from "./chat-models/openai-compatible.ts";
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
} from "./contract/deploy-target.ts";
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
export type {
  BackendEvent,
  BackendJob,
  BackendJobStage,
  BackendJobStatus,
  HardwareOffer,
  TrainingBackend,
  TrainingFailure,
  TrainingProgressRecord,
  TrainingRun,
  TrainingScriptConfig,
} from "./contract/training-backend.ts";
export { ConflictError } from "./errors/conflict-error.ts";
export {
  type ErrorArea,
  type ErrorCode,
  ModelOpsError,
  type ModelOpsErrorOptions,
} from "./errors/modelops-error.ts";
export type { EventMap, EventOf, ModelOpsEvent, NewEvent } from "./events/event.ts";
export { EventSource, type EventSubscriptions, type ListenerErrorHandler } from "./events/event-source.ts";
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
export { Secret } from "./model/secret.ts";
export type { Logger, Runtime } from "./runtime.ts";
export { type Clock, isoTime, systemClock } from "./time/clock.ts";
export { formatDuration } from "./time/duration.ts";
