import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { completion, sendJson, startServer } from "../../chat-models/__fixtures__/test-server.ts";
import type { ModelReference } from "../../contract/deploy-target.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { selfHosted } from "./self-hosted.ts";

let server: Awaited<ReturnType<typeof startServer>>;
const model: ModelReference = {
  modelId: "org/tuned",
  agent: "feature_dev",
  version: "v1.0.0",
  artifact: null,
};

beforeEach(async () => {
  server = await startServer((response, seen) => {
    if (seen.headers.authorization !== "Bearer sk-test-key") return sendJson(response, 401, {});
    if (seen.path.endsWith("/models"))
      return sendJson(response, 200, { data: [{ id: "org/tuned" }, { id: "base" }] });
    return sendJson(response, 200, completion("hello"));
  });
});
afterEach(() => server.close());

describe("selfHosted", () => {
  it("serves what the server's list names, and answers through it", async () => {
    const target = selfHosted({ baseUrl: server.baseUrl, apiKey: "sk-test-key", usdPerHour: 1.5 });
    expect(await target.check(model)).toMatchObject({ canServe: true, price: { usdPerHour: 1.5 } });
    const deployment = await target.deploy({ model, idempotencyKey: "k" });
    expect(await target.deploy({ model, idempotencyKey: "k" })).toEqual(deployment);
    expect(deployment).toMatchObject({
      configValue: "org/tuned",
      baseUrl: server.baseUrl,
      targetId: "self-hosted",
    });
    expect(JSON.stringify(deployment)).not.toContain("sk-test");
    expect((await target.status(deployment)).state).toBe("ready");
    const chat = await target.chatModel(deployment);
    expect((await chat.generate({ messages: [{ role: "user", content: "hi" }] })).text).toBe("hello");
    expect(server.seen.at(-1)?.body.model).toBe("org/tuned");
  });

  it("maps names, and says what the server does serve when the model is not there", async () => {
    const target = selfHosted({
      baseUrl: server.baseUrl,
      apiKey: "sk-test-key",
      servedName: ({ version }) => (version === "v1.0.0" ? "base" : "missing"),
    });
    expect((await target.deploy({ model, idempotencyKey: "k" })).configValue).toBe("base");
    const other = { ...model, version: "v2.0.0" };
    const { canServe, problems } = await target.check(other);
    expect(canServe).toBe(false);
    expect(problems[0]?.message).toContain("it serves org/tuned, base");
    await expect(target.deploy({ model: other, idempotencyKey: "k" })).rejects.toMatchObject({
      code: "target/cannot-serve",
    });
  });

  it("explains a wrong key, a server that is down and a URL that is not an API, without showing the key", async () => {
    const wrong = await selfHosted({ baseUrl: server.baseUrl, apiKey: "sk-wrong-key" }).check(model);
    expect(wrong.problems[0]?.message).toContain("does not accept the key");
    expect(JSON.stringify(wrong)).not.toContain("sk-wrong-key");
    await server.close();
    const down = selfHosted({ baseUrl: server.baseUrl, apiKey: "sk-test-key" });
    expect((await down.check(model)).canServe).toBe(false);
    const deployment = {
      ...model,
      targetId: "self-hosted",
      deploymentId: "d",
      configValue: "m",
      baseUrl: null,
      details: {},
    };
    expect((await down.status(deployment)).state).toBe("failed");
    expect(() => selfHosted({ baseUrl: "not a url" })).toThrow(ModelOpsError);
    expect(() => selfHosted({ baseUrl: server.baseUrl, typo: 1 } as never)).toThrow(/typo/);
  });
});
