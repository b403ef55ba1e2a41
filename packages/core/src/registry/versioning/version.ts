import { ModelOpsError } from "../../errors/modelops-error.ts";

/** A version's parts: `v1.2.3-demo` → 1, 2, 3, "demo". */
export interface ParsedVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly suffix: string | null;
}

export type VersionBump = "major" | "minor" | "patch";

const NUMBER = "(0|[1-9]\\d{0,8})";
const SUFFIX = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const PATTERN = new RegExp(`^v${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${SUFFIX}))?$`);
const SUFFIX_PATTERN = new RegExp(`^${SUFFIX}$`);
const MAX_LENGTH = 100;

/**
 * Reads `v{major}.{minor}.{patch}[-suffix]`.
 * @throws ModelOpsError `input/version` for every other text.
 */
export function parseVersion(version: string): ParsedVersion {
  const parsed = tryParseVersion(version);
  if (parsed) return parsed;
  throw new ModelOpsError({
    code: "input/version",
    message: `${JSON.stringify(String(version).slice(0, 80))} is not a version.`,
    reason:
      "A version is v{major}.{minor}.{patch}, with an optional -suffix of letters, digits, dots and hyphens.",
    fix: 'write it like "v1.4.0" or "v2.0.0-demo", or let bump choose the next one.',
  });
}

/** As `parseVersion`, null for another text: imported registries may use their own scheme. */
export function tryParseVersion(version: string): ParsedVersion | null {
  if (typeof version !== "string" || version.length > MAX_LENGTH) return null;
  const match = PATTERN.exec(version);
  if (!match) return null;
  return {
    major: Number(match[1]),
    minor: Number(match[2]),
    patch: Number(match[3]),
    suffix: match[4] ?? null,
  };
}

export function formatVersion(
  version: Omit<ParsedVersion, "suffix"> & { readonly suffix?: string | null },
): string {
  const { major, minor, patch, suffix = null } = version;
  if (suffix !== null && !SUFFIX_PATTERN.test(suffix)) {
    throw new ModelOpsError({
      code: "input/version",
      message: `${JSON.stringify(suffix.slice(0, 80))} cannot end a version.`,
      reason: "A suffix holds letters, digits and hyphens, in parts separated by single dots.",
      fix: 'use a suffix such as "demo" or "rc.1".',
    });
  }
  return `v${major}.${minor}.${patch}${suffix === null ? "" : `-${suffix}`}`;
}

/** The numbers after `highest`; the first version of an agent is 1.0.0. */
export function bumpVersion(highest: Omit<ParsedVersion, "suffix"> | null, bump: VersionBump): ParsedVersion {
  if (highest === null) return { major: 1, minor: 0, patch: 0, suffix: null };
  const { major, minor, patch } = highest;
  if (bump === "major") return { major: major + 1, minor: 0, patch: 0, suffix: null };
  if (bump === "minor") return { major, minor: minor + 1, patch: 0, suffix: null };
  return { major, minor, patch: patch + 1, suffix: null };
}

/**
 * Order by Semantic Versioning 2.0.0 §11: a suffix comes before the version without, its parts compare one by one,
 * numbers before words. Texts that are no versions come first, in their own order.
 */
export function compareVersions(left: string, right: string): number {
  const a = tryParseVersion(left);
  const b = tryParseVersion(right);
  if (!a || !b) return a ? 1 : b ? -1 : compareText(left, right);
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch || compareSuffixes(a.suffix, b.suffix);
}

function compareSuffixes(left: string | null, right: string | null): number {
  if (left === right) return 0;
  if (left === null) return 1;
  if (right === null) return -1;
  const a = left.split(".");
  const b = right.split(".");
  for (const [index, part] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    const difference = compareSuffixParts(part, other);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function compareSuffixParts(left: string, right: string): number {
  const isNumber = /^\d+$/;
  if (isNumber.test(left) && isNumber.test(right)) return Number(left) - Number(right);
  if (isNumber.test(left)) return -1;
  if (isNumber.test(right)) return 1;
  return compareText(left, right);
}

function compareText(left: string, right: string): number {
  return left === right ? 0 : left < right ? -1 : 1;
}
