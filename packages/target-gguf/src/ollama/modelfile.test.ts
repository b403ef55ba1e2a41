import { expect, it } from "vitest";
import { modelfile } from "./modelfile.ts";

it("writes base, adapter, parameters and system text", () => {
  const text = modelfile({
    from: "model-q4_k_m.gguf",
    adapter: "./adapters/a.gguf",
    stop: ["<|im_end|>", 'a "quoted" stop'],
    contextLength: 8192,
    temperature: 0,
    system: "Answer in JSON.",
  });
  expect(text).toBe(
    [
      "FROM ./model-q4_k_m.gguf",
      "ADAPTER ./adapters/a.gguf",
      "PARAMETER num_ctx 8192",
      "PARAMETER temperature 0",
      'PARAMETER stop "<|im_end|>"',
      'PARAMETER stop "a \\"quoted\\" stop"',
      'SYSTEM """Answer in JSON."""',
      "",
    ].join("\n"),
  );
});

it("leaves the name of an Ollama model as it is", () => {
  expect(modelfile({ from: "llama3.2:3b" })).toMatch(/^FROM llama3\.2:3b\n/);
});

it.each([
  ["a line break in a path", { from: "a.gguf\nADAPTER /etc/passwd" }],
  ["a line break in a stop text", { from: "a", stop: ["\n"] }],
  ["a system text that ends its own quotes", { from: "a", system: '""" \nFROM b' }],
])("refuses %s", (_, options) => {
  expect(() => modelfile(options)).toThrow(expect.objectContaining({ code: "input/modelfile" }));
});
