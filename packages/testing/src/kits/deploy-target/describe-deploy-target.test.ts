import { type DeployTarget, ModelOpsError } from "@modelops/core";
import { describe, expect, it } from "vitest";
import {
  type MemoryService,
  memoryTarget,
  memoryTargetFactory,
  SERVICE_KEY,
} from "../../../test-support/memory-target.ts";
import { type KitFactory, runKitCase } from "../kit-case.ts";
import type { DeployTargetPlace } from "./deploy-target-place.ts";
import { deployTargetCases, describeDeployTarget } from "./describe-deploy-target.ts";

describeDeployTarget(memoryTargetFactory(), { describe, it });

/** A target that is right except for one habit. */
const naive = (
  spoil: (target: DeployTarget, service: MemoryService) => Partial<DeployTarget>,
): KitFactory<DeployTargetPlace> =>
  memoryTargetFactory((service) => {
    const target = memoryTarget(service);
    return { ...target, ...spoil(target, service) };
  });

const HABITS: readonly {
  readonly habit: string;
  readonly target: KitFactory<DeployTargetPlace>;
  readonly caughtBy: RegExp;
}[] = [
  {
    habit: "can pause but not resume",
    target: naive(() => ({ resume: undefined })),
    caughtBy: /declares its abilities/,
  },
  {
    habit: "guesses prices",
    target: naive((target) => ({
      async check(model, options) {
        const check = await target.check(model, options);
        return { ...check, price: { ...check.price, inputUsdPerMillionTokens: -1 } };
      },
    })),
    caughtBy: /prices stated or null|says why|fine-tune/,
  },
  {
    habit: "starts the model to see whether it could",
    target: naive((target, service) => ({
      async check(model, options) {
        service.running.set("trial", { model, isPaused: false });
        return target.check(model, options);
      },
    })),
    caughtBy: /nothing made|refuses to deploy|given up already/,
  },
  {
    habit: "says no without a reason",
    target: naive((target) => ({
      async check(model, options) {
        return { ...(await target.check(model, options)), problems: [] };
      },
    })),
    caughtBy: /says why/,
  },
  {
    habit: "deploys what it cannot serve",
    target: naive((target) => ({
      deploy: ({ model, idempotencyKey }, options) =>
        target.deploy({ model: { ...model, modelId: "org/one" }, idempotencyKey }, options),
    })),
    caughtBy: /says why|names its model|adopts|keeps two|another process|paus/,
  },
  {
    habit: "boasts of serving fine-tunes",
    target: naive((target) => ({
      async check(model, options) {
        const check = await target.check(model, options);
        if (model.artifact === null) return check;
        return { ...check, canServe: false, problems: [{ message: "no files", fix: "none" }] };
      },
    })),
    caughtBy: /fine-tune/,
  },
  {
    habit: "knows no signals",
    target: naive((target) => ({
      check: (model) => target.check(model),
      deploy: (request) => target.deploy(request),
    })),
    caughtBy: /given up already|gives up while/,
  },
  {
    habit: "keeps the key in the deployment",
    target: naive((target) => ({
      async deploy(request, options) {
        return { ...(await target.deploy(request, options)), details: { key: SERVICE_KEY } };
      },
    })),
    caughtBy: /shows no secret/,
  },
  {
    habit: "keeps a date in the deployment",
    target: naive((target) => ({
      async deploy(request, options) {
        return { ...(await target.deploy(request, options)), details: { at: new Date(0) } };
      },
    })),
    caughtBy: /stored as JSON/,
  },
  {
    habit: "resolves before the model is up",
    target: naive((target, service) => ({
      async deploy(request, options) {
        const deployment = await target.deploy(request, options);
        await target.pause?.(deployment);
        setTimeout(() => {
          const found = service.running.get(deployment.deploymentId);
          if (found) found.isPaused = false;
        }, 20);
        return deployment;
      },
    })),
    caughtBy: /only when the model answers|keeps two|another process|removes|pauses/,
  },
  {
    habit: "makes a new one for every call",
    target: naive((target, service) => ({
      async deploy(request, options) {
        const deployment = await target.deploy(request, options);
        const deploymentId = `${deployment.deploymentId}-${Math.random()}`;
        service.running.set(deploymentId, { model: request.model, isPaused: false });
        return { ...deployment, deploymentId };
      },
    })),
    caughtBy: /adopts|same name again|removes|pauses/,
  },
  {
    habit: "gives every version the same name",
    target: naive((target) => ({
      async deploy(request, options) {
        const model = { ...request.model, version: "v1.0.0" };
        const deployment = await target.deploy({ ...request, model }, options);
        return { ...deployment, version: request.model.version };
      },
    })),
    caughtBy: /keeps two|removes/,
  },
  {
    habit: "leaves the wreck of a failed start",
    target: naive((target, service) => ({
      async deploy(request, options) {
        return target.deploy(request, options).catch((error: unknown) => {
          const isRefusal = ModelOpsError.isInstance(error) && error.code === "target/cannot-serve";
          if (!isRefusal && !options?.signal?.aborted)
            service.running.set("wreck", { model: request.model, isPaused: false });
          throw error;
        });
      },
    })),
    caughtBy: /start fails/,
  },
  {
    habit: "leaves what was starting when the caller gives up",
    target: naive((target, service) => ({
      async deploy(request, options) {
        options?.signal?.throwIfAborted();
        return target.deploy(request, options).catch((error: unknown) => {
          if (options?.signal?.aborted)
            service.running.set("orphan", { model: request.model, isPaused: false });
          throw error;
        });
      },
    })),
    caughtBy: /gives up while/,
  },
  {
    habit: "remembers deployments in the object only",
    target: naive((target) => {
      const known = new Set<string>();
      return {
        async deploy(request, options) {
          const deployment = await target.deploy(request, options);
          known.add(deployment.deploymentId);
          return deployment;
        },
        async status(deployment, options) {
          if (!known.has(deployment.deploymentId))
            return { state: "absent", message: null, costUsdPerHour: 0 };
          return target.status(deployment, options);
        },
      };
    }),
    caughtBy: /another process/,
  },
  {
    habit: "throws for what is absent",
    target: naive((target, service) => ({
      async status(deployment, options) {
        if (!service.running.has(deployment.deploymentId)) throw new Error("404");
        return target.status(deployment, options);
      },
    })),
    caughtBy: /never made|removes/,
  },
  {
    habit: "fails when it removes twice",
    target: naive((target, service) => ({
      async remove(deployment, options) {
        if (!service.running.has(deployment.deploymentId)) throw new Error("404");
        return target.remove(deployment, options);
      },
    })),
    caughtBy: /removes what costs/,
  },
  {
    habit: "removes everything of the agent",
    target: naive((_, service) => ({
      async remove() {
        service.running.clear();
      },
    })),
    caughtBy: /removes what costs/,
  },
  {
    habit: "pauses in name only",
    target: naive(() => ({ pause: async () => {} })),
    caughtBy: /pauses and resumes/,
  },
  {
    habit: "can be closed once",
    target: naive(() => {
      let isClosed = false;
      return {
        async close() {
          if (isClosed) throw new Error("closed already");
          isClosed = true;
        },
      };
    }),
    caughtBy: /closes twice/,
  },
];

describe("a deploy target with one bad habit", () => {
  const caught = new Set<string>();

  it.each(HABITS)("is caught when it $habit", async ({ target, caughtBy }) => {
    const failed: string[] = [];
    for (const kitCase of deployTargetCases) {
      await runKitCase(kitCase, target).catch(() => failed.push(kitCase.name));
    }
    expect(failed).not.toEqual([]);
    for (const name of failed) expect(name).toMatch(caughtBy);
    for (const name of failed) caught.add(name);
  });

  it("has been found by every case at least once, so that none passes whatever happens", () => {
    expect(deployTargetCases.map(({ name }) => name).filter((name) => !caught.has(name))).toEqual([]);
  });

  it("cannot leave out how a start fails when it says that removing frees money", async () => {
    const factory = memoryTargetFactory();
    const silent: KitFactory<DeployTargetPlace> = {
      ...factory,
      create: async () => ({ ...(await factory.create()), breakStarts: null, slowStarts: null }),
    };
    const failed: string[] = [];
    for (const kitCase of deployTargetCases) {
      await runKitCase(kitCase, silent).catch(() => failed.push(kitCase.name));
    }
    expect(failed).toHaveLength(2);
  });
});
