import { existsSync } from "node:fs";

const BROWSERS = [
  process.env.CHROMIUM_PATH,
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** Chromium, where there is one. */
export const browserPath = BROWSERS.find((path) => path !== undefined && existsSync(path));

/** A script for the page: texts of pictures that reach beyond their picture. */
export function cutTexts(pictures: string): string {
  return `[...document.querySelectorAll(${JSON.stringify(pictures)})].flatMap((picture) => {
        const outer = picture.getBoundingClientRect();
        return [...picture.querySelectorAll("text")].filter((text) => {
          const box = text.getBoundingClientRect();
          return box.left < outer.left || box.right > outer.right || box.top < outer.top || box.bottom > outer.bottom;
        }).map((text) => text.textContent);
      })`;
}
