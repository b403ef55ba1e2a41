// A Models twin in a process of its own: prints its address, answers `memory` on standard input, ends with it.
import { createInterface } from "node:readline";
import { startModelsTwin } from "@modelops/testing";

const isLogged = process.argv[2] !== "unlogged";
const twin = await startModelsTwin({
  isLogged,
  models: [
    {
      id: "m",
      answers: ({ prompt }) => `The answer to ${prompt} is known.`,
      price: { inputUsdPerMillionTokens: 0.1, outputUsdPerMillionTokens: 0.3 },
    },
  ],
});

const tell = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);
tell({ baseUrl: twin.baseUrl });
for await (const _line of createInterface({ input: process.stdin })) {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  tell({
    heapMiB: heapUsed / 2 ** 20,
    residentMiB: rss / 2 ** 20,
    cpuMs: (user + system) / 1000,
    requests: twin.totals("m")?.requests ?? 0,
  });
}
await twin.close();
