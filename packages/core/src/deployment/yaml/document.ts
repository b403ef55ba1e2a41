import { type Document, isMap, isScalar, LineCounter, type ParsedNode, parseAllDocuments } from "yaml";
import { ModelOpsError } from "../../errors/modelops-error.ts";

/** Keys from the root of a document to a value. */
export type YamlPath = readonly (string | number)[];

/** `a.b.c` for people. */
export function formatYamlPath(path: YamlPath): string {
  return path.join(".");
}

export interface ParsedYaml {
  readonly document: Document.Parsed<ParsedNode>;
  lineOf(offset: number): number;
}

/** The hand edit to print when a splice is refused. */
export function handEdit(path: YamlPath, value: unknown): string {
  return `make this edit by hand: set ${formatYamlPath(path)} to ${JSON.stringify(value)}`;
}

/** An edit looks at the same text several times; parsing it is what costs. Documents are never changed in place. */
const recent = new Map<string, ParsedYaml>();
const RECENT_KEPT = 4;

/**
 * Parses exactly one YAML document and refuses what a splice could damage: parse errors, duplicate keys, several
 * documents, an empty file. Errors: `config/yaml-invalid`, `config/yaml-multiple-documents`, `config/yaml-empty`.
 */
export function parseSingleDocument(source: string, subject: string): ParsedYaml {
  const known = recent.get(source);
  if (known) return known;
  const parsed = parseChecked(source, subject);
  recent.set(source, parsed);
  if (recent.size > RECENT_KEPT) recent.delete(recent.keys().next().value ?? "");
  return parsed;
}

function parseChecked(source: string, subject: string): ParsedYaml {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments<ParsedNode>(source, {
    keepSourceTokens: true,
    uniqueKeys: true,
    lineCounter,
    prettyErrors: false,
  });
  const lineOf = (offset: number) => lineCounter.linePos(offset).line;
  if (!Array.isArray(documents) || documents.length === 0) {
    throw new ModelOpsError({
      code: "config/yaml-empty",
      message: `${subject} holds no YAML document.`,
      reason: "The file is empty or holds comments only.",
      fix: "check the path, or start the file with the keys your host reads.",
    });
  }
  const [document] = documents;
  if (!document || documents.length > 1) {
    throw new ModelOpsError({
      code: "config/yaml-multiple-documents",
      message: `${subject} holds ${documents.length} YAML documents.`,
      reason: "Which of them the host reads cannot be known.",
      fix: "keep one document in the file (remove the `---` separators).",
    });
  }
  const [error] = document.errors;
  if (error) {
    const line = lineOf(error.pos[0]);
    const isDuplicate = error.code === "DUPLICATE_KEY";
    throw new ModelOpsError({
      code: isDuplicate ? "config/yaml-duplicate-key" : "config/yaml-invalid",
      message: `${subject} is not valid YAML at line ${line}.`,
      reason: isDuplicate
        ? "A key stands twice in one map; readers disagree on which one counts."
        : `${error.message}.`,
      fix: isDuplicate ? `remove one of the two keys near line ${line}.` : `correct line ${line}.`,
      details: { line, yamlCode: error.code },
    });
  }
  return { document, lineOf };
}

/** The value at a path as the document says it, `undefined` when there is none. */
export function readYamlValue(source: string, path: YamlPath, subject = "The file"): unknown {
  const { document } = parseSingleDocument(source, subject);
  const node = document.getIn(path, true);
  if (node === undefined) return undefined;
  if (isScalar(node)) return node.value;
  return (document.toJS() as unknown) === null ? undefined : document.getIn(path);
}

/** Whether some map on the way to the path uses a merge key (`<<`), so that the value may stand elsewhere. */
export function passesMergeKey(document: Document.Parsed<ParsedNode>, path: YamlPath): boolean {
  for (let depth = 0; depth < path.length; depth += 1) {
    const node = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
    if (isMap(node) && node.items.some((pair) => isScalar(pair.key) && pair.key.value === "<<")) return true;
  }
  return false;
}
