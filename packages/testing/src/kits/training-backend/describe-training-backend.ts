import { describeKit, type KitFactory, type TestRunner } from "../kit-case.ts";
import { ENDING_CASES } from "./ending-cases.ts";
import { EVENT_CASES } from "./event-cases.ts";
import { SCHEDULE_CASES } from "./schedule-cases.ts";
import { SUBMIT_CASES } from "./submit-cases.ts";
import type { TrainingBackendCase, TrainingBackendPlace } from "./training-backend-place.ts";

/** Every promise of `TrainingBackend`, as cases of their own. */
export const trainingBackendCases: readonly TrainingBackendCase[] = [
  ...SUBMIT_CASES,
  ...EVENT_CASES,
  ...ENDING_CASES,
  ...SCHEDULE_CASES,
];

/** The contract of a `TrainingBackend` as a test suite: `describeTrainingBackend(factory, { describe, it })`. */
export function describeTrainingBackend(factory: KitFactory<TrainingBackendPlace>, runner: TestRunner): void {
  describeKit("training-backend/v1", trainingBackendCases, factory, runner);
}
