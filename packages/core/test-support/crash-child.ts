/**
 * Runs one deployment operation in a folder and kills itself at a given step:
 * `node crash-child.ts <folder> <deploy|promote|rollback|reconcile> <failpoint|none>`.
 */
import { crashDeployer } from "./crash-host.ts";

const [folder = "", operation = "", failpoint = "none"] = process.argv.slice(2);

const { deployer, close } = crashDeployer(folder, (point) => {
  if (point === failpoint) process.kill(process.pid, "SIGKILL");
});
const agent = "feature_dev";
if (operation === "deploy") await deployer.deploy({ agent, version: "v1.1.0" });
if (operation === "promote") await deployer.promote({ agent, to: 100 });
if (operation === "rollback") await deployer.rollback({ agent, reason: "crash test" });
if (operation === "reconcile") await deployer.reconcile();
await close();
