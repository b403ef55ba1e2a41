import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/index.ts", "src/statistics/index.ts", "src/target-utils.ts"],
  format: ["esm"],
  platform: "node",
  target: "node22",
  clean: true,
  dts: false,
  removeNodeProtocol: false,
});
