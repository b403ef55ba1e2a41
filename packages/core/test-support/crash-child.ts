/**
 * Runs one deployment operation in a folder and kills itself at a given step:
 * `node crash-child.ts <folder> <deploy|immediate|promote|rollback|rollback-blind|reconcile|none> <failpoint|none>`. A blind
 * rollback cannot write to the store. What is no longer in use is freed at once.
 */
import { crashDeployer } from "./crash-host.ts";

const [folder = "", operation = "", failpoint = "none"] = process.argv.slice(2);

const { deployer, store, close } = crashDeployer(
  folder,
  (point) => {
    if (point === failpoint) process.kill(process.pid, "SIGKILL");
  },
  { unprovenAfterMs: 0 },
);
const agent = "feature_dev";
if (operation === "deploy") await deployer.deploy({ agent, version: "v1.1.0" });
if (operation === "immediate") await deployer.deploy({ agent, version: "v1.1.0", rollout: "immediate" });
if (operation === "promote") await deployer.promote({ agent, to: 100 });
if (operation === "rollback") await deployer.rollback({ agent, reason: "crash test" });
if (operation === "rollback-blind") {
  store.commit = () => Promise.reject(new Error("the disk is full"));
  await deployer.rollback({ agent, reason: "crash test" });
}
if (operation === "reconcile") await deployer.reconcile();
await close();
