export const VERSION = "0.0.0";
export { describeRegistryStore, registryStoreCases } from "./registry-store/describe-registry-store.ts";
export {
  type CaseContext,
  runStoreCase,
  type StoreCase,
  type StoreFactory,
  type StorePlace,
  type TestRunner,
} from "./registry-store/kit.ts";
