import { type DeployerContext, reach, superseded } from "../deployer-context.ts";
import { readHostFile } from "../host-config/host-file.ts";
import { applyConfigEdit, type HostConfigEdit, planConfigEdit } from "../host-config/models-config.ts";
import type { Operation } from "../state/records.ts";
import type { Serving } from "../state/serving.ts";
import { isOwner } from "./new-operation.ts";
import { owned } from "./owned-operation.ts";

/** Writes the planned edit; a file that somebody else changed meanwhile gets a new plan from its new content. */
export async function writeConfig(context: DeployerContext, started: Operation): Promise<Operation> {
  const config = context.hostConfig;
  const { configEdit: edit, model, agent } = started;
  if (!config || !edit || !model) return started;
  return context.publisher.exclusively(async () => {
    // Under the lock that a rollback takes, too: whoever lost the fence must not write after it.
    const { serving } = await context.store.read(agent);
    if (!isOwner(serving, started)) throw superseded(started);
    const content = await readHostFile(config.file);
    if (content.sha256 === edit.sha256After) return started;
    const planned = await planConfigEdit({
      config,
      agent,
      targetId: model.targetId,
      value: model.configValue,
    });
    const hasMoved = planned.edit.sha256Before !== edit.sha256Before;
    const operation = hasMoved ? await replaceEdit(context, started, planned.edit) : started;
    await reach(context, "S5.config-before");
    await applyConfigEdit({
      config,
      planned,
      backupFolder: context.backupFolder,
      now: context.runtime.clock.now(),
    });
    return operation;
  });
}

function replaceEdit(
  context: DeployerContext,
  operation: Operation,
  edit: HostConfigEdit,
): Promise<Operation> {
  return context.store.update(operation.agent, (state) => {
    const next: Operation = { ...owned(state, operation), configEdit: edit };
    const serving = state.serving as Serving;
    const last = serving.history.length - 1;
    const history = serving.history.map((entry, index) =>
      index === last && entry.configEdit?.sha256After === operation.configEdit?.sha256After
        ? { ...entry, configEdit: edit }
        : entry,
    );
    return { change: { operations: [next], serving: { ...serving, history } }, result: next };
  });
}
