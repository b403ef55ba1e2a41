import { expect, test } from "vitest";
import { redact, safeServerMessage } from "./redact.ts";

test("removes given secrets, tokens of known shape and URL passwords", () => {
  const text =
    "key my-key, hf_abcdefghijklmnopqrstu, sk-or-v1-0123456789abcdef, Bearer abc.def-ghi123, https://u:p@host/x";
  expect(redact(text, ["my-key"])).toBe(
    "key [secret], [secret], [secret], [secret], https://[secret]@host/x",
  );
});

test("drops a server message that repeats the prompt", () => {
  const prompts = ["Please restart the payment service of customer 4711 now"];
  const options = { secrets: [], prompts };
  expect(safeServerMessage("invalid input: 'the payment service of customer 4711'", options)).toBeNull();
  expect(safeServerMessage("max_tokens must be below 4096", options)).toBe("max_tokens must be below 4096");
  expect(safeServerMessage("bad: hello", { secrets: [], prompts: ["hello"] })).toBeNull();
});
