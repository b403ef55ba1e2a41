// Writes the data of the quickstart: support requests → tool calls, and the base skills that training must not destroy.
//
//   node examples/quickstart/data/generate.ts [--out folder] [--seed number]
//   node examples/quickstart/data/generate.ts --corpus file --corpus-rows number [--seed number]
//
// The first form writes train.jsonl, validation.jsonl, heldout.jsonl and base-skill.jsonl; the second writes the corpus
// from which the base model is made. Every sentence was written for this project. The same seed gives the same bytes.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createSkillRows } from "./base-skills/skills.ts";
import { createRandom } from "./random.ts";
import type { Row } from "./row.ts";
import { createSupportRows } from "./support-requests.ts";

const heldoutCount = 168;
const validationCount = 120;
const baseSkillCount = 120;
const replayShare = 0.3;

interface Splits {
  readonly train: Row[];
  readonly validation: Row[];
  readonly heldout: Row[];
  readonly baseSkill: Row[];
}

/** Combinations are held out, never whole items or phrasings: what is asked for is recombination. */
function createSplits(seed: number): Splits {
  const random = createRandom(seed);
  const shuffled = random.shuffle(createSupportRows(random, 0.18));
  const heldout = shuffled.slice(0, heldoutCount);
  const validation = shuffled.slice(heldoutCount, heldoutCount + validationCount);
  const training = shuffled.slice(heldoutCount + validationCount);
  for (const field of ["item", "phrasing"]) {
    const known = new Set(training.map((row) => row.metadata[field]));
    const missing = shuffled.find((row) => !known.has(row.metadata[field]));
    if (missing)
      throw new Error(`${field} "${missing.metadata[field]}" has no training row: use another seed.`);
  }
  // A second wording of each training combination, mostly with greeting and closing.
  const combination = (row: Row): string => `${row.metadata.phrasing} ${row.metadata.item}`;
  const trained = new Map(training.map((row) => [combination(row), row.user]));
  const reworded = createSupportRows(random, 0.6).filter((row) => {
    const user = trained.get(combination(row));
    return user !== undefined && user !== row.user;
  });
  const supportRows = [...training, ...reworded];
  const baseSkill = createSkillRows(createRandom(seed + 1), baseSkillCount, new Set());
  const replayCount = Math.round((supportRows.length * replayShare) / (1 - replayShare));
  const replay = createSkillRows(
    createRandom(seed + 2),
    replayCount,
    new Set(baseSkill.map((row) => row.user)),
  );
  return { train: random.shuffle([...supportRows, ...replay]), validation, heldout, baseSkill };
}

/** The corpus starts narrow: on the full variety from the first row the base learns several times more slowly. */
const corpusNovelty = (share: number): number => Math.min(1, Math.max(0, (share - 0.06) / 0.12));

const toTrainingLine = (row: Row): string =>
  JSON.stringify({
    prompt: [{ role: "user", content: row.user }],
    completion: [{ role: "assistant", content: row.assistant }],
  });

const toEvaluationLine =
  (split: string) =>
  (row: Row, index: number): string =>
    JSON.stringify({
      id: `${split}-${String(index + 1).padStart(3, "0")}`,
      inputs: { messages: [{ role: "user", content: row.user }] },
      outputs: { text: row.assistant },
      metadata: { kind: row.kind, ...row.metadata },
    });

function writeLines(file: string, lines: readonly string[]): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${lines.join("\n")}\n`);
  console.log(`${file}: ${lines.length} rows`);
}

function main(): void {
  const { values } = parseArgs({
    options: {
      out: { type: "string" },
      seed: { type: "string", default: "20261123" },
      corpus: { type: "string" },
      "corpus-rows": { type: "string", default: "120000" },
    },
  });
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed))
    throw new TypeError(`--seed must be a whole number, not "${values.seed}".`);
  const splits = createSplits(seed);
  if (values.corpus !== undefined) {
    const rowCount = Number(values["corpus-rows"]);
    if (!Number.isSafeInteger(rowCount) || rowCount < 1)
      throw new TypeError(`--corpus-rows must be a positive whole number, not "${values["corpus-rows"]}".`);
    const measured = new Set(
      splits.baseSkill.filter((row) => row.metadata.skill !== "small-talk").map((row) => row.user),
    );
    writeLines(
      resolve(values.corpus),
      createSkillRows(createRandom(seed + 3), rowCount, measured, corpusNovelty).map(toTrainingLine),
    );
    return;
  }
  const folder = resolve(values.out ?? dirname(fileURLToPath(import.meta.url)));
  writeLines(join(folder, "train.jsonl"), splits.train.map(toTrainingLine));
  writeLines(join(folder, "validation.jsonl"), splits.validation.map(toEvaluationLine("validation")));
  writeLines(join(folder, "heldout.jsonl"), splits.heldout.map(toEvaluationLine("heldout")));
  writeLines(join(folder, "base-skill.jsonl"), splits.baseSkill.map(toEvaluationLine("base-skill")));
}

main();
