import { defineConfig } from "tsup";

export default defineConfig({
  // The quantising script runs in a process of its own, so it must stay a file beside the bundle.
  entry: { index: "src/index.ts", "quantize-child": "src/quantization/quantize-child.ts" },
  format: ["esm"],
  platform: "node",
  target: "node22",
  clean: true,
  dts: false,
  removeNodeProtocol: false,
});
