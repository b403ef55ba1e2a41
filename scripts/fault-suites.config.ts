import { defineConfig } from "vitest/config";

/** Long fault injection, apart from the normal suite: one file at a time, since each keeps the machine busy. */
export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.faults.ts"],
    testTimeout: 900_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    disableConsoleIntercept: true,
  },
});
