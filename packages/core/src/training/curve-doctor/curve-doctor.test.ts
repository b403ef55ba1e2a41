import { describe, expect, it } from "vitest";
import type { TrainingProgressRecord } from "../../contract/training-backend.ts";
import { createRandom, type Random } from "../../statistics/random.ts";
import { CurveDoctor } from "./curve-doctor.ts";

type Metrics = Readonly<Record<string, number>>;
const STEPS = 100;
const remaining = { minutesToGo: 90, costUsdPerHour: 2.5 };

/** What the doctor says about a run whose metrics at each step are given. */
function findings(
  metrics: (step: number, random: Random) => Metrics,
  options: { readonly seed?: number; readonly evaluation?: (step: number) => Metrics } = {},
) {
  const random = createRandom(options.seed ?? 1);
  const doctor = new CurveDoctor();
  const line = (kind: string, step: number, m: Metrics): TrainingProgressRecord => ({
    v: 1,
    kind,
    step,
    max_steps: STEPS,
    m,
  });
  const found = [...doctor.add(line("begin", 0, {}), remaining)];
  for (let step = 1; step <= STEPS; step += 1) {
    found.push(...doctor.add(line("log", step, metrics(step, random)), remaining));
    if (options.evaluation && step % 10 === 0)
      found.push(...doctor.add(line("eval", step, options.evaluation(step)), remaining));
  }
  return found;
}

const falling =
  (first: number, last: number, speed: number, scatter: number) => (step: number, random: Random) => ({
    loss: Math.max(0.001, last + (first - last) * Math.exp(-speed * step) + scatter * random.normal()),
    grad_norm: Math.max(0.01, 1 + 0.3 * random.normal()),
  });

const seeds = Array.from({ length: 60 }, (_, index) => index + 1);

describe("good curves", () => {
  it.each([
    ["a quick learner", falling(2.5, 0.3, 0.3, 0.03)],
    ["a slow learner", falling(2.5, 1.5, 0.01, 0.05)],
    ["a noisy learner", falling(1.8, 0.9, 0.03, 0.15)],
    ["one with a loss near nothing", falling(1, 0.01, 0.2, 0.003)],
  ])("say nothing about %s", (_name, curve) => {
    for (const seed of seeds) {
      const evaluation = (step: number) => ({ eval_loss: 0.5 + Math.exp(-step / 40) });
      expect(findings(curve, { seed, evaluation })).toEqual([]);
    }
  });

  it("say nothing about preferences that are learned", () => {
    for (const seed of seeds) {
      const found = findings(
        (step, random) => ({
          loss: Math.LN2 - 0.004 * step + 0.03 * random.normal(),
          grad_norm: 3 + random.normal() * 0.5,
          "rewards/accuracies": Math.min(1, 0.5 + step / 150 + 0.08 * random.normal()),
          "rewards/margins": step / 100,
        }),
        { seed },
      );
      expect(found).toEqual([]);
    }
  });

  it("say nothing about rewards that rise with answers of a steady length", () => {
    for (const seed of seeds) {
      const found = findings(
        (step, random) => ({
          loss: 0.001 * random.normal(),
          grad_norm: 0.3 + 0.05 * random.normal(),
          reward: Math.min(1, 0.2 + step / 200 + 0.05 * random.normal()),
          frac_reward_zero_std: Math.min(0.9, 0.3 + 0.1 * random.normal()),
          "completions/mean_length": 120 + 10 * random.normal(),
          "completions/clipped_ratio": 0.02,
          kl: 0.001 * step,
        }),
        { seed },
      );
      expect(found).toEqual([]);
    }
  });
});

describe("bad curves", () => {
  it("with no gradient are told to stop at once, with what going on would cost", () => {
    const [finding, ...rest] = findings(() => ({ loss: 2.1, grad_norm: 0 }));
    expect(finding).toMatchObject({ kind: "no-signal", advice: "stop", minutesToGo: 90, costToGoUsd: 3.75 });
    expect(finding?.step).toBeLessThanOrEqual(5);
    expect(rest).toEqual([]);
  });

  it("that stay flat are seen, whatever their noise", () => {
    for (const seed of seeds) {
      const found = findings((_step, random) => ({ loss: 2 + 0.05 * random.normal(), grad_norm: 1 }), {
        seed,
      });
      expect(found).toMatchObject([{ kind: "no-signal", advice: "watch" }]);
      expect(found[0]?.step).toBeLessThan(0.6 * STEPS);
    }
  });

  it("that climb are told to stop, and not at the first bad step", () => {
    for (const seed of seeds) {
      const found = findings(
        (step, random) => ({
          loss: step < 40 ? 2 - step / 50 + 0.05 * random.normal() : 1.2 + (step - 40) * 0.2,
          grad_norm: 1,
        }),
        { seed },
      );
      expect(found).toMatchObject([{ kind: "divergence", advice: "stop" }]);
      expect(found[0]?.step).toBeGreaterThan(41);
      expect(found[0]?.step).toBeLessThan(60);
    }
  });

  it("whose gradient explodes are to be watched, and stopped when the loss is no number", () => {
    const random = createRandom(3);
    const doctor = new CurveDoctor();
    const told = [];
    for (let step = 1; step <= 40; step += 1) {
      const record = {
        ...{ v: 1, kind: "log", step, max_steps: STEPS },
        m: { loss: 2 - step / 50, grad_norm: step < 30 ? 1 + 0.1 * random.normal() : 80 },
        dropped: step === 40 ? ["loss"] : [],
      };
      told.push(...doctor.add(record, { minutesToGo: null, costUsdPerHour: 1 }));
    }
    expect(told).toMatchObject([
      { kind: "divergence", advice: "watch", step: 32, costToGoUsd: null },
      { kind: "divergence", advice: "stop", step: 40 },
    ]);
  });

  it("that learn the rows by heart name the step that was best", () => {
    const found = findings(falling(2, 0.1, 0.05, 0.03), {
      evaluation: (step) => ({ eval_loss: 1 + Math.abs(step - 40) / 100 }),
    });
    expect(found).toMatchObject([
      { kind: "over-fit", advice: "stop", step: 70, evidence: { best_step: 40 } },
    ]);
  });

  it("of rewards that are all equal, or missing, are dead", () => {
    const dead = findings(() => ({
      reward: 0,
      frac_reward_zero_std: 1,
      "completions/mean_length": 30,
      grad_norm: 0,
    }));
    expect(dead).toMatchObject([{ kind: "no-signal", advice: "stop", step: 10 }]);
    const none = findings(() => ({ frac_reward_zero_std: 0, "completions/mean_length": 30 }));
    expect(none).toMatchObject([{ kind: "no-signal", advice: "stop", message: /every reward was empty/ }]);
  });

  it("of rewards that buy length are told apart by what they cut off", () => {
    const growing = (clipped: number) => (step: number, random: Random) => ({
      reward: 0.2 + step / 200 + 0.01 * random.normal(),
      frac_reward_zero_std: 0.2,
      "completions/mean_length": 100 + 4 * step + 5 * random.normal(),
      "completions/clipped_ratio": clipped,
    });
    expect(findings(growing(0.01))).toMatchObject([{ kind: "length-hacking", advice: "watch" }]);
    expect(findings(growing(0.4))).toMatchObject([{ kind: "length-hacking", advice: "stop" }]);
  });

  it("that leave the first model behind are seen by their KL", () => {
    const found = findings((step, random) => ({
      reward: 0.3 + 0.02 * random.normal(),
      frac_reward_zero_std: 0.2,
      "completions/mean_length": 100,
      kl: 0.01 * Math.exp(step / 15),
    }));
    expect(found).toMatchObject([{ kind: "kl-drift", advice: "stop" }]);
  });

  it("of preferences at chance have no signal", () => {
    const found = findings((_step, random) => ({
      loss: Math.LN2 + 0.01 * random.normal(),
      grad_norm: 2,
      "rewards/accuracies": 0.5 + 0.05 * random.normal(),
      "rewards/margins": 0.001 * random.normal(),
    }));
    expect(found).toMatchObject([{ kind: "no-signal", advice: "stop" }]);
  });
});

it("a run that goes on from a checkpoint is judged from there", () => {
  const doctor = new CurveDoctor();
  const log = (step: number, loss: number) =>
    doctor.add({ v: 1, kind: "log", step, max_steps: STEPS, m: { loss } }, remaining);
  for (let step = 1; step <= 20; step += 1) log(step, 0.5);
  doctor.add({ v: 1, kind: "begin", step: 10, max_steps: STEPS }, remaining);
  for (let step = 11; step <= 40; step += 1) expect(log(step, 2 - step / 50)).toEqual([]);
});
