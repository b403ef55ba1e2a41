import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

type GrowthBookModule = {
  GrowthBook: new (
    options: object,
  ) => {
    setAttributes(attributes: object): unknown;
    run(experiment: object): { value: unknown };
  };
};

/** Assigns a session by the GrowthBook SDK: 80 % and 20 %, sticky by id. */
export async function growthbookDecision(folder: string): Promise<(key: string) => unknown> {
  const entry = createRequire(join(folder, "package.json")).resolve("@growthbook/growthbook");
  const { GrowthBook } = (await import(pathToFileURL(entry).href)) as GrowthBookModule;
  const growthbook = new GrowthBook({ attributes: { id: "" } });
  const experiment = { key: "rollout", hashVersion: 2, variations: ["v1", "v2"], weights: [0.8, 0.2] };
  return (key) => {
    growthbook.setAttributes({ id: key });
    return growthbook.run(experiment).value;
  };
}
