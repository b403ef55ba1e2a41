/** What must not be in training data: a model repeats what it was trained on. */
const SECRETS: readonly { readonly name: string; readonly pattern: RegExp }[] = [
  { name: "a Hugging Face token", pattern: /\bhf_[A-Za-z0-9]{30,}/ },
  { name: "an API key (sk-…)", pattern: /\bsk-(?:[a-z]+-)*[A-Za-z0-9_-]{24,}/ },
  { name: "a GitHub token", pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})/ },
  { name: "an AWS key", pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/ },
  { name: "a Google API key", pattern: /\bAIza[0-9A-Za-z_-]{35}/ },
  { name: "a Slack token", pattern: /\bxox[abprs]-[A-Za-z0-9-]{20,}/ },
  { name: "a LangSmith key", pattern: /\blsv2_(?:pt|sk)_[a-f0-9]{32}/ },
  { name: "a private key", pattern: /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/ },
];
/** Whether a text holds a piece that every secret above has one of: plain searches are many times faster than the patterns. */
function mayHoldSecret(text: string): boolean {
  if (text.includes("_")) return true;
  if (text.includes("A") && (text.includes("AKIA") || text.includes("ASIA") || text.includes("AIza")))
    return true;
  return text.includes("-") && (text.includes("sk-") || text.includes("xox") || text.includes("-----BEGIN "));
}
const EMAIL =
  /[A-Za-z0-9._%+-]{1,64}@(?!(?:example|test)\.)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}\b/;

/** Names the secret in a text, without repeating it. Obvious placeholders (`hf_xxxx…`) are no secrets. */
export function findSecret(text: string): { readonly name: string; readonly sample: string } | null {
  if (!mayHoldSecret(text)) return null;
  for (const { name, pattern } of SECRETS) {
    const found = pattern.exec(text)?.[0];
    if (found === undefined) continue;
    if (!found.startsWith("-----") && new Set(found.slice(6)).size < 8) continue;
    return { name, sample: `${found.slice(0, 5)}…` };
  }
  return null;
}

/** The e-mail address in a text, shortened so that a report does not spread it. */
export function findEmail(text: string): string | null {
  if (!text.includes("@")) return null;
  const found = EMAIL.exec(text)?.[0];
  if (found === undefined) return null;
  const [user = "", host = ""] = found.split("@");
  return `${user.slice(0, 2)}…@${host}`;
}
