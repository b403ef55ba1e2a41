/** `no-run` blocks are only checked for types; `hidden` ones are not seen by readers. */
export type BlockKind = "plain" | "hidden" | "no-run";

export interface DocsBlock {
  readonly kind: BlockKind;
  /** 1-based line of the first line of code. */
  readonly line: number;
  readonly code: string;
}

/** A program made of a page's blocks. */
export interface DocsProgram {
  readonly name: string;
  readonly code: string;
  readonly isRun: boolean;
}

const FENCE = /^```ts( no-run)?$/;
const IMPORT = /^import (type )?\{([^}]*)\} from ("[^"]+");\n?/gm;
const HIDDEN = /^<!-- ts$/;

/** The TypeScript of a page: blocks fenced with `ts` or `ts no-run`, and hidden ones between `<!-- ts` and `-->`. */
export function docsBlocks(markdown: string): readonly DocsBlock[] {
  const blocks: DocsBlock[] = [];
  let open: {
    readonly kind: BlockKind;
    readonly end: string;
    readonly line: number;
    readonly code: string[];
  } | null = null;
  for (const [index, text] of markdown.split("\n").entries()) {
    if (open) {
      if (text.trim() === open.end) {
        blocks.push({ kind: open.kind, line: open.line, code: open.code.join("\n") });
        open = null;
      } else open.code.push(text);
      continue;
    }
    const fence = FENCE.exec(text);
    if (fence) {
      open = { kind: fence[1] === undefined ? "plain" : "no-run", end: "```", line: index + 2, code: [] };
    } else if (HIDDEN.test(text)) open = { kind: "hidden", end: "-->", line: index + 2, code: [] };
  }
  if (open) throw new Error(`the block at line ${open.line} has no end`);
  return blocks;
}

/**
 * A block that imports starts a new program; blocks without imports go on with the one before. A hidden block starts
 * a program that the next block belongs to: it is where set-up goes. A `no-run` block stands alone.
 */
export function docsPrograms(page: string, markdown: string): readonly DocsProgram[] {
  const groups: DocsBlock[][] = [];
  let group: DocsBlock[] | null = null;
  for (const block of docsBlocks(markdown)) {
    if (block.kind === "no-run") {
      groups.push([block]);
      continue;
    }
    const isImport = block.code.search(IMPORT) !== -1 && group?.at(-1)?.kind !== "hidden";
    if (group === null || block.kind === "hidden" || isImport) {
      group = [block];
      groups.push(group);
    } else group.push(block);
  }
  const base = page.replaceAll(/[^A-Za-z0-9]+/g, "-");
  return groups.map((group) => ({
    name: `${base}-line-${group[0]?.line}`,
    code: joinBlocks(page, group),
    isRun: group[0]?.kind !== "no-run",
  }));
}

/** Imports are merged, since set-up and block may import from the same module. */
function joinBlocks(page: string, blocks: readonly DocsBlock[]): string {
  const imports = new Map<string, Set<string>>();
  const bodies = blocks.map(({ line, code }) => {
    const body = code.replaceAll(IMPORT, (_all, type, names, from) => {
      const known = imports.get(from) ?? new Set<string>();
      imports.set(from, known);
      for (const name of String(names).split(",")) {
        const trimmed = name.trim();
        if (trimmed !== "") known.add(type ? `type ${trimmed}` : trimmed);
      }
      return "";
    });
    return `// ${page}:${line}\n${body}`;
  });
  const lines = [...imports].map(
    ([from, names]) => `import { ${withoutRepeats(names).join(", ")} } from ${from};`,
  );
  return `${[...lines, ...bodies].join("\n")}\nexport {};\n`;
}

/** A name imported as a value in one block and as a type in another is imported as a value. */
function withoutRepeats(names: ReadonlySet<string>): string[] {
  return [...names].filter((name) => !name.startsWith("type ") || !names.has(name.slice(5)));
}
