import { z } from "zod";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { DatasetFile, DatasetFiles } from "./dataset-files.ts";

/** Files of one split of one subset, in reading order. */
export interface DatasetSplit {
  readonly config: string;
  readonly split: string;
  readonly files: readonly DatasetFile[];
}

const READABLE = /\.(parquet|jsonl|ndjson|json|csv)(?:(?<!parquet)\.gz)?$/i;
const NO_DATA = /(^|\/)([._][^/]*|dataset_infos?|state|config|package|tokenizer[^/]*)\.json$/i;
const KEYWORDS: Readonly<Record<string, string>> = {
  train: "train",
  training: "train",
  validation: "validation",
  valid: "validation",
  val: "validation",
  dev: "validation",
  test: "test",
  testing: "test",
  eval: "test",
  evaluation: "test",
};

const pathsSchema = z.union([z.string().transform((path) => [path]), z.array(z.string())]);
const configsSchema = z.array(
  z.looseObject({
    config_name: z.string(),
    data_files: z.union([
      pathsSchema.transform((path) => [{ split: "train", path }]),
      z.array(z.looseObject({ split: z.string(), path: pathsSchema })),
    ]),
  }),
);

/**
 * The splits of a dataset: as its card says, else by the names of its files as the Hub's own loader does (`train`, `dev`,
 * `test` … in the file or folder name; all files are `train` when none has such a word). Other files are left out.
 */
export function splitsOf(dataset: DatasetFiles): readonly DatasetSplit[] {
  const files = dataset.files.filter(({ path }) => READABLE.test(path) && !NO_DATA.test(path));
  const card = configsSchema.safeParse(dataset.cardConfigs);
  const groups = card.success
    ? card.data.flatMap(({ config_name: config, data_files: parts }) =>
        parts.map(({ split, path: patterns }) => {
          const wanted = patterns.map(globPattern);
          return { config, split, files: files.filter(({ path }) => wanted.some((one) => one.test(path))) };
        }),
      )
    : byFileName(files);
  return groups
    .map((group) => ({ ...group, files: oneKind(group.files) }))
    .filter((group) => group.files.length > 0);
}

/** The split that a reference means: `split`, `config/split`, or the only one, else `train`. */
export function chooseSplit<Split extends { readonly config: string; readonly split: string }>(
  splits: readonly Split[],
  path: readonly string[],
  ref: string,
): Split {
  const [first, second] = path;
  const fitting = splits.filter(({ config, split }) =>
    second === undefined
      ? first === undefined || split === first || config === first
      : config === first && split === second,
  );
  const trains = fitting.filter(({ split }) => split === "train");
  const defaults = fitting.filter(({ config }) => config === "default");
  const [chosen] = [fitting, trains, defaults].find((candidates) => candidates.length === 1) ?? [];
  if (chosen && path.length <= 2) return chosen;
  const names = splits.map(({ config, split }) => `${config}/${split}`);
  throw new ModelOpsError({
    code: "dataset/hub-split",
    message: `It is not clear which rows of ${ref} are meant.`,
    reason: names.length > 0 ? `It has ${names.slice(0, 12).join(", ")}.` : "It has no readable split.",
    fix: "name one: hf://owner/name/split, or hf://owner/name/config/split.",
    details: { splits: names },
  });
}

function byFileName(files: readonly DatasetFile[]) {
  const bySplit = new Map<string, DatasetFile[]>();
  const named = files.map((file) => ({ file, split: splitInName(file.path) }));
  const hasNames = named.some(({ split }) => split !== null);
  for (const { file, split } of named) {
    if (hasNames && split === null) continue;
    const key = split ?? "train";
    bySplit.set(key, [...(bySplit.get(key) ?? []), file]);
  }
  return [...bySplit].map(([split, list]) => ({ config: "default", split, files: list }));
}

/** The file's own name says more than its folders'. */
function splitInName(path: string): string | null {
  for (const part of path.split("/").reverse()) {
    const word = part
      .toLowerCase()
      .split(/[^a-z]+/)
      .find((candidate) => Object.hasOwn(KEYWORDS, candidate));
    if (word !== undefined) return KEYWORDS[word] ?? null;
  }
  return null;
}

/** A split is of one kind of file: the one with most bytes. Copies of the rows in another form are not read twice. */
function oneKind(files: readonly DatasetFile[]): readonly DatasetFile[] {
  const bytesByKind = new Map<string, number>();
  const kindOf = ({ path }: DatasetFile) => READABLE.exec(path)?.[1]?.toLowerCase() ?? "";
  for (const file of files)
    bytesByKind.set(kindOf(file), (bytesByKind.get(kindOf(file)) ?? 0) + file.sizeBytes);
  const [kind] = [...bytesByKind].sort((one, other) => other[1] - one[1])[0] ?? [];
  return files.filter((file) => kindOf(file) === kind).sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** `**`, `*`, `?` and `[…]` as the card's patterns use them. */
function globPattern(glob: string): RegExp {
  const source = glob
    .replace(/^\.\//, "")
    .split(/(\*\*\/|\*\*|\*|\?|\[[^\]/]+\])/)
    .map((part) => {
      if (part === "**/") return "(?:.*/)?";
      if (part === "**") return ".*";
      if (part === "*") return "[^/]*";
      if (part === "?") return "[^/]";
      if (/^\[[\w.-]+\]$/.test(part)) return part;
      return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    })
    .join("");
  return new RegExp(`^${source}$`);
}
