type Row = Readonly<Record<string, unknown>>;

const PARTS = ["inputs", "outputs", "metadata"] as const;

/**
 * A table row as an example's parts. A table has no objects, so they are written as columns `inputs.question`,
 * `outputs.answer`, `metadata.level`, or as JSON text in columns `inputs`, `outputs`, `metadata`. Other rows stay.
 */
export function partsOfTableRow(row: Row): Row {
  if (typeof row.inputs === "object") return row;
  const names = Object.keys(row);
  const isTable = PARTS.some(
    (part) => typeof row[part] === "string" || names.some((name) => name.startsWith(`${part}.`)),
  );
  if (!isTable) return row;
  const parts: Record<string, unknown> = { id: row.id === "" ? null : row.id };
  for (const part of PARTS) {
    const columns = names.filter((name) => name.startsWith(`${part}.`));
    const own = columns.map((name) => [name.slice(part.length + 1), row[name]]);
    const whole = jsonOf(row[part]);
    if (whole !== undefined || own.length > 0) {
      parts[part] = own.length > 0 ? { ...asObject(whole), ...Object.fromEntries(own) } : whole;
    }
  }
  return parts;
}

function jsonOf(cell: unknown): unknown {
  if (typeof cell !== "string") return cell;
  if (cell.trim() === "") return undefined;
  try {
    return JSON.parse(cell);
  } catch {
    return cell;
  }
}

function asObject(value: unknown): Row {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Row) : {};
}
