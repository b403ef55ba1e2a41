import type { DatasetRow } from "../contract/dataset-source.ts";
import type { TrainingMethod } from "../model/model-version.ts";
import { AnswerClasses } from "./answer-classes.ts";
import { CanonicalRows } from "./canonical-rows.ts";
import type { LengthSummary, TokenSummary } from "./dataset-check.ts";
import { FindingCollector } from "./findings.ts";
import { canonicalRow, RowFingerprint } from "./fingerprint.ts";
import { LengthHistogram } from "./length-histogram.ts";
import { compileMapping, type FieldMapping, type RowMapper } from "./mapping.ts";
import type { OverlapIndex } from "./overlap.ts";
import { fieldProblems } from "./row-check.ts";
import { RowHash } from "./row-hash.ts";
import { splitRow } from "./row-text.ts";
import { SeenHashes } from "./seen-hashes.ts";
import { findEmail, findSecret } from "./sensitive.ts";
import { type FoundShape, findShape } from "./shapes.ts";
import { suggestTurns } from "./suggest-turns.ts";
import type { TokenCounter } from "./token-counter.ts";

const MAX_COLUMNS = 200;

export interface RowInspectorOptions {
  readonly method: TrainingMethod;
  readonly mapping: FieldMapping | null;
  readonly counter: TokenCounter;
  readonly evaluation: OverlapIndex | null;
  readonly maxLength: number | null;
  readonly rewardColumns: readonly string[];
  /** Why a gold value cannot be used by the rewards, or null. */
  readonly goldProblem:
    | ((
        row: Readonly<Record<string, unknown>>,
      ) => { readonly field: string; readonly message: string } | null)
    | null;
  readonly dropInvalidRows: boolean;
}

/** Looks at each row once and keeps only sums: a dataset of any size in constant memory. */
export class RowInspector {
  readonly findings = new FindingCollector();
  readonly columns = new Set<string>();
  /** Texts one level down in the first row, such as `inputs.question`, for suggesting a mapping. */
  paths: readonly string[] = [];
  /** A mapping for chats that the first row writes in another tool's way. */
  suggested: FieldMapping | null = null;
  readonly classes = new AnswerClasses();
  form: FoundShape | null = null;
  usableRows = 0;
  duplicateRows = 0;
  overlapExact = 0;
  overlapNear = 0;
  readonly #options: RowInspectorOptions;
  readonly #mapper: RowMapper | null;
  readonly #fingerprint = new RowFingerprint();
  readonly #canonicalRows = new CanonicalRows();
  readonly #hash = new RowHash();
  readonly #seen = new SeenHashes();
  readonly #rowLengths = new LengthHistogram();
  readonly #answerLengths = new LengthHistogram();
  readonly #kinds = new Map<string, "text" | "chat">();
  #isFirst = true;

  constructor(options: RowInspectorOptions) {
    this.#options = options;
    this.#mapper = options.mapping ? compileMapping(options.mapping) : null;
  }

  get rows(): number {
    return this.#fingerprint.rows;
  }

  fingerprint(): string {
    return this.#fingerprint.digest();
  }

  tokens(): TokenSummary {
    const { isExact, basis } = this.#options.counter;
    const perRow: LengthSummary = this.#rowLengths.summary();
    return { isExact, basis, perRow, answers: this.#answerLengths.summary() };
  }

  /** The row in its form, ready to be written; null when it cannot be trained on. */
  add(row: DatasetRow): Readonly<Record<string, unknown>> | null {
    const { method, rewardColumns } = this.#options;
    const canonical = this.#canonical(row);
    if (canonical === null) return null;
    this.#fingerprint.addCanonical(canonical);
    if (this.#canonicalRows.hasNewFields && this.columns.size < MAX_COLUMNS)
      for (const name in row.value) this.columns.add(name);
    const mapped = this.#mapper ? this.#mapper(row.value) : { value: row.value };
    if ("missing" in mapped) {
      this.#problem(row.line, {
        code: "missing-column",
        field: mapped.field,
        message: `The mapping of ${mapped.field} needs the column ${mapped.missing}, which the row has not.`,
        fix: `correct the mapping, or give every row a ${mapped.missing}.`,
        sample: null,
      });
      return null;
    }
    if (this.#isFirst) {
      this.#isFirst = false;
      this.paths = textPaths(row.value);
      const form = findShape(method, new Set(Object.keys(mapped.value)), rewardColumns);
      this.suggested = this.#mapper ? null : suggestTurns(method, row.value, form?.shape ?? null);
      this.form = this.suggested ? null : form;
    }
    const { form } = this;
    if (!form) return null;
    const problems = fieldProblems(mapped.value, form, this.#kinds);
    const gold = problems.length === 0 ? (this.#options.goldProblem?.(mapped.value) ?? null) : null;
    for (const problem of problems) this.#problem(row.line, problem);
    if (gold) {
      const fix = "write the number alone or after ####, or remove the row.";
      this.#problem(row.line, {
        code: "gold-answer",
        ...gold,
        fix,
        sample: String(mapped.value[gold.field]),
      });
    }
    this.#lookForSecrets(canonical, row.line);
    if (problems.length > 0 || gold) return null;
    this.usableRows += 1;
    const kept: Record<string, unknown> = {};
    for (const field of form.fields) if (mapped.value[field] !== undefined) kept[field] = mapped.value[field];
    this.#measure(kept, form, canonical, row.line);
    return kept;
  }

  /** Null for a row that no tokenizer could read: a finding with its line; it still counts for the fingerprint. */
  #canonical(row: DatasetRow): string | null {
    try {
      return canonicalRow(row.value, this.#canonicalRows);
    } catch (error) {
      const text = JSON.stringify(row.value) ?? "";
      if (!/\\ud[89a-f]/.test(text)) throw error;
      this.#problem(row.line, {
        code: "invalid-unicode",
        field: null,
        message: "The text holds half of a surrogate pair, which is no character.",
        fix: "remove it: a text was cut in the middle of an emoji, or decoded wrongly.",
        sample: null,
      });
      this.#fingerprint.addCanonical(text);
      return null;
    }
  }

  #measure(row: Readonly<Record<string, unknown>>, form: FoundShape, canonical: string, line: number): void {
    const { counter, maxLength, evaluation } = this.#options;
    const { prompt, answer } = splitRow(row, form);
    const promptTokens = counter.count(prompt);
    const answerTokens = counter.count(answer);
    this.#rowLengths.add(promptTokens + answerTokens);
    this.#answerLengths.add(answerTokens);
    this.classes.add(answer);
    if (!this.#seen.add(this.#hash.of(this.#mapper ? JSON.stringify(row) : canonical))) {
      this.duplicateRows += 1;
      this.findings.add(
        {
          severity: "warning",
          code: "duplicate-row",
          message: "The same row stands in the dataset more than once.",
          fix: "remove the repeats, unless they are meant as weights.",
        },
        { line, sample: prompt || answer },
      );
    }
    if (maxLength !== null && promptTokens + answerTokens > maxLength) {
      const isLost = promptTokens >= maxLength;
      this.findings.add(
        isLost
          ? {
              severity: "warning",
              code: "prompt-too-long",
              message: `The prompt alone fills the ${maxLength} tokens of maxLength, so nothing of the answer is learnt.`,
              fix: "raise maxLength, shorten the prompt or remove the row.",
            }
          : {
              severity: "warning",
              code: "row-too-long",
              message: `The row is longer than the ${maxLength} tokens of maxLength: its end is cut off.`,
              fix: "raise maxLength or shorten the row.",
            },
        { line, sample: prompt },
      );
    }
    if (/^\s*[[{]/.test(answer) && form.shape !== "messages" && !isJson(answer)) {
      this.findings.add(
        {
          severity: "warning",
          code: "broken-json",
          field: "answer",
          message: "The answer starts like JSON but is not valid: it may have been cut off.",
          fix: "correct or remove the row.",
        },
        { line, sample: answer },
      );
    }
    if (answer.includes("```") && answer.split("```").length % 2 === 0) {
      this.findings.add(
        {
          severity: "warning",
          code: "truncated-answer",
          field: "answer",
          message: "The answer opens a block of code that it does not close: it may have been cut off.",
          fix: "complete or remove the row.",
        },
        { line, sample: answer },
      );
    }
    const repeated = evaluation?.find(prompt);
    if (!repeated) return;
    if (repeated.kind === "exact") this.overlapExact += 1;
    else this.overlapNear += 1;
    this.findings.add(
      {
        severity: "warning",
        code: repeated.kind === "exact" ? "in-evaluation-set" : "near-evaluation-set",
        message: `The prompt ${repeated.kind === "exact" ? "is" : "is nearly"} one of the evaluation set: scores on it would flatter the model.`,
        fix: "remove the row from the training set, or choose another evaluation set.",
      },
      { line, sample: prompt },
    );
  }

  #lookForSecrets(canonical: string, line: number): void {
    const secret = findSecret(canonical);
    if (secret) {
      this.findings.add(
        {
          severity: "error",
          code: "secret",
          message: `The text holds what looks like ${secret.name}.`,
          fix: "remove it from the dataset and revoke it: a model repeats what it was trained on.",
        },
        { line, sample: secret.sample },
      );
    }
    const email = findEmail(canonical);
    if (email) {
      this.findings.add(
        {
          severity: "warning",
          code: "email-address",
          message: "The text holds an e-mail address.",
          fix: "replace it by a placeholder, unless the model shall know it.",
        },
        { line, sample: email },
      );
    }
  }

  #problem(
    line: number,
    problem: {
      readonly code: string;
      readonly field: string | null;
      readonly message: string;
      readonly fix: string;
      readonly sample: string | null;
    },
  ): void {
    const severity = this.#options.dropInvalidRows ? "warning" : "error";
    const { sample, ...finding } = problem;
    this.findings.add({ severity, ...finding }, { line, sample });
  }
}

function textPaths(row: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(row).flatMap(([column, value]) =>
    typeof value !== "object" || value === null || Array.isArray(value)
      ? []
      : Object.entries(value)
          .filter(([name, text]) => typeof text === "string" && !name.includes("."))
          .map(([name]) => `${column}.${name}`),
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
