import { defineConfig } from "vitest/config";

/** One project per package, so that a type test in any of them can fail on its own. */
const project = (name: string, include: string[], setupFiles: string[] = []) => ({
  extends: true as const,
  test: {
    name,
    include,
    setupFiles,
    // Minutes of real training: npm run test:python.
    exclude: ["**/*.python.test.ts", "**/node_modules/**"],
    typecheck: {
      enabled: true,
      include: include.map((pattern) => pattern.replace(".test.ts", ".test-d.ts")),
    },
  },
});

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // Many tests run real processes against the clock; on a shared machine one may be starved. A retried test is
    // reported as such, and one that fails twice is red.
    retry: process.env.CI ? 1 : 0,
    projects: [
      project("core", ["packages/core/src/**/*.test.ts"]),
      project("target-openrouter", ["packages/target-openrouter/src/**/*.test.ts"]),
      project("target-hf-endpoints", ["packages/target-hf-endpoints/src/**/*.test.ts"]),
      project("target-gguf", ["packages/target-gguf/src/**/*.test.ts"]),
      project(
        "testing",
        ["packages/testing/src/**/*.test.ts"],
        ["packages/testing/src/hub/__fixtures__/watch-hub-calls.ts"],
      ),
      project("examples", ["examples/**/*.test.ts"]),
      project("workspace", ["scripts/**/*.test.ts", "bench/**/*.test.ts"]),
    ],
  },
});
