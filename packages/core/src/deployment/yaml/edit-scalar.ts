import { isDeepStrictEqual } from "node:util";
import { Document, isAlias, isCollection, isMap, isScalar, Scalar, type YAMLMap } from "yaml";
import { type ErrorCode, ModelOpsError } from "../../errors/modelops-error.ts";
import {
  formatYamlPath,
  handEdit,
  type ParsedYaml,
  parseSingleDocument,
  passesMergeKey,
  type YamlPath,
} from "./document.ts";

export type YamlScalarValue = string | number | boolean;

export interface YamlEdit {
  readonly source: string;
  /** Null when the key did not exist and a line was inserted. */
  readonly previousValue: unknown;
  /** The previous value as it was written, quotes included: pass it as `text` to restore it byte for byte. */
  readonly previousText: string | null;
  /** 1-based line that was changed or inserted. */
  readonly line: number;
  readonly inserted: boolean;
}

export interface EditYamlOptions {
  /** How errors call the file. */
  readonly subject?: string;
  /** Insert a missing last key as one line after its last sibling. Default false. */
  readonly insertMissing?: boolean;
  /** How to write the value, when its exact spelling is known (a restore). Must read back as the value. */
  readonly text?: string | null;
}

/**
 * Changes one scalar of a YAML text and no other byte: the new value is spliced into the old one's range, in its
 * quote style, and the result is parsed again and compared with what was asked for. Refuses (with the line, the
 * reason and the edit to make by hand) whatever cannot be changed safely: aliases, anchors, tags, block and multi-line
 * scalars, collections, empty values. Errors: `config/yaml-*`.
 */
export function editYamlScalar(
  source: string,
  path: YamlPath,
  value: YamlScalarValue,
  options: EditYamlOptions = {},
): YamlEdit {
  const subject = options.subject ?? "The YAML file";
  if (path.length === 0)
    throw refusal("config/yaml-path-missing", subject, path, value, null, "The path is empty");
  const parsed = parseSingleDocument(source, subject);
  const node = parsed.document.getIn(path, true);
  if (node === undefined) {
    if (passesMergeKey(parsed.document, path)) {
      throw refusal(
        "config/yaml-path-missing",
        subject,
        path,
        value,
        null,
        "It may be merged in by a `<<` key",
      );
    }
    if (!options.insertMissing) {
      throw refusal("config/yaml-path-missing", subject, path, value, null, "There is no such key");
    }
    return insertKey(source, parsed, path, value, subject);
  }
  const scalar = requirePlainScalar(node, parsed, path, value, subject);
  const [start, end] = scalar.range;
  const text = options.text ?? scalarText(value, scalar.type, isInsideFlow(parsed, path));
  const edited = source.slice(0, start) + text + source.slice(end);
  verify(edited, parsed, path, value, subject);
  return {
    source: edited,
    previousValue: scalar.value,
    previousText: source.slice(start, end),
    line: parsed.lineOf(start),
    inserted: false,
  };
}

/** Takes a key and its one-line scalar out again: the reverse of an insertion, for a file that was edited since. */
export function removeYamlScalar(source: string, path: YamlPath, subject = "The YAML file"): string {
  const parsed = parseSingleDocument(source, subject);
  const node = parsed.document.getIn(path, true);
  const scalar = requirePlainScalar(node, parsed, path, null, subject);
  const lineStart = source.lastIndexOf("\n", scalar.range[0] - 1) + 1;
  const newline = source.indexOf("\n", scalar.range[1]);
  const edited = source.slice(0, lineStart) + (newline === -1 ? "" : source.slice(newline + 1));
  const expected = parsed.document.clone() as Document;
  expected.deleteIn(path);
  if (!isDeepStrictEqual(parseSingleDocument(edited, subject).document.toJS(), expected.toJS())) {
    throw refusal(
      "config/yaml-not-spliceable",
      subject,
      path,
      null,
      parsed.lineOf(scalar.range[0]),
      "Its line holds more",
    );
  }
  return edited;
}

function requirePlainScalar(
  node: unknown,
  parsed: ParsedYaml,
  path: YamlPath,
  value: unknown,
  subject: string,
): Scalar & { range: [number, number, number] } {
  const refuse = (code: ErrorCode, offset: number | undefined, reason: string) =>
    refusal(code, subject, path, value, offset === undefined ? null : parsed.lineOf(offset), reason);
  if (isAlias(node)) {
    throw refuse("config/yaml-alias", node.range?.[0], "The value is an alias of a value written elsewhere");
  }
  if (isCollection(node)) {
    throw refuse("config/yaml-not-scalar", node.range?.[0], "The value is a map or a list, not one value");
  }
  if (!isScalar(node) || !node.range) {
    throw refuse("config/yaml-path-missing", undefined, "There is no such key");
  }
  const [start, end] = node.range;
  if (node.anchor)
    throw refuse("config/yaml-anchor", start, "It is anchored; all its aliases would change too");
  if (node.tag) throw refuse("config/yaml-tag", start, `It carries the tag ${node.tag}`);
  if (node.type === Scalar.BLOCK_FOLDED || node.type === Scalar.BLOCK_LITERAL) {
    throw refuse("config/yaml-block-scalar", start, "It is a block scalar");
  }
  if (start === end) throw refuse("config/yaml-empty-value", start, "The key has no value yet");
  if (parsed.lineOf(start) !== parsed.lineOf(end)) {
    throw refuse("config/yaml-block-scalar", start, "It spans several lines");
  }
  return node as Scalar & { range: [number, number, number] };
}

function isInsideFlow(parsed: ParsedYaml, path: YamlPath): boolean {
  for (let depth = 0; depth < path.length; depth += 1) {
    const parent = depth === 0 ? parsed.document.contents : parsed.document.getIn(path.slice(0, depth), true);
    if (isCollection(parent) && parent.flow) return true;
  }
  return false;
}

const KEY_PREFIX = "k: ";

/** `compat` quotes what YAML 1.1 readers (PyYAML) would take for a number, a date or a boolean. */
function scalarText(value: YamlScalarValue, type: Scalar["type"], flow: boolean): string {
  const scalar = new Scalar(value);
  // A line break inside a plain or quoted scalar would be folded; only the double-quoted form can escape it.
  const needsEscapes = typeof value === "string" && /\p{Cc}|[\u2028\u2029\uFEFF]/u.test(value);
  if (type && typeof value === "string") scalar.type = needsEscapes ? Scalar.QUOTE_DOUBLE : type;
  const document = new Document({}, { compat: "yaml-1.1" });
  document.set("k", scalar);
  if (flow && isMap(document.contents)) document.contents.flow = true;
  const printed = document
    .toString({
      lineWidth: 0,
      flowCollectionPadding: false,
      doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
    })
    .trimEnd();
  const text = flow ? printed.slice(1 + KEY_PREFIX.length, -1) : printed.slice(KEY_PREFIX.length);
  // JSON strings are YAML double-quoted scalars, the one form that always fits on one line.
  return /[\r\n]/.test(text) || /^[|>]/.test(text) || text.trim() === "" ? JSON.stringify(value) : text;
}

function insertKey(
  source: string,
  parsed: ParsedYaml,
  path: YamlPath,
  value: YamlScalarValue,
  subject: string,
): YamlEdit {
  const parentPath = path.slice(0, -1);
  const parent = parentPath.length === 0 ? parsed.document.contents : parsed.document.getIn(parentPath, true);
  const siblings = isMap(parent) && !parent.flow ? (parent as YAMLMap).items : [];
  const last = siblings.at(-1);
  const keyStart = isScalar(last?.key) ? last.key.range?.[0] : undefined;
  const lastValue = last?.value as { range?: [number, number, number] } | null | undefined;
  if (keyStart === undefined || !lastValue?.range) {
    throw refusal(
      "config/yaml-path-missing",
      subject,
      path,
      value,
      null,
      `There is no block map with entries at ${formatYamlPath(parentPath) || "the root"} to add a line to`,
    );
  }
  const eol = source.includes("\r\n") ? "\r\n" : "\n";
  const lineStart = source.lastIndexOf("\n", keyStart - 1) + 1;
  const indent = source.slice(lineStart, keyStart).replace(/[^ ]/g, " ");
  const contentEnd = lastValue.range[1];
  const atLineEnd = source[contentEnd - 1] === "\n";
  const newline = atLineEnd ? contentEnd - 1 : source.indexOf("\n", contentEnd);
  const key = scalarText(String(path.at(-1)), undefined, false);
  const line = `${indent}${key}: ${scalarText(value, Scalar.PLAIN, false)}`;
  const position = newline === -1 ? source.length : newline + 1;
  const edited =
    newline === -1
      ? `${source}${eol}${line}`
      : `${source.slice(0, position)}${line}${eol}${source.slice(position)}`;
  verify(edited, parsed, path, value, subject);
  const before = edited.slice(0, newline === -1 ? edited.length : position);
  return {
    source: edited,
    previousValue: null,
    previousText: null,
    line: before.split("\n").length,
    inserted: true,
  };
}

function verify(
  edited: string,
  parsed: ParsedYaml,
  path: YamlPath,
  value: YamlScalarValue,
  subject: string,
): void {
  const expected = parsed.document.clone() as Document;
  expected.setIn(path, value);
  const actual = parseSingleDocument(edited, subject).document.toJS() as unknown;
  if (!isDeepStrictEqual(actual, expected.toJS())) {
    throw refusal(
      "config/yaml-not-spliceable",
      subject,
      path,
      value,
      null,
      "The spliced text would not read back as the value asked for and nothing else",
    );
  }
}

function refusal(
  code: ErrorCode,
  subject: string,
  path: YamlPath,
  value: unknown,
  line: number | null,
  reason: string,
): ModelOpsError {
  return new ModelOpsError({
    code,
    message: `${formatYamlPath(path)} of ${subject} cannot be changed${line === null ? "" : ` (line ${line})`}.`,
    reason: `${reason}; nothing was written.`,
    fix: `${handEdit(path, value)}, or configure another path for this target.`,
    details: { path: [...path], line },
  });
}
