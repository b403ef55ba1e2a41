import { describe, expect, it } from "vitest";
import { LogLineSplitter } from "./log-lines.ts";
import { parseProgressLine } from "./progress-line.ts";

const line = (body: string) => `@@modelops ${body}`;

describe("parseProgressLine", () => {
  it("reads step, totals and metrics", () => {
    expect(
      parseProgressLine(
        line('{"v":1,"kind":"log","step":20,"max_steps":100,"epoch":0.5,"t":1.5,"m":{"loss":1.25}}'),
      ),
    ).toEqual({ v: 1, kind: "log", step: 20, max_steps: 100, epoch: 0.5, t: 1.5, m: { loss: 1.25 } });
  });

  it("keeps kinds and fields it does not know", () => {
    expect(parseProgressLine(line('{"v":2,"kind":"teleported","where":"moon"}'))).toEqual({
      v: 2,
      kind: "teleported",
      where: "moon",
    });
  });

  it("turns NaN into a named absence, never into a number", () => {
    const record = parseProgressLine(
      line(
        '{"v":1,"kind":"log","step":3,"max_steps":null,"m":{"loss":NaN,"grad_norm":-Infinity,"note":"NaN","learning_rate":0.1}}',
      ),
    );
    expect(record?.m).toEqual({ learning_rate: 0.1 });
    expect(record?.dropped).toEqual(["loss", "grad_norm", "note"]);
    expect(record).not.toHaveProperty("max_steps");
  });

  it.each([
    "{'loss': '1.827', 'grad_norm': '0.5'}",
    "@@modelops",
    "@@modelops {broken",
    '@@modelops ["v"]',
    '@@modelops {"v":1}',
    '@@modelops {"kind":"log"}',
    '  @@modelops {"v":1,"kind":"log"}',
  ])("ignores what is no progress line: %s", (text) => {
    expect(parseProgressLine(text)).toBeNull();
  });
});

describe("LogLineSplitter", () => {
  const stream = Buffer.from(
    ` 10%|█   |\r 20%|██  |\r@@modelops {"v":1,"kind":"log","note":"naïve 😀"}\nplain\r\n\n 30%|###|@@modelops {"v":1,"kind":"end"}\nlast without a break`,
  );
  const expected = [
    " 10%|█   |",
    " 20%|██  |",
    '@@modelops {"v":1,"kind":"log","note":"naïve 😀"}',
    "plain",
    " 30%|###|",
    '@@modelops {"v":1,"kind":"end"}',
    "last without a break",
  ];

  it.each([1, 2, 3, 7, 1000])("gives the same lines for chunks of %i bytes", (size) => {
    const splitter = new LogLineSplitter();
    const lines: string[] = [];
    for (let at = 0; at < stream.length; at += size)
      lines.push(...splitter.push(stream.subarray(at, at + size)));
    lines.push(...splitter.end());
    expect(lines).toEqual(expected);
  });

  it("cuts an endless line instead of collecting it", () => {
    const splitter = new LogLineSplitter();
    for (let index = 0; index < 5; index += 1) splitter.push(Buffer.alloc(512 * 1024, "x"));
    const [first, second] = splitter.push(Buffer.from("\nnext\n"));
    expect(first?.length).toBeLessThan(1024 * 1024 + 20);
    expect(first?.endsWith("[line cut]")).toBe(true);
    expect(second).toBe("next");
  });
});
