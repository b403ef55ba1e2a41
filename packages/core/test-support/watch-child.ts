/**
 * A process with an auto-pilot: `node watch-child.ts <folder> <failpoint|none>`. Prints "leads" when it is the one that
 * decides, and kills itself when it reaches the failpoint.
 */
import { crashDeployer } from "./crash-host.ts";

const [folder = "", failpoint = "none"] = process.argv.slice(2);
let isLeading = false;
const { deployer, close } = crashDeployer(folder, (point) => {
  if (point === failpoint) process.kill(process.pid, "SIGKILL");
});
const { state } = await deployer.watch({
  agent: "feature_dev",
  everyMs: 20,
  onReading() {
    if (!isLeading) process.stdout.write("leads\n");
    isLeading = true;
  },
});
process.stdout.write(`${state}\n`);
await close();
