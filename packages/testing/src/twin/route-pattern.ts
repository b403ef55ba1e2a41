import { ModelOpsError } from "@modelops/core";

export interface RoutePattern {
  readonly text: string;
  matches(method: string, path: string): boolean;
}

/**
 * `"POST /api/jobs/*"`: a method (or `*`) and a path, in which `*` stands for one segment and `**` for any rest.
 * Without a method every method matches.
 */
export function routePattern(text: string): RoutePattern {
  const parts = /^(?:([A-Z]+|\*)\s+)?(\/\S*)$/.exec(text.trim());
  if (!parts?.[2]) {
    throw new ModelOpsError({
      code: "testing/invalid-route",
      message: `${JSON.stringify(text)} is not a route.`,
      fix: 'write a method and a path, such as "POST /api/jobs/*".',
    });
  }
  const method = parts[1] ?? "*";
  const source = parts[2]
    .split("/")
    .map((segment) => {
      if (segment === "**") return ".*";
      return segment.split("*").map(escapeExpression).join("[^/]*");
    })
    .join("/");
  const expression = new RegExp(`^${source}$`);
  return {
    text: text.trim(),
    matches: (actualMethod, path) => (method === "*" || method === actualMethod) && expression.test(path),
  };
}

function escapeExpression(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
}
