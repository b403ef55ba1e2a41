import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { holdsNoSecret, isNullOrAtLeastZero, rejectsWell, survivesJson } from "../kit-assertions.ts";
import { BACKEND_AREAS, finished, hasBegun, start } from "./backend-expectations.ts";
import type { TrainingBackendCase } from "./training-backend-place.ts";

/** How runs end. */
export const ENDING_CASES: readonly TrainingBackendCase[] = [
  {
    name: "completes with its times, its cost or null, and no failure",
    async run(place) {
      const { job } = await start(place, "completes");
      const { status } = await finished(place.backend, job);
      assert.equal(status.stage, "completed");
      assert.equal(status.failure, null);
      assert.ok(status.startedAt !== null && status.finishedAt !== null, "the times are missing");
      assert.ok(Date.parse(status.startedAt) <= Date.parse(status.finishedAt), "it ended before it began");
      isNullOrAtLeastZero(status.costUsd, "costUsd");
      if (place.backend.capabilities.local) assert.equal(status.costUsd, 0);
      survivesJson(status, "a status");
    },
  },
  {
    name: "names the artifact with its base model and files that are there",
    async run(place) {
      const { run, job } = await start(place, "completes");
      await finished(place.backend, job);
      const artifact = await place.backend.artifact(job.backendJobId);
      assert.equal(artifact.baseModel, run.baseModel);
      assert.equal(artifact.kind, run.adapter.kind === "full" ? "full-model" : "adapter");
      const names = artifact.files.map((file) => file.path);
      assert.ok(
        names.some((name) => name.endsWith(".safetensors")),
        `no weights among ${names.join(", ") || "no files"}`,
      );
      assert.ok(
        names.some((name) => name.endsWith("config.json")),
        "no config among the files",
      );
      if (artifact.location.type === "folder") {
        for (const file of artifact.files) {
          const found = await stat(join(artifact.location.path, file.path));
          assert.ok(found.isFile() && found.size > 0, `${file.path} is empty`);
        }
      }
      survivesJson(artifact, "an artifact");
      holdsNoSecret(artifact, place.secrets, "the artifact");
    },
  },
  {
    name: "says why a run failed and what to do, and has no artifact of it",
    async run(place) {
      const { job } = await start(place, "fails");
      const { status } = await finished(place.backend, job);
      assert.equal(status.stage, "failed");
      assert.ok(status.failure, "a failed run needs a failure");
      const { diagnosis, message, fix } = status.failure;
      for (const text of [diagnosis, message, fix]) assert.ok(text.trim(), "the failure says too little");
      holdsNoSecret(status, place.secrets, "the status");
      await rejectsWell(place.backend.artifact(job.backendJobId), BACKEND_AREAS, place.secrets);
    },
  },
  {
    name: "cancels a running job and resolves when it has ended; again it is calm",
    async run(place) {
      const { job } = await start(place, "goes on until it is cancelled");
      await hasBegun(place.backend, job);
      await rejectsWell(place.backend.artifact(job.backendJobId), BACKEND_AREAS, place.secrets);
      assert.equal((await place.backend.cancel(job.backendJobId)).stage, "cancelled");
      assert.equal((await place.backend.status(job.backendJobId)).stage, "cancelled");
      assert.equal((await place.backend.cancel(job.backendJobId)).stage, "cancelled");
      assert.equal((await finished(place.backend, job)).status.stage, "cancelled");
    },
  },
  {
    name: "leaves a job that has completed as it is when it is cancelled",
    async run(place) {
      const { job } = await start(place, "completes");
      await finished(place.backend, job);
      assert.equal((await place.backend.cancel(job.backendJobId)).stage, "completed");
      await place.backend.artifact(job.backendJobId);
    },
  },
  {
    name: "closes twice calmly",
    async run({ reopen }) {
      const other = await reopen();
      await other.close?.();
      await other.close?.();
    },
  },
];
