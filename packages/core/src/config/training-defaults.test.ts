import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { loadTrainingDefaults, parseTrainingDefaults } from "./training-defaults.ts";

describe("parseTrainingDefaults", () => {
  it("reads presets, modes and limits, and leaves out what is not said", () => {
    const defaults = parseTrainingDefaults(
      "model_presets:\r\n  small: { model_id: org/small, hardware: t4-small }\r\ntraining_defaults:\r\n  demo: { max_steps: 10, learning_rate: 2e-4 } # quick\r\nsafety:\r\n  max_training_cost_usd: 50.00\r\n",
    );
    expect(defaults.presets.small).toEqual({ modelId: "org/small", hardware: "t4-small" });
    expect(defaults.modes.demo).toEqual({ epochs: null, batchSize: null, maxSteps: 10, learningRate: 2e-4 });
    expect(defaults.safety).toEqual({ maxCostUsd: 50, maxHours: null, approvalAboveUsd: null });
    expect(parseTrainingDefaults("").presets).toEqual({});
  });

  it("reads the older form: one block for all runs, and cards by the model's size", () => {
    const defaults = parseTrainingDefaults(`
default_training_config:
  learning_rate: 2e-5
  num_epochs: 3
  batch_size: 4
  gradient_accumulation_steps: 4
  warmup_ratio: 0.1
  lora_rank: 32
  lora_alpha: 64
  target_modules: ["q_proj", "v_proj"]
  max_seq_length: 8192
gpu_selection:
  small: # below 3 B
    gpu_type: "a10g"
    num_gpus: 1
  medium:
    gpu_type: "a10g"
    num_gpus: 2
  large: { gpu_type: "h100" }
cost_estimates:
  a10g_per_hour: 1.10
`);
    expect(defaults.gpuSelection).toEqual({
      small: { gpuType: "a10g", count: 1 },
      medium: { gpuType: "a10g", count: 2 },
      large: { gpuType: "h100", count: 1 },
    });
    expect(defaults.modes.production).toEqual({
      epochs: 3,
      batchSize: 4,
      maxSteps: null,
      learningRate: 2e-5,
    });
    expect(defaults.modes.demo).toEqual({ epochs: null, batchSize: 4, maxSteps: null, learningRate: 2e-5 });
    expect(defaults.lora).toEqual({
      rank: 32,
      alpha: 64,
      dropout: null,
      targetModules: ["q_proj", "v_proj"],
    });
    expect(defaults).toMatchObject({ maxLength: 8192, warmupShare: 0.1, gradientAccumulationSteps: 4 });
    // What the newer keys say counts more.
    const both = parseTrainingDefaults(
      "default_training_config: { num_epochs: 3 }\ntraining_defaults: { production: { num_epochs: 1 } }\n",
    );
    expect(both.modes.production.epochs).toBe(1);
  });

  it.each([
    ["gpu_selection:\n  small:\n    num_gpus: 1\n", /line 3, gpu_selection\.small\.gpu_type/, [3]],
    ["safety:\n  max_training_cost_usd: lots\n", /line 2, safety\.max_training_cost_usd/, [2]],
    ["model_presets:\n  a:\n    hardware: t4\n", /line 3, model_presets\.a\.model_id/, [3]],
    ["training_defaults:\n  demo:\n    max_steps: 0\n", /line 3/, [3]],
    ["a: 1\na: 2\n", /Line 2/, [2]],
    ["a: [1,\n", /Line/, undefined],
    ["- a\n- b\n", /line 1/, [1]],
  ])("names the line of what is wrong in %j", (text, reason, lines) => {
    let caught: unknown;
    try {
      parseTrainingDefaults(text);
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({ code: "config/invalid-yaml", reason: expect.stringMatching(reason) });
    if (lines) expect(caught).toMatchObject({ details: { lines } });
  });

  it("stops an alias bomb and leaves prototypes alone", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghi"
      .split("")
      .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcdefgh"[index]}`).join(",")}]`)
      .join("\n")}\n`;
    expect(() => parseTrainingDefaults(bomb)).toThrow(
      expect.objectContaining({ code: "config/invalid-yaml" }),
    );
    const defaults = parseTrainingDefaults("agent_overrides:\n  __proto__: { min_examples: 1 }\n");
    expect(({} as { minRows?: number }).minRows).toBeUndefined();
    expect(defaults.agents.anything).toBeUndefined();
  });
});

const file = resolve(import.meta.dirname, "../../../../../shared/data/host/training_defaults.yaml");
describe.skipIf(!existsSync(file))("the host's own file (needs ../shared/data)", () => {
  it("loads whole", async () => {
    const defaults = await loadTrainingDefaults(file);
    expect(Object.keys(defaults.presets)).toHaveLength(4);
    expect(defaults.lora).toEqual({ rank: 16, alpha: 32, dropout: 0.05, targetModules: "all-linear" });
    expect(defaults.agents.supervisor).toEqual({
      recommendedPreset: "codellama-13b",
      minRows: 100,
      demoAllowed: false,
    });
    expect(defaults.safety).toEqual({ maxCostUsd: 50, maxHours: 6, approvalAboveUsd: 15 });
    expect(defaults.collect).toEqual({ minFeedback: 0.7, success: true });
    expect(defaults.rows).toEqual({ min: 10, max: 10_000 });
    expect(defaults.gpuSelection).toBeNull();
  });
});
