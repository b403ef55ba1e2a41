import { createHub, type Hub, type HubCache, hubBaseModels } from "@modelops/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HubTwin, startHubTwin } from "./start-hub-twin.ts";

const CONFIG = JSON.stringify({
  architectures: ["Qwen2ForCausalLM"],
  model_type: "qwen2",
  num_hidden_layers: 28,
  hidden_size: 3584,
  vocab_size: 152_064,
  max_position_embeddings: 32_768,
});

function safetensors(shape: readonly [number, number]): Uint8Array {
  const bytes = shape[0] * shape[1] * 2;
  const header = JSON.stringify({
    "model.embed_tokens.weight": { dtype: "BF16", shape, data_offsets: [0, bytes] },
  });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header), Buffer.alloc(bytes)]);
}

const FILES = { "config.json": CONFIG, "tokenizer.json": "{}", "model.safetensors": safetensors([8, 16]) };
const facts = (license: string | null, more: object = {}) => ({
  pipeline_tag: "text-generation",
  library_name: "transformers",
  tags: ["transformers"],
  config: { architectures: ["Qwen2ForCausalLM"], model_type: "qwen2" },
  safetensors: { parameters: { BF16: 7_615_616_512 }, total: 7_615_616_512 },
  cardData: license === null ? {} : { license },
  ...more,
});

let twin: HubTwin;
let hub: Hub;

beforeAll(async () => {
  twin = await startHubTwin({
    accounts: [
      { name: "alice", tokens: [{ token: "hf_twinAlice0123456789", role: "write" }] },
      { name: "bob", tokens: [{ token: "hf_twinBob00123456789", role: "read" }] },
    ],
    repositories: [
      { name: "acme/qwen-7b", files: FILES, downloads: 900, likes: 5, facts: facts("apache-2.0") },
      {
        name: "acme/small-1b",
        files: FILES,
        downloads: 50,
        facts: { ...facts("mit"), safetensors: { total: 1e9 } },
      },
      { name: "acme/uncounted", files: FILES, facts: { cardData: { license: "mit" } } },
      { name: "acme/gated", files: FILES, gated: "manual", facts: facts("llama3.1") },
      { name: "acme/closed", files: FILES, isDisabled: true, facts: facts("mit") },
      { name: "alice/secret", files: FILES, isPrivate: true, facts: facts("mit") },
      { name: "acme/no-derivatives", files: FILES, facts: facts("cc-by-nc-nd-4.0") },
      { name: "acme/research", files: FILES, facts: facts("cc-by-nc-4.0") },
      {
        name: "acme/own-terms",
        files: FILES,
        facts: facts("other", {
          cardData: { license: "other", license_name: "acme-1", license_link: "https://acme.test/l" },
        }),
      },
      { name: "acme/unstated", files: FILES, facts: facts(null) },
      {
        name: "acme/pickled",
        files: { "config.json": CONFIG, "tokenizer.json": "{}", "pytorch_model.bin": "x" },
        facts: facts("mit"),
      },
      {
        name: "acme/adapter",
        files: { "adapter_config.json": "{}", "adapter_model.safetensors": "x" },
        facts: facts("mit"),
      },
      { name: "acme/gguf", files: { "model-Q4.gguf": "GGUF" }, facts: facts("mit") },
      { name: "acme/before", files: FILES, facts: facts("mit") },
      {
        type: "dataset",
        name: "acme/tickets",
        downloads: 3,
        facts: { tags: ["language:en"], cardData: { license: "cc0-1.0" } },
      },
      { type: "space", name: "acme/demo", facts: { sdk: "gradio", cardData: { title: "Demo" } } },
      ...Array.from({ length: 7 }, (_, index) => ({ name: `many/model-${index}`, downloads: 100 - index })),
    ],
    papers: [
      {
        id: "2402.03300",
        title: "DeepSeekMath",
        summary: "Group relative policy optimisation",
        authors: ["Z. Shao"],
      },
      { id: "2106.09685", title: "LoRA", summary: "Low-rank adaptation" },
    ],
    docs: [
      {
        product: "trl",
        title: "GRPO Trainer",
        headings: ["GRPO Trainer", "Rewards"],
        text: "reward functions",
        url: "/docs/trl/grpo_trainer",
      },
      { product: "peft", title: "LoRA", text: "reward nothing", url: "/docs/peft/lora" },
    ],
  });
  twin.rename("acme/before", "acme/after");
  hub = createHub({ hubUrl: twin.url, token: twin.token });
});

afterAll(() => twin.close());

async function idsOf(items: AsyncIterable<{ readonly id: string }>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of items) ids.push(id);
  return ids;
}

describe("searches", () => {
  test("find models by name, licence, task and size, typed, the most used first", async () => {
    const found = await hub
      .searchModels({
        license: "apache-2.0",
        task: "text-generation",
        library: "transformers",
        minParameters: 7.5e9,
        maxParameters: 8e9,
      })
      .page();
    expect(found.items).toEqual([
      expect.objectContaining({
        id: "acme/qwen-7b",
        url: `${twin.url}/acme/qwen-7b`,
        author: "acme",
        task: "text-generation",
        library: "transformers",
        architecture: "Qwen2ForCausalLM",
        parameters: 7_615_616_512,
        license: "apache-2.0",
        gated: false,
        downloads: 900,
        likes: 5,
      }),
    ]);
    expect(await idsOf(hub.searchModels({ author: "acme", maxParameters: 2e9 }))).toEqual(["acme/small-1b"]);
  });

  test("go through all pages by iteration, or one at a time", async () => {
    const search = () => hub.searchModels({ author: "many", sort: "downloads", pageSize: 3 });
    expect(await idsOf(search())).toEqual(Array.from({ length: 7 }, (_, index) => `many/model-${index}`));
    const first = await search().page();
    const second = await search().page(first.cursor);
    expect(second.items.map((model) => model.id)).toEqual(["many/model-3", "many/model-4", "many/model-5"]);
    expect((await search().page(second.cursor)).cursor).toBeNull();
  });

  test("find datasets, Spaces, papers and documentation", async () => {
    expect((await hub.searchDatasets({ search: "ticket", tags: ["language:en"] }).page()).items).toEqual([
      expect.objectContaining({
        id: "acme/tickets",
        url: `${twin.url}/datasets/acme/tickets`,
        license: "cc0-1.0",
      }),
    ]);
    expect((await hub.searchSpaces({ author: "acme" }).page()).items).toEqual([
      expect.objectContaining({
        id: "acme/demo",
        sdk: "gradio",
        title: "Demo",
        url: `${twin.url}/spaces/acme/demo`,
      }),
    ]);
    expect((await hub.searchPapers({ search: "policy optimisation" }).page()).items).toEqual([
      expect.objectContaining({
        id: "2402.03300",
        title: "DeepSeekMath",
        authors: ["Z. Shao"],
        publishedAt: null,
      }),
    ]);
    expect((await hub.searchDocs({ search: "reward", product: "trl" }).page()).items).toEqual([
      {
        product: "trl",
        title: "GRPO Trainer",
        headings: ["GRPO Trainer", "Rewards"],
        text: "reward functions",
        url: `${twin.url}/docs/trl/grpo_trainer`,
      },
    ]);
  });

  test("never show what is private to another account", async () => {
    const other = createHub({ hubUrl: twin.url, token: "hf_twinBob00123456789" });
    expect(await idsOf(hub.searchModels({ search: "secret" }))).toEqual(["alice/secret"]);
    expect(await idsOf(other.searchModels({ search: "secret" }))).toEqual([]);
  });

  test("refuse what they do not know", () => {
    expect(() => hub.searchModels({ serach: "x" } as never)).toThrow(
      expect.objectContaining({ code: "input/hub-search" }),
    );
    expect(() => hub.searchModels({ minParameters: 9e9, maxParameters: 1e9 })).toThrow(/minParameters/);
    expect(() => hub.searchPapers({ search: "  " })).toThrow(
      expect.objectContaining({ code: "input/hub-search" }),
    );
    expect(() => createHub({ cache: {} as HubCache })).toThrow(
      expect.objectContaining({ code: "config/hub" }),
    );
  });

  test("wait when the Hub says how long, and do not follow an address out of an answer", async () => {
    twin.faults.add(
      {
        route: "GET /api/models",
        nth: 1,
        fault: { kind: "reply", status: 429, headers: { "retry-after": "0" } },
      },
      {
        route: "GET /api/datasets",
        fault: { kind: "reply", status: 302, headers: { location: "http://127.0.0.1:1/api/datasets" } },
      },
    );
    expect(await idsOf(hub.searchModels({ search: "qwen" }))).toEqual(["acme/qwen-7b"]);
    await expect(hub.searchDatasets({ search: "elsewhere" }).page()).rejects.toMatchObject({
      code: "hub/redirected",
    });
  });
});

describe("the cache", () => {
  test("answers again without asking, in the store that was given, and not for another token", async () => {
    const kept = new Map<string, unknown>();
    const cache: HubCache = {
      get: async (key) => kept.get(key),
      set: async (key, value) => kept.set(key, structuredClone(value)),
    };
    const one = createHub({ hubUrl: twin.url, token: twin.token, cache });
    const asked = () => twin.requests.to("GET /api/models/*/*").count;
    const before = asked();
    const details = await one.repoDetails("alice/secret");
    expect(await one.repoDetails("alice/secret")).toEqual(details);
    expect(asked()).toBe(before + 1);
    const other = createHub({ hubUrl: twin.url, token: "hf_twinBob00123456789", cache });
    await expect(other.repoDetails("alice/secret")).rejects.toMatchObject({ code: "hub/not-found" });
    expect(JSON.stringify([...kept])).not.toContain("hf_twin");
  });

  test("does not keep a refusal, and a broken store only costs time", async () => {
    const cache: HubCache = {
      get: () => Promise.reject(new Error("disk")),
      set: () => Promise.reject(new Error("disk")),
    };
    const broken = createHub({ hubUrl: twin.url, token: twin.token, cache });
    await expect(broken.repoDetails("acme/later")).rejects.toMatchObject({ code: "hub/not-found" });
    await expect(hub.repoDetails("acme/later")).rejects.toMatchObject({ code: "hub/not-found" });
    twin.addRepository({ name: "acme/later", files: FILES });
    expect((await broken.repoDetails("acme/later")).id).toBe("acme/later");
    expect((await hub.repoDetails("acme/later")).id).toBe("acme/later");
  });
});

describe("repoDetails", () => {
  test("says what a model is: architecture, parameters, licence, gate, context length, size, commit", async () => {
    expect(await hub.repoDetails("acme/qwen-7b")).toMatchObject({
      kind: "model",
      revision: expect.stringMatching(/^[0-9a-f]{40}$/),
      license: "apache-2.0",
      gated: false,
      isPrivate: false,
      renamedFrom: null,
      sizeBytes: Object.values(FILES).reduce((sum, file) => sum + file.length, 0),
      model: {
        canRead: true,
        architecture: "Qwen2ForCausalLM",
        parameters: 7_615_616_512,
        parametersByType: { BF16: 7_615_616_512 },
        contextLength: 32_768,
        layers: 28,
        hiddenSize: 3584,
        vocabularySize: 152_064,
        hasChatTemplate: null,
      },
    });
    expect((await hub.repoDetails("acme/tickets", { kind: "dataset" })).model).toBeNull();
  });

  test("follows the Hub from an old name to the new one, and no further than the Hub", async () => {
    const moved = (location: string) => ({ kind: "reply", status: 307, headers: { location } }) as const;
    twin.faults.add(
      { route: "GET /api/models/acme/old-name", fault: moved("/api/models/acme/qwen-7b?blobs=true") },
      { route: "GET /api/models/acme/stolen", fault: moved("http://127.0.0.1:1/api/models/acme/qwen-7b") },
    );
    expect(await hub.repoDetails("acme/old-name")).toMatchObject({
      id: "acme/qwen-7b",
      renamedFrom: "acme/old-name",
    });
    await expect(hub.repoDetails("acme/stolen")).rejects.toMatchObject({ code: "hub/redirected" });
  });

  test("does not go on with a name that an answer made up", async () => {
    const body = { id: "../../../etc", private: false, gated: false };
    twin.faults.add({ route: "GET /api/models/acme/odd", fault: { kind: "reply", status: 200, body } });
    await expect(hub.repoDetails("acme/odd")).rejects.toMatchObject({ code: "hub/unexpected-reply" });
  });

  test("counts the weights itself where the Hub has not yet", async () => {
    expect((await hub.repoDetails("acme/uncounted")).model).toMatchObject({
      parameters: 128,
      parametersByType: { BF16: 128 },
    });
  });

  test("describes a gated model that may not be loaded", async () => {
    expect(await hub.repoDetails("acme/gated")).toMatchObject({
      gated: "manual",
      license: "llama3.1",
      model: { canRead: false, parameters: 7_615_616_512, contextLength: null },
    });
  });

  test.each([
    ["../../api/whoami-v2", "hub/invalid-repository"],
    ["acme/..", "hub/invalid-repository"],
    ["qwen", "hub/invalid-repository"],
    ["acme/none", "hub/not-found"],
    ["acme/closed", "hub/disabled"],
  ])("explains %s", async (id, code) => {
    await expect(hub.repoDetails(id)).rejects.toMatchObject({ code, fix: expect.stringMatching(/\w/) });
  });

  test("says that a missing repository may be private, and what a wrong token is", async () => {
    const nobody = createHub({ hubUrl: twin.url, token: "hf_wrong" });
    await expect(nobody.repoDetails("alice/secret")).rejects.toMatchObject({ code: "hub/no-access" });
    await expect(hub.repoDetails("acme/none")).rejects.toMatchObject({
      reason: expect.stringContaining("private"),
    });
    await expect(hub.repoDetails("acme/qwen-7b", { revision: "v9" })).rejects.toMatchObject({
      code: "hub/not-found",
      message: expect.stringContaining("revision"),
    });
  });
});

describe("base models from the Hub", () => {
  const lookup = (id: string, licenses = {}) => hubBaseModels(hub, { licenses })(id, { revision: null });

  test("are counted, pinned to the commit that was looked at, and warned about", async () => {
    expect(await lookup("acme/qwen-7b")).toMatchObject({
      id: "acme/qwen-7b",
      revision: expect.stringMatching(/^[0-9a-f]{40}$/),
      parameters: 7_615_616_512,
      parametersFrom: "weights",
      contextLength: 32_768,
      license: "apache-2.0",
      sizeBytes: FILES["model.safetensors"].length,
      warnings: [],
    });
    expect((await lookup("acme/before")).warnings).toEqual([expect.stringMatching(/now called acme\/after/)]);
    expect((await lookup("acme/research")).warnings).toEqual([expect.stringMatching(/commercially/)]);
    expect((await lookup("acme/own-terms")).warnings).toEqual([expect.stringMatching(/acme-1.*acme\.test/)]);
    expect((await lookup("acme/unstated")).warnings).toEqual([expect.stringMatching(/no licence/)]);
  });

  test.each([
    ["acme/none", "hub/not-found", /private/],
    ["acme/closed", "hub/disabled", /closed/],
    ["acme/no-derivatives", "training/license", /derivatives/],
    ["acme/pickled", "training/base-model", /pickled/],
    ["acme/adapter", "training/base-model", /adapter/],
    ["acme/gguf", "training/base-model", /GGUF/],
  ])("%s is refused before anything is planned: %s", async (id, code, reason) => {
    await expect(lookup(id)).rejects.toMatchObject({ code, reason: expect.stringMatching(reason) });
  });

  test("a gated one names the page where access is asked for", async () => {
    await expect(lookup("acme/gated")).rejects.toMatchObject({
      code: "hub/gated",
      details: { url: `${twin.url}/acme/gated` },
      fix: expect.stringContaining(`${twin.url}/acme/gated`),
    });
  });

  test("an installation may allow some licences only, refuse some, or allow what is refused by default", async () => {
    await expect(lookup("acme/uncounted", { allow: ["apache-2.0"] })).rejects.toMatchObject({
      code: "training/license",
    });
    await expect(lookup("acme/unstated", { allow: ["apache-2.0"] })).rejects.toMatchObject({
      code: "training/license",
    });
    await expect(lookup("acme/uncounted", { refuse: ["mit"] })).rejects.toMatchObject({
      code: "training/license",
    });
    expect((await lookup("acme/no-derivatives", { allow: ["cc-by-nc-nd-4.0"] })).license).toBe(
      "cc-by-nc-nd-4.0",
    );
    expect(() => hubBaseModels(hub, { licenses: { alow: [] } as never })).toThrow(
      expect.objectContaining({ code: "config/licenses" }),
    );
  });
});
