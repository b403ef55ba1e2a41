import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import type { RewardDeclaration } from "./declaration.ts";
import { createRewards, type RewardQuestion } from "./rewards.ts";

interface Vector extends RewardQuestion {
  readonly name: string;
  /** A known way to cheat. */
  readonly hack: boolean;
  readonly spec: RewardDeclaration;
  readonly expected: number;
  /** The trainer refuses such a row before anything is paid for. */
  readonly gold_is_unusable?: boolean;
}

/** The very file that the Python of the training script is tested with. */
const vectors = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../../python-tests/reward_vectors.json"), "utf8"),
) as readonly Vector[];
const plain = vectors.filter((vector) => vector.spec.kind !== "code-tests");
const code = vectors.filter((vector) => vector.spec.kind === "code-tests");

describe("golden vectors shared with the training script", () => {
  test.each(plain)("$name", async ({ spec, expected, gold_is_unusable: isUnusable, ...question }) => {
    const scored = createRewards([spec]).score(question);
    if (isUnusable) await expect(scored).rejects.toMatchObject({ code: "dataset/gold-answer" });
    else expect((await scored).total).toBeCloseTo(expected, 6);
  });

  test("code-tests, run by Python in a child process", async () => {
    const scores = new Map<string, number>();
    const queue = [...code];
    const worker = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const { spec, name, expected: _expected, ...question } = next;
        scores.set(name, (await createRewards([spec]).score(question)).total);
      }
    };
    await Promise.all([worker(), worker()]);
    expect(Object.fromEntries(scores)).toEqual(
      Object.fromEntries(code.map(({ name, expected }) => [name, expected])),
    );
  });

  test("every way to cheat is worth at most a tenth, for every kind", () => {
    const hacks = vectors.filter((vector) => vector.hack);
    expect(new Set(hacks.map((vector) => vector.spec.kind)).size).toBe(5);
    expect(Math.max(...hacks.map((vector) => vector.expected))).toBeLessThanOrEqual(0.1);
  });
});

describe("createRewards", () => {
  test("adds up by weight, as GRPO does", async () => {
    const rewards = createRewards([
      { kind: "numeric", column: "answer", weight: 2 },
      { kind: "exact", column: "word", weight: 0.5 },
    ]);
    const score = await rewards.score({
      completion: "#### 4",
      prompt: "2+2",
      row: { answer: 4, word: "four" },
    });
    expect(score).toEqual({
      total: 2,
      each: [
        { kind: "numeric", weight: 2, score: 1 },
        { kind: "exact", weight: 0.5, score: 0 },
      ],
    });
  });

  test.each([
    [[], /rewards/i],
    [[{ kind: "length" }], /kind/],
    [[{ kind: "numeric" }], /column: is missing/],
    [[{ kind: "numeric", column: "a", format_reward: 0.5 }], /format_reward/],
    [[{ kind: "exact", column: "a", trimm: true }], /trimm/],
    [[{ kind: "json-schema", column: "a", schema: {} }], /either column or schema/],
    [[{ kind: "json-schema", schema: { pattern: "^a" } }], /"pattern" is not supported/],
    [[{ kind: "code-tests", column: "a", timeout_seconds: 600 }], /timeout_seconds/],
  ])("refuses %j", (declared, message) => {
    expect(() => createRewards(declared)).toThrow(expect.objectContaining({ code: "input/rewards" }));
    expect(() => createRewards(declared)).toThrow(message);
  });

  test.each([
    [{ kind: "numeric", column: "gold" }, "no number here"],
    [{ kind: "exact", column: "gold" }, " "],
    [{ kind: "json-schema", column: "gold" }, "{not json"],
    [{ kind: "tool-call", column: "gold" }, "[]"],
    [{ kind: "code-tests", column: "gold" }, "print(1)"],
    [{ kind: "code-tests", column: "gold" }, "assert f( == 1"],
    [{ kind: "numeric", column: "constructor" }, "1"],
  ])("%j says when the right answer is unusable: %j", async (declared, gold) => {
    const question = { completion: "x = 1", prompt: "", row: { gold } };
    await expect(createRewards([declared]).score(question)).rejects.toMatchObject({
      code: "dataset/gold-answer",
    });
  });

  test("code never sees the environment of its host", async () => {
    process.env.MODELOPS_TEST_TOKEN = "hf_canary0123456789";
    try {
      const look = "import os\ndef look():\n    return [v for v in os.environ.values() if 'canary' in v]\n";
      const question = { completion: look, prompt: "", row: { tests: ["assert look() == []"] } };
      const { total } = await createRewards([{ kind: "code-tests", column: "tests" }]).score(question);
      expect(total).toBe(1);
    } finally {
      delete process.env.MODELOPS_TEST_TOKEN;
    }
  });

  test("says so when there is no Python", async () => {
    const rewards = createRewards([{ kind: "code-tests", column: "tests" }], { python: "/no/such/python" });
    await expect(
      rewards.score({ completion: "f = 1", prompt: "", row: { tests: ["assert f == 1"] } }),
    ).rejects.toMatchObject({ code: "training/reward-unavailable" });
  });

  test("ends the code when its caller gives up", async () => {
    const reason = new Error("enough");
    const rewards = createRewards([{ kind: "code-tests", column: "tests", timeout_seconds: 60 }]);
    const controller = new AbortController();
    const scored = rewards.score(
      { completion: "while True:\n    pass\n", prompt: "", row: { tests: ["assert f() == 1"] } },
      { signal: controller.signal },
    );
    setTimeout(() => controller.abort(reason), 300);
    await expect(scored).rejects.toBe(reason);
  });
});
