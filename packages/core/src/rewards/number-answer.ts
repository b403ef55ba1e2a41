import { strip } from "./strip.ts";

/** A number of a text, exact: numerator and denominator, the latter positive, in lowest terms. */
interface Fraction {
  readonly above: bigint;
  readonly below: bigint;
  readonly isPercent: boolean;
}

const NUMBER =
  /(?<![A-Za-z0-9_.])[-+]?[$€£]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+|(?=\.[0-9]))(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,2}(?![0-9]))?(?:\/[0-9]+(?:\.[0-9]+)?)?%?/g;
const LONGEST_NUMBER = 60;
// The word's edges as Python sees them: a letter of any script continues a word.
const ANSWER = /(?<![\p{L}\p{N}_])answer(?![\p{L}\p{N}_])/iu;
const MARK = /\\boxed\{|####/;

/** The numbers that stand in a text, with LaTeX and typographic forms written plainly. */
function numbersIn(text: string): readonly string[] {
  const plain = text
    .replaceAll("\u2212", "-")
    .replaceAll("{,}", ",")
    .replaceAll("\\,", "")
    .replaceAll("\\!", "")
    .replaceAll("\\$", "$")
    .replaceAll("\\%", "%")
    .replace(/\\[dt]?frac\{([0-9.]{1,30})\}\{([0-9.]{1,30})\}/g, "$1/$2");
  return plain.match(NUMBER) ?? [];
}

function parseFraction(token: string): Fraction | null {
  if (token.length > LONGEST_NUMBER) return null;
  const isPercent = token.endsWith("%");
  const [over = "", under] = token
    .replace(/%+$/, "")
    .replace(/[,$€£]/g, "")
    .split("/");
  const above = parseDecimal(over);
  const below = parseDecimal(under ?? "1");
  if (!above || !below || below.above === 0n) return null;
  return reduced(above.above * below.below, above.below * below.above * (isPercent ? 100n : 1n), isPercent);
}

function parseDecimal(text: string): { readonly above: bigint; readonly below: bigint } | null {
  const parts = /^([-+]?)([0-9]*)(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]{1,2}))?$/.exec(text);
  if (!parts || (parts[2] === "" && parts[3] === undefined)) return null;
  const [, sign, whole = "", decimals = "", power = "0"] = parts;
  const exponent = Number(power) - decimals.length;
  const digits = BigInt(`${whole}${decimals}`) * (sign === "-" ? -1n : 1n);
  return exponent >= 0
    ? { above: digits * 10n ** BigInt(exponent), below: 1n }
    : { above: digits, below: 10n ** BigInt(-exponent) };
}

function reduced(above: bigint, below: bigint, isPercent: boolean): Fraction {
  let [one, other] = [above < 0n ? -above : above, below];
  while (other !== 0n) [one, other] = [other, one % other];
  const divisor = one === 0n ? 1n : one;
  return { above: above / divisor, below: below / divisor, isPercent };
}

/** The single number of a short text such as "$1,200" or "18 dollars", or null. */
function onlyNumber(text: string): Fraction | null {
  const [token, ...more] = numbersIn(text);
  return token !== undefined && more.length === 0 ? parseFraction(token) : null;
}

/** The number that a gold value holds: alone, or after its last `####`. */
export function goldNumber(value: unknown): Fraction | null {
  if (typeof value === "number") return onlyNumber(String(value));
  if (typeof value !== "string") return null;
  const marked = value.lastIndexOf("####");
  const text = marked === -1 ? value : value.slice(marked + 4);
  return onlyNumber(firstLine(strip(text)));
}

/** The number that a completion gives as its answer, or null when there is none or more than one. */
export function answeredNumber(text: string): Fraction | null {
  const boxes = boxedContents(text);
  const marked = boxes.length > 0 ? boxes : text.split("####").slice(1).map(firstLine);
  if (marked.length > 0) {
    const numbers = marked.map(onlyNumber);
    const [first = null] = numbers;
    return first !== null && numbers.every((number) => number !== null && isSame(number, first))
      ? first
      : null;
  }
  const line = text.split("\n").findLast((candidate) => ANSWER.test(candidate));
  if (line === undefined) return null;
  const token = numbersIn(line.split(ANSWER).at(-1) ?? "").at(-1);
  return token === undefined ? null : parseFraction(token);
}

function isSame(one: Fraction, other: Fraction): boolean {
  return one.above === other.above && one.below === other.below && one.isPercent === other.isPercent;
}

/** Equal, or equal when one of the two was written as a percentage: "50%" and "50" answer the same question. */
export function isSameAnswer(gold: Fraction, answer: Fraction): boolean {
  const equal = (goldTimes: bigint, answerTimes: bigint) =>
    gold.above * goldTimes * answer.below === answer.above * answerTimes * gold.below;
  if (equal(1n, 1n)) return true;
  return (
    gold.isPercent !== answer.isPercent && equal(gold.isPercent ? 100n : 1n, answer.isPercent ? 100n : 1n)
  );
}

function boxedContents(text: string): readonly string[] {
  const contents: string[] = [];
  for (let start = text.indexOf("\\boxed{"); start !== -1; ) {
    const inside = start + "\\boxed{".length;
    let end = inside;
    for (let depth = 1; end < text.length && depth > 0; end += 1)
      depth += text[end] === "{" ? 1 : text[end] === "}" ? -1 : 0;
    contents.push(text.slice(inside, end - 1));
    start = text.indexOf("\\boxed{", end);
  }
  return contents;
}

/** The completion without the prompt, and without lines with an answer that stand in the prompt. */
export function ownPart(completion: string, prompt: string): string {
  const own = strip(prompt) === "" ? completion : completion.replaceAll(strip(prompt), "");
  const copied = new Set(prompt.split("\n").map((line) => strip(line)));
  return own
    .split("\n")
    .filter((line) => !(copied.has(strip(line)) && (MARK.test(line) || ANSWER.test(line))))
    .join("\n");
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
