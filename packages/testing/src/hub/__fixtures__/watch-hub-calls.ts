import { afterEach, expect } from "vitest";
import { PublishedInterface } from "./published-interface.ts";

// Runs before each test file: whatever a test, the library or a client says to the Hub twin over HTTP, and whatever it answers, is
// compared with the Hub's published interface.
const published = new PublishedInterface();
globalThis.fetch = published.watch(globalThis.fetch);

afterEach(() => {
  expect(published.problems.splice(0), "unlike the published interface of the Hub").toEqual([]);
});
