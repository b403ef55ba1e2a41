import { registerHooks } from "node:module";

// Prints the address of each module that is imported after this one.
registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    process.stderr.write(`imported ${resolved.url}\n`);
    return resolved;
  },
});
