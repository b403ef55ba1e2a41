// String.trim takes a byte order mark, too, and leaves separators that Python takes.
const PYTHON_SPACE =
  "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const EDGES = new RegExp(`^${PYTHON_SPACE}+|${PYTHON_SPACE}+$`, "g");

/** A text without white space at its ends, as Python's `str.strip` sees it. */
export function strip(text: string): string {
  return text.replace(EDGES, "");
}
