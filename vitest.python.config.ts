import { defineConfig } from "vitest/config";

/** Tests that train for real: minutes each, one at a time, run by `npm run test:python`. */
export default defineConfig({
  test: {
    include: ["examples/**/*.python.test.ts", "packages/*/src/**/*.python.test.ts"],
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
    fileParallelism: false,
    reporters: ["verbose"],
  },
});
