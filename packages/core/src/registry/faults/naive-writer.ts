import { readFileSync, renameSync, writeFileSync, writeSync } from "node:fs";

// A registry as one JSON file, the way it is often written: read, change, write. The kill suites must catch it.
const [path = "", name = "", how = "in-place"] = process.argv.slice(2);
const padding = "x".repeat(2000);

for (let count = 0; ; count += 1) {
  const id = `${name}-${process.pid}-${count}`;
  writeSync(1, `try ${id}\n`);
  const data = JSON.parse(readFileSync(path, "utf8")) as { versions: { id: string; padding: string }[] };
  data.versions.push({ id, padding });
  const text = JSON.stringify(data, null, 2);
  if (how === "in-place") writeFileSync(path, text);
  else {
    writeFileSync(`${path}.${process.pid}`, text);
    renameSync(`${path}.${process.pid}`, path);
  }
  writeSync(1, `ack ${id}\n`);
}
