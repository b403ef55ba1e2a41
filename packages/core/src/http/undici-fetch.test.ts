import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Agent, fetch as undiciFetch } from "undici";
import { expect, test } from "vitest";
import { openAICompatible } from "../chat-models/openai-compatible.ts";

// Hosts with a proxy or their own connection limits pass undici's fetch bound to a dispatcher of undici's own version;
// the global fetch refuses such a dispatcher.
test("a host's undici fetch with its own agent carries the calls", async () => {
  let connections = 0;
  const server = createServer((request, response) => {
    request.resume();
    const reply = {
      choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "hello" } }],
    };
    response.setHeader("content-type", "application/json").end(JSON.stringify(reply));
  });
  server.on("connection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const agent = new Agent({ connections: 1, keepAliveTimeout: 5_000 });
  const fetchThroughAgent = ((input: string, init?: RequestInit) =>
    undiciFetch(input, { ...(init as object), dispatcher: agent })) as unknown as typeof globalThis.fetch;
  try {
    const { port } = server.address() as AddressInfo;
    const model = openAICompatible({
      baseUrl: `http://127.0.0.1:${port}/v1`,
      model: "m",
      fetch: fetchThroughAgent,
    });
    const ask = () => model.generate({ messages: [{ role: "user", content: "hi" }] });
    const answers = await Promise.all([ask(), ask(), ask()]);
    expect(answers.map((answer) => answer.text)).toEqual(["hello", "hello", "hello"]);
    expect(connections).toBe(1);
  } finally {
    await agent.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
