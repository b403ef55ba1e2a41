import assert from "node:assert/strict";
import { holdsNoSecret, survivesJson } from "../kit-assertions.ts";
import { collect, finished, hasBegun, stages, start, TERMINAL_STAGES } from "./backend-expectations.ts";
import type { TrainingBackendCase } from "./training-backend-place.ts";

/** Rejects after ten seconds, since a stream that never ends says nothing. */
function tooLong(message: string): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new assert.AssertionError({ message })), 10_000).unref();
  });
}

/** The story of a run. */
export const EVENT_CASES: readonly TrainingBackendCase[] = [
  {
    name: "numbers events from 0 without gaps, as plain JSON with times that do not run backwards",
    async run(place) {
      const { job } = await start(place, "completes");
      const { events } = await finished(place.backend, job);
      assert.deepEqual(
        events.map((event) => event.index),
        events.map((_, position) => position),
      );
      let last = "";
      for (const event of events) {
        assert.ok(!Number.isNaN(Date.parse(event.time)), `${event.time} is not a time`);
        assert.ok(event.time >= last, `${event.time} comes after ${last}`);
        last = event.time;
      }
      survivesJson(events, "the events");
      holdsNoSecret(events, place.secrets, "an event");
    },
  },
  {
    name: "tells progress, and ends its story with the one stage that is final",
    async run(place) {
      const { job } = await start(place, "completes");
      const { events, status } = await finished(place.backend, job);
      assert.ok(
        events.some(({ body }) => body.kind === "progress" && typeof body.record.kind === "string"),
        "there is no progress",
      );
      const final = stages(events).filter((stage) => TERMINAL_STAGES.includes(stage));
      assert.deepEqual(final, [status.stage], "there must be exactly one final stage");
      const last = events.at(-1);
      assert.ok(last?.body.kind === "stage" && last.body.status.stage === status.stage, "it must come last");
    },
  },
  {
    name: "replays from any place, the same in another process",
    async run(place) {
      const { job } = await start(place, "completes");
      const { events } = await finished(place.backend, job);
      const other = await place.reopen();
      assert.deepEqual(await collect(other.events(job.backendJobId)), events);
      const middle = Math.floor(events.length / 2);
      assert.deepEqual(
        await collect(other.events(job.backendJobId, { since: middle })),
        events.slice(middle),
      );
      assert.deepEqual(await collect(other.events(job.backendJobId, { since: events.length })), []);
      await other.close?.();
    },
  },
  {
    name: "gives two followers the whole story each",
    async run(place) {
      const { job } = await start(place, "completes");
      const [one, two] = await Promise.all([
        finished(place.backend, job),
        finished(await place.reopen(), job),
      ]);
      assert.deepEqual(two.events, one.events);
    },
  },
  {
    name: "lets a follower leave or give up while the job goes on",
    async run(place) {
      const { job } = await start(place, "goes on until it is cancelled");
      await hasBegun(place.backend, job);
      const controller = new AbortController();
      const reason = new Error("the follower has seen enough");
      setTimeout(() => controller.abort(reason), 25);
      const following = collect(place.backend.events(job.backendJobId, { signal: controller.signal }));
      const outcome = following.catch((error: unknown) => assert.equal(error, reason));
      await Promise.race([outcome, tooLong("the stream goes on although its follower gave up")]);
      assert.equal((await place.backend.status(job.backendJobId)).stage, "running");
      await place.backend.cancel(job.backendJobId);
    },
  },
];
