import { distance } from "fastest-levenshtein";

/** The catalogue names most like a wrong one, best first: same author and shared words weigh more than letters. */
export function nearestNames(wanted: string, names: readonly string[], count = 3): readonly string[] {
  const target = wanted.toLowerCase();
  return names
    .map((name) => ({ name, score: unlikeness(target, name.toLowerCase()) }))
    .filter(({ score }) => score < 0.75)
    .sort((left, right) => left.score - right.score || left.name.localeCompare(right.name))
    .slice(0, count)
    .map(({ name }) => name);
}

/** 0 = equal, 1 = nothing in common. */
function unlikeness(left: string, right: string): number {
  const letters = distance(left, right) / Math.max(left.length, right.length, 1);
  const leftWords = new Set(left.split(/[/:._-]+/));
  const rightWords = new Set(right.split(/[/:._-]+/));
  const shared = [...leftWords].filter((word) => rightWords.has(word)).length;
  const words = 1 - shared / Math.max(1, Math.min(leftWords.size, rightWords.size));
  return (letters + words) / 2;
}
