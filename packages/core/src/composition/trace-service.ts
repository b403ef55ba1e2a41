import type { TracedFacts, Tracer } from "../contract/tracer.ts";

/** How the actions of a service are shown in a trace; actions that are not named are not traced. */
export type ActionDescriptions<Service> = {
  readonly [Name in keyof Service]?: Service[Name] extends (...args: infer Arguments) => Promise<infer Value>
    ? {
        inputs(...args: Arguments): TracedFacts;
        outputs(value: Value): TracedFacts;
        /** Called with what the action gave when that has actions of its own, such as a job. */
        opens?(value: Value, tracer: Tracer): void;
      }
    : never;
};

interface Description {
  inputs(...args: unknown[]): TracedFacts;
  outputs(value: unknown): TracedFacts;
  opens?(value: unknown, tracer: Tracer): void;
}

/**
 * Puts a tracer around the named actions of one service object. Services know nothing of it, so that an installation
 * without tracing pays nothing; actions that call each other nest.
 */
export function traceService<Service extends object>(
  name: string,
  service: Service,
  tracer: Tracer,
  descriptions: ActionDescriptions<Service>,
): void {
  for (const [action, description] of Object.entries(descriptions) as [string, Description][]) {
    const run = Reflect.get(service, action) as (...args: unknown[]) => Promise<unknown>;
    const traced = (...args: unknown[]) => {
      // What cannot be described is still done: it will say itself what is wrong with its arguments.
      const inputs = described(() => description.inputs(...args));
      return tracer.trace(
        {
          name: `${name}.${action}`,
          agent: typeof inputs.agent === "string" ? inputs.agent : null,
          inputs,
          outputs: (value) => described(() => description.outputs(value)),
        },
        async () => {
          const value = await run.apply(service, args);
          description.opens?.(value, tracer);
          return value;
        },
      );
    };
    Object.defineProperty(service, action, { value: traced, configurable: true, writable: true });
  }
}

function described(describe: () => TracedFacts): TracedFacts {
  try {
    return describe();
  } catch {
    return {};
  }
}
