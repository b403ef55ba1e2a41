import { SeededChoice } from "../src/datasets/seeded-choice.ts";
import { type CorpusDataset, FORMS, goodRows, jsonl, METHODS, NUMERIC, type Row } from "./dataset-forms.ts";

/** Datasets without a fault, among them everything that only looks like one. */
export function goodDatasets(seed: number): readonly CorpusDataset[] {
  const plain = { options: {}, maxLineBytes: 1 << 20, ending: "jsonl" } as const;
  const forms = (Object.keys(FORMS) as (keyof typeof FORMS)[]).map((form, index) => ({
    ...plain,
    name: form,
    method: METHODS[form],
    content: jsonl(goodRows(form, new SeededChoice(seed).fork(1000 + index))),
    options: form === "maths" ? NUMERIC : {},
  }));
  const pairs = goodRows("pair", new SeededChoice(seed));
  const odd = (name: string, change: Row): CorpusDataset => ({
    ...plain,
    name,
    method: "sft",
    content: jsonl(pairs.with(9, { ...pairs[9], ...change })),
  });
  const whole = (name: string, content: string, more: Partial<CorpusDataset> = {}): CorpusDataset => ({
    ...plain,
    name,
    method: "sft",
    content,
    ...more,
  });
  const text = jsonl(pairs);
  return [
    ...forms,
    whole("byte order mark and CRLF", `\ufeff${text.replaceAll("\n", "\r\n")}`),
    whole("no line break at the end", text.trimEnd()),
    whole("blank lines between", text.replaceAll("\n", "\n\n")),
    whole("CSV with line breaks and formulas", 'text,response\n"=1+1","a\nb"\n"say ""hi""",c\n', {
      ending: "csv",
    }),
    odd("other line separators", { prompt: "a\u2028b\u2029c\u0085d\fe" }),
    odd("emoji and other scripts", { prompt: "\u{1f600} 你好 नमस्ते مرحبا", completion: "e\u0301" }),
    odd("placeholders of tokens", { prompt: "export HF_TOKEN=hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" }),
    odd("addresses that are examples", { prompt: "mail me@example.com or a @handle, 5 @ 3 USD" }),
    odd("a whole JSON answer", { completion: '{"tool":"lamp","slots":[{"on":true}]}' }),
    odd("whole code", { completion: "Run:\n```ts\nconst a = 1;\n```\nand\n```sh\nls\n```" }),
    odd("an answer in brackets that is no JSON", { completion: "(see above) [sic]" }),
    odd("a column named __proto__", JSON.parse('{"__proto__":{"x":1},"constructor":"y"}')),
    odd("other columns of any kind", { source: { a: [1, null, "x"] }, score: 0.5 }),
    whole(
      "tools in a chat",
      jsonl(
        pairs.map(({ prompt }, index) => ({
          tools: [{ type: "function", function: { name: "find", parameters: {} } }],
          messages: [
            { role: "system", content: "be kind" },
            { role: "user", content: prompt },
            {
              role: "assistant",
              content: null,
              tool_calls: [{ function: { name: "find", arguments: "{}" } }],
            },
            { role: "tool", content: "" },
            { role: "assistant", content: `found ${index}` },
          ],
        })),
      ),
    ),
    whole(
      "gold answers in many writings",
      jsonl(
        ["1,234", "$5", "-3", "\u22127", "1/2", "50%", "1e3", ".5", "so 2 + 2 #### 4", "9"].map(
          (solution, index) => ({
            problem: `problem ${index}`,
            solution,
          }),
        ),
      ),
      { method: "grpo", options: NUMERIC },
    ),
    whole(
      "balanced classes",
      jsonl(pairs.map(({ prompt }, index) => ({ prompt, completion: index % 3 === 0 ? "stop" : "play" }))),
    ),
    whole("an evaluation set of its own", text, {
      options: {
        evaluation: goodRows("pair", new SeededChoice(seed + 77)).map(({ prompt }) => ({
          prompt: `else ${prompt}`,
        })),
      },
    }),
    whole("rows that just fit", text, { options: { maxLength: 64 } }),
  ];
}
