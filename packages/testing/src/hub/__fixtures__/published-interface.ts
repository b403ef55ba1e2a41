import { readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

interface Operation {
  readonly request?: object;
  readonly responses?: Readonly<Record<string, object>>;
}

interface Route {
  readonly path: string;
  readonly pattern: RegExp;
  readonly operations: Readonly<Record<string, Operation>>;
}

/** Where the twin knowingly differs; the guide to the twins says so, too. */
const KNOWN_DIFFERENCES: readonly RegExp[] = [
  // The published schema of a tree leaves out `path`, which every client reads.
  /^200 of get .*\/tree\/.*"additionalProperty":"path"/,
  // The one of single paths leaves out the hash and size of an LFS file, which every client reads.
  /^200 of post .*\/paths-info\/.*lfs must NOT have additional properties/,
];

const FILE = new URL("./hub-interface.json", import.meta.url);

/** The Hub's published interface: which schema a request and a reply have to fit. */
export class PublishedInterface {
  readonly problems: string[] = [];
  /** `200 of get /api/whoami-v2`, `request of post …`. */
  readonly checked = new Set<string>();
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #compiled = new Map<object, ValidateFunction>();
  readonly #routes: readonly Route[];

  constructor() {
    const { paths } = JSON.parse(readFileSync(FILE, "utf8")) as {
      paths: Record<string, Route["operations"]>;
    };
    this.#routes = Object.entries(paths)
      .map(([path, operations]) => ({ path, operations, pattern: patternOf(path) }))
      // A literal segment is meant before a parameter.
      .sort((first, second) => first.path.split("{").length - second.path.split("{").length);
  }

  /** Everything that could be checked. */
  get all(): readonly string[] {
    return this.#routes.flatMap(({ path, operations }) =>
      Object.entries(operations).flatMap(([method, { request, responses }]) => [
        ...(request ? [`request of ${method} ${path}`] : []),
        ...Object.keys(responses ?? {}).map((status) => `${status} of ${method} ${path}`),
      ]),
    );
  }

  /** A fetch that compares what passes through it. */
  watch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
    return async (input, init) => {
      const response = await fetch(input, init);
      const method = (init?.method ?? (input instanceof Request ? input.method : "GET")).toLowerCase();
      const { pathname } = new URL(input instanceof Request ? input.url : String(input));
      const found = this.#routes.find(
        ({ pattern, operations }) => pattern.test(pathname) && operations[method],
      );
      const { request, responses } = found?.operations[method] ?? {};
      const name = `${method} ${found?.path}`;
      const body = init?.body;
      if (typeof body === "string" && request && response.ok)
        this.#compare(`request of ${name}`, request, JSON.parse(body));
      const schema = responses?.[response.status];
      if (schema && response.headers.get("content-type")?.includes("json")) {
        const reply = await response.clone().text();
        this.#compare(`${response.status} of ${name}`, schema, JSON.parse(reply));
      }
      return response;
    };
  }

  #compare(name: string, schema: object, value: unknown): void {
    const validate = this.#compiled.get(schema) ?? this.#ajv.compile(schema);
    this.#compiled.set(schema, validate);
    this.checked.add(name);
    if (validate(value)) return;
    const words = (validate.errors ?? [])
      .slice(0, 3)
      .map((error) => `${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`);
    const problem = `${name}: ${words.join("; ")}`;
    if (!KNOWN_DIFFERENCES.some((difference) => difference.test(problem))) this.problems.push(problem);
  }
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{path\}$/g, ".*").replaceAll(/\{[^}]+\}/g, "[^/]+")}$`);
}
