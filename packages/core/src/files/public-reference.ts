/**
 * A reference as it may leave the machine: `file:` references and paths keep their last part alone, since folders tell
 * who works where. Names on a hub (`org/name`, `ls://name`) stay as they are.
 */
export function publicReference(reference: string): string {
  const isPath = /^(file:|[/.~\\]|[a-z]:[\\/])/i.test(reference);
  if (!isPath) return reference;
  const prefix = reference.startsWith("file:") ? "file:" : "";
  return `${prefix}${
    reference
      .split(/[\\/:]/)
      .filter(Boolean)
      .at(-1) ?? ""
  }`;
}
