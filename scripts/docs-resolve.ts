import { registerHooks } from "node:module";

// Loaded before a program of the documentation: the project's packages resolve to their source, wherever the program is.
const packages = new URL("../packages/", import.meta.url);

registerHooks({
  resolve(specifier, context, next) {
    const name = /^@modelops\/([^/]+)/.exec(specifier)?.[1];
    if (name === undefined) return next(specifier, context);
    // A package may import itself by name, by its own exports.
    return next(specifier, { ...context, parentURL: new URL(`${name}/package.json`, packages).href });
  },
});
