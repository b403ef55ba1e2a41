import { realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { ModelOpsError } from "../errors/modelops-error.ts";

/**
 * The absolute path of `path` below `root`, for names that come from records, replies or archives. Symbolic links
 * are followed first, so a link cannot lead out either. Parts that do not exist yet are fine.
 * @throws ModelOpsError `input/unsafe-path`.
 */
export function resolveInside(root: string, path: string): string {
  const windowsAbsolute = /^[a-z]:|^\\\\/i.test(path);
  if (path.includes("\0") || isAbsolute(path) || windowsAbsolute) throw unsafePath(root, path);
  const normalised = path.replaceAll("\\", "/");
  const resolved = resolve(root, normalised);
  if (!isInside(resolve(root), resolved)) throw unsafePath(root, path);
  if (!isInside(realPathOfExisting(resolve(root)), realPathOfExisting(resolved)))
    throw unsafePath(root, path);
  return resolved;
}

/** Makes one path segment of any text: letters, digits, `.`, `_` and `-` stay. Never empty, `.` or `..`. */
export function safeFileName(text: string): string {
  const name = text
    .normalize("NFKD")
    .replaceAll(/[^A-Za-z0-9._-]+/g, "-")
    .replaceAll(/^[-.]+|[-.]+$/g, "")
    .slice(0, 120);
  return name === "" ? "unnamed" : name;
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === "" || !(way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way));
}

/** Follows the links of the longest part that exists and keeps the rest. */
function realPathOfExisting(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPathOfExisting(parent), basename(path));
  }
}

function unsafePath(root: string, path: string): ModelOpsError {
  return new ModelOpsError({
    code: "input/unsafe-path",
    message: `${JSON.stringify(path.slice(0, 200))} leads out of its folder.`,
    reason: "A path must be relative and stay inside, also through symbolic links.",
    fix: "use a plain relative name without '..' and without a leading slash.",
    details: { root, path: path.slice(0, 200) },
  });
}
