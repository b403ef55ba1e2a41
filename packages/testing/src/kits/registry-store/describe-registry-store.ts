import type { TestRunner } from "../kit-case.ts";
import { runStoreCase, type StoreCase, type StoreFactory } from "./kit.ts";
import { LIST_CASES } from "./list-cases.ts";
import { LOG_CASES } from "./log-cases.ts";
import { RECORD_CASES } from "./record-cases.ts";
import { SHARING_CASES } from "./sharing-cases.ts";

/** Every promise of `RegistryStore`, as cases of their own. */
export const registryStoreCases: readonly StoreCase[] = [
  ...RECORD_CASES,
  ...LIST_CASES,
  ...LOG_CASES,
  ...SHARING_CASES,
];

/**
 * The contract of a `RegistryStore` as a test suite. Pass your runner's `describe` and `it`:
 * `describeRegistryStore(factory, { describe, it })`.
 */
export function describeRegistryStore(factory: StoreFactory, runner: TestRunner): void {
  const cases = registryStoreCases.filter(
    (storeCase) => !storeCase.needsSharing || factory.isShared !== false,
  );
  runner.describe(`${factory.name} keeps the contract registry-store/v1`, () => {
    for (const storeCase of cases) runner.it(storeCase.name, () => runStoreCase(storeCase, factory));
  });
}
