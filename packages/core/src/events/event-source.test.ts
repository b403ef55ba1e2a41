import { describe, expect, test } from "vitest";
import type { ModelOpsEvent } from "./event.ts";
import { EventSource } from "./event-source.ts";

type Events = { readonly "thing.happened": { readonly count: number }; readonly "thing.ended": null };

const event = (type: string, data: unknown = { count: 1 }): ModelOpsEvent => ({
  v: 1,
  id: "e1",
  seq: null,
  time: "2026-01-01T00:00:00.000Z",
  type,
  agent: null,
  subject: null,
  data,
});

describe("EventSource", () => {
  test("delivers to the listeners of the type and to those of all types, in order", () => {
    const source = new EventSource<Events>();
    const seen: string[] = [];
    source.on("thing.happened", (happened) => {
      seen.push(`typed ${happened.data.count}`);
    });
    source.onAny((any) => {
      seen.push(`any ${any.type}`);
    });
    source.publish(event("thing.happened"));
    source.publish(event("thing.ended", null));
    expect(seen).toEqual(["typed 1", "any thing.happened", "any thing.ended"]);
  });

  test("a listener that throws or rejects is reported and the others still run", async () => {
    const reported: unknown[] = [];
    const source = new EventSource<Events>({ onListenerError: (error) => reported.push(error) });
    const seen: number[] = [];
    source.on("thing.happened", () => {
      throw new Error("sync");
    });
    source.on("thing.happened", async () => {
      throw new Error("async");
    });
    source.on("thing.happened", (happened) => {
      seen.push(happened.data.count);
    });
    source.publish(event("thing.happened"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([1]);
    expect(reported.map(String)).toEqual(["Error: sync", "Error: async"]);
  });

  test("stops after off, after the returned function, and after one event with once", () => {
    const source = new EventSource<Events>();
    let calls = 0;
    const listener = () => {
      calls += 1;
    };
    source.on("thing.happened", listener);
    source.off("thing.happened", listener);
    source.on("thing.happened", listener)();
    source.publish(event("thing.happened"));
    expect(calls).toBe(0);
    source.once("thing.happened", listener);
    source.publish(event("thing.happened"));
    source.publish(event("thing.happened"));
    expect(calls).toBe(1);
  });
});
