import assert from "node:assert/strict";
import {
  aborted,
  frozen,
  holdsNoSecret,
  rejectsWell,
  rejectsWithReason,
  survivesJson,
} from "../kit-assertions.ts";
import { BACKEND_AREAS, finished, hasBegun, start } from "./backend-expectations.ts";
import type { TrainingBackendCase } from "./training-backend-place.ts";

/** What a backend offers, and starting jobs. */
export const SUBMIT_CASES: readonly TrainingBackendCase[] = [
  {
    name: "says which contract it keeps, and declares its abilities",
    async run({ backend }) {
      assert.equal(backend.contract, "training-backend/v1");
      assert.match(backend.id, /^[a-z0-9][a-z0-9-]*$/, "an id holds a-z, 0-9 and -");
      const { local, schedule, methods, adapters } = backend.capabilities;
      assert.equal(typeof local, "boolean");
      assert.equal(typeof schedule, "boolean");
      assert.ok(methods.length > 0, "no method is declared");
      assert.ok(adapters.length > 0, "no adapter is declared");
      assert.ok(!backend.preparation || backend.prepare, "preparation without prepare helps nobody");
    },
  },
  {
    name: "offers machines with ids of their own and prices that say where they come from",
    async run({ backend, run }) {
      const offers = await backend.hardware();
      assert.equal(new Set(offers.map((offer) => offer.id)).size, offers.length, "two machines share an id");
      for (const offer of offers) {
        assert.ok(offer.title.trim(), `${offer.id} has no title`);
        assert.ok(offer.cpuCores > 0 && offer.memoryGiB > 0, `${offer.id} has no size`);
        assert.ok(Number.isFinite(offer.costUsdPerHour) && offer.costUsdPerHour >= 0, `${offer.id}: price`);
        const isFree = offer.priceSource.kind === "free";
        assert.equal(offer.costUsdPerHour === 0, isFree, `${offer.id}: 0 means free, and free means 0`);
        if (backend.capabilities.local) assert.ok(isFree, "this machine costs nothing");
      }
      const { hardwareId } = run("completes");
      assert.ok(
        offers.some((offer) => offer.id === hardwareId),
        `${hardwareId} is used but not offered`,
      );
    },
  },
  {
    name: "starts a run and gives a job that can be stored as JSON and shows no secret",
    async run(place) {
      const run = frozen(place.run("completes"));
      const job = await place.backend.submit(run);
      assert.ok(job.backendJobId.trim(), "the job has no id");
      if (job.url !== null) new URL(job.url);
      survivesJson(job, "a job");
      holdsNoSecret(job, place.secrets, "the job");
      await finished(place.backend, job);
      assert.equal(await place.starts(run.runId), 1);
    },
  },
  {
    name: "starts a run once, however often it is submitted: again, at once, from another process, after its end",
    async run(place) {
      const run = place.run("completes");
      const [first, second] = await Promise.all([place.backend.submit(run), place.backend.submit(run)]);
      const other = await place.reopen();
      const third = await other.submit(run);
      await finished(place.backend, first);
      const fourth = await place.backend.submit(run);
      for (const job of [second, third, fourth]) assert.equal(job.backendJobId, first.backendJobId);
      assert.equal(await place.starts(run.runId), 1);
      await other.close?.();
    },
  },
  {
    name: "keeps two runs apart",
    async run(place) {
      const [one, two] = [await start(place, "completes"), await start(place, "fails")];
      assert.notEqual(one.job.backendJobId, two.job.backendJobId);
      assert.equal((await finished(place.backend, one.job)).status.stage, "completed");
      assert.equal((await finished(place.backend, two.job)).status.stage, "failed");
    },
  },
  {
    name: "starts nothing for a caller that has given up already",
    async run(place) {
      const run = place.run("completes");
      const { signal, reason } = aborted();
      await rejectsWithReason(place.backend.submit(run, { signal }), reason);
      assert.equal(await place.starts(run.runId), 0);
    },
  },
  {
    name: "finds a running job again in another process, by its id alone",
    async run(place) {
      const { job } = await start(place, "goes on until it is cancelled");
      await hasBegun(place.backend, job);
      const other = await place.reopen();
      assert.equal((await other.status(job.backendJobId)).stage, "running");
      assert.equal((await other.cancel(job.backendJobId)).stage, "cancelled");
      assert.equal((await place.backend.status(job.backendJobId)).stage, "cancelled");
      await other.close?.();
    },
  },
  {
    name: "knows no job that was never submitted",
    async run({ backend, secrets }) {
      await rejectsWell(backend.status("run-never-submitted"), BACKEND_AREAS, secrets);
      await rejectsWell(backend.artifact("run-never-submitted"), BACKEND_AREAS, secrets);
    },
  },
];
