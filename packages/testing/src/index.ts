export const VERSION = "0.0.0";
export type { HubAccount, HubToken } from "./hub/hub-accounts.ts";
export {
  type HubSeed,
  type HubTwin,
  type HubTwinOptions,
  type JobsControl,
  startHubTwin,
} from "./hub/start-hub-twin.ts";
export type { ExecuteOptions } from "./jobs/execute-runner.ts";
export type { JobFlavor } from "./jobs/flavors.ts";
export type { Job, JobLogLine, JobSpec, JobStage } from "./jobs/job.ts";
export type { RunnerContext } from "./jobs/job-runner.ts";
export type { JobScript, JobStep } from "./jobs/scripted-runner.ts";
export { type ScriptedTrainingOptions, scriptedTraining } from "./jobs/scripted-training.ts";
export { describeRegistryStore, registryStoreCases } from "./registry-store/describe-registry-store.ts";
export {
  type CaseContext,
  runStoreCase,
  type StoreCase,
  type StoreFactory,
  type StorePlace,
  type TestRunner,
} from "./registry-store/kit.ts";
