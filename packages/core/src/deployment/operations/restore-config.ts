import type { DeployerContext } from "../deployer-context.ts";
import {
  applyConfigEdit,
  type ConfigRestore,
  type HostConfigEdit,
  planConfigEdit,
  restoreConfigEdit,
} from "../host-config/models-config.ts";
import { runReloadHook } from "../reload-hook.ts";
import type { Operation } from "../state/records.ts";
import type { RollbackResult } from "./rollback-contract.ts";

/** The part of an operation that says what the host's file named before. */
type ConfigChange = Pick<Operation, "agent" | "model" | "configEdit" | "undo">;

export async function restoreConfig(
  context: DeployerContext,
  operation: ConfigChange,
  warnings: string[],
): Promise<{ readonly restored: RollbackResult["config"]; readonly sha256: string | null }> {
  const config = context.hostConfig;
  if (!config) return { restored: "none", sha256: null };
  if (operation.undo.length === 0) return nameInConfig(context, operation, warnings);
  const undoOne = (edit: HostConfigEdit) =>
    restoreConfigEdit({ config, edit, backupFolder: context.backupFolder, now: context.runtime.clock.now() });
  try {
    return await context.publisher.exclusively(async () => {
      let restored: ConfigRestore = "already";
      let sha256: string | null = null;
      for (const edit of operation.undo) {
        const outcome = await undoOne(edit);
        if (outcome.restored !== "already") restored = outcome.restored;
        sha256 = outcome.sha256;
      }
      return { restored, sha256 };
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    warnings.push(`The host configuration could not be restored: ${message}`);
    return { restored: "failed", sha256: null };
  }
}

/** Going to a version outside of the history: there is no edit to undo, so the value is set anew. */
async function nameInConfig(
  context: DeployerContext,
  operation: ConfigChange,
  warnings: string[],
): Promise<{ readonly restored: RollbackResult["config"]; readonly sha256: string | null }> {
  const config = context.hostConfig;
  const { configEdit: edit, model, agent } = operation;
  if (!config || !edit || !model) return { restored: "none", sha256: null };
  try {
    return await context.publisher.exclusively(async () => {
      const planned = await planConfigEdit({
        config,
        agent,
        targetId: model.targetId,
        value: model.configValue,
      });
      const now = context.runtime.clock.now();
      await applyConfigEdit({ config, planned, backupFolder: context.backupFolder, now });
      return { restored: "value" as const, sha256: planned.edit.sha256After };
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    warnings.push(`The host configuration could not be changed: ${message}`);
    return { restored: "failed", sha256: null };
  }
}

export async function reload(
  context: DeployerContext,
  restored: RollbackResult["config"],
  warnings: string[],
): Promise<boolean> {
  if (restored === "none" || restored === "already" || restored === "failed") return restored === "failed";
  const hook = context.hostConfig?.reload;
  if (!hook) return true;
  const outcome = await runReloadHook(context.runtime, hook);
  if (!outcome.ok) warnings.push(`The host could not be told to reload: ${outcome.message}.`);
  return !outcome.ok;
}
