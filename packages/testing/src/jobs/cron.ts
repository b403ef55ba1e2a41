const NAMES: Readonly<Record<string, string>> = {
  "@annually": "0 0 1 1 *",
  "@yearly": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@hourly": "0 * * * *",
};
const MINUTE_MS = 60_000;
const SEARCHED_MINUTES = 366 * 24 * 60;

/** The first full minute after `afterMs` that a schedule names, UTC: five cron fields or `@daily` and its like. */
export function nextRunMs(schedule: string, afterMs: number): number {
  const fields = (NAMES[schedule] ?? schedule).trim().split(/\s+/);
  if (fields.length !== 5)
    throw new Error(`The twin reads five cron fields, not ${JSON.stringify(schedule)}.`);
  const [minutes, hours, days, months, weekdays] = fields.map((field, index) =>
    allowed(field, RANGES[index] ?? [0, 59]),
  );
  const first = (Math.floor(afterMs / MINUTE_MS) + 1) * MINUTE_MS;
  for (let minute = 0; minute < SEARCHED_MINUTES; minute += 1) {
    const time = new Date(first + minute * MINUTE_MS);
    const fits =
      minutes?.has(time.getUTCMinutes()) &&
      hours?.has(time.getUTCHours()) &&
      days?.has(time.getUTCDate()) &&
      months?.has(time.getUTCMonth() + 1) &&
      weekdays?.has(time.getUTCDay());
    if (fits) return time.getTime();
  }
  throw new Error(`${schedule} names no time within a year`);
}

const RANGES: readonly (readonly [number, number])[] = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
];

/** Lists, ranges and steps: `*`, `5`, `1-5`, `*` with a step, `0,30`. */
function allowed(field: string, [lowest, highest]: readonly [number, number]): ReadonlySet<number> {
  const values = new Set<number>();
  for (const part of field.split(",")) {
    const match = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part);
    if (!match) throw new Error(`${field} is no cron field`);
    const [, from, to, step = "1"] = match;
    const start = from === undefined ? lowest : Number(from);
    const end = from === undefined ? highest : to === undefined ? (match[3] ? highest : start) : Number(to);
    if (start < lowest || end > highest || Number(step) < 1) throw new Error(`${field} is out of range`);
    // Sunday is 0 and 7.
    for (let value = start; value <= end; value += Number(step))
      values.add(highest === 7 && value === 7 ? 0 : value);
  }
  return values;
}
