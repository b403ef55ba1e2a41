/** The version of this package, as audit rows and user agents name it. A test compares it with package.json. */
export const CORE_VERSION = "0.0.0";
