// Starts all twins again and again in a fresh process; prints the times, the first of which is cold.
import { startTwins } from "@modelops/testing";

const timesMs: number[] = [];
for (let round = 0; round < Number(process.argv[2]); round += 1) {
  const before = performance.now();
  const twins = await startTwins();
  timesMs.push(performance.now() - before);
  await twins.close();
}
console.log(JSON.stringify(timesMs));
