/** Control characters and direction overrides, which show another text than the one there is, made visible. */
export function visibleText(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "\ufffd")
      .replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd")
  );
}
