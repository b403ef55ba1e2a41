import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import axe from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cutTexts, browserPath as executablePath } from "../../test-support/browser.ts";
import type { ComparisonReport } from "../evaluation/comparison-report.ts";
import { sampleReport } from "./__fixtures__/comparison-report-sample.ts";
import { comparisonHtml } from "./comparison-html.ts";

/** As long as the library's own, and as long as a host's may be. */
const LONG_NAMES: Readonly<Record<string, string>> = {
  accuracy: "mcp_integration_quality",
  valid_json: "a_metric_whose_name_a_host_has_made_up_of_more_words_than_needed",
};

/** How far the page can be scrolled sideways. */
const OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth";

const CUT_TEXTS = cutTexts("svg.chart");

/** Texts of one row of a chart that lie over each other. */
const CROSSING_TEXTS = `[...document.querySelectorAll("svg.chart .row")].flatMap((row) => {
        const texts = [...row.querySelectorAll("text")].map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
        return texts.flatMap((one, index) => texts.slice(index + 1)
          .filter((other) => one.box.right > other.box.left && other.box.right > one.box.left && one.box.bottom - 4 > other.box.top && other.box.bottom - 4 > one.box.top)
          .map((other) => one.text + " / " + other.text));
      })`;

describe.skipIf(executablePath === undefined)(
  `report.html in a browser${executablePath ? "" : " (skipped: no Chromium found; set CHROMIUM_PATH)"}`,
  () => {
    let browser: Browser;
    let folder: string;
    let url: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "modelops-report-"));
      const path = join(folder, "report.html");
      await writeFile(path, comparisonHtml(await sampleReport()));
      url = pathToFileURL(path).href;
      browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    });

    afterAll(async () => {
      await browser?.close();
      if (folder) await rm(folder, { recursive: true, force: true });
    });

    test.each(["light", "dark"] as const)(
      "is accessible, silent and alone with its file (%s)",
      async (colorScheme) => {
        const context = await browser.newContext({
          colorScheme,
          offline: true,
          bypassCSP: true,
          viewport: { width: 1280, height: 900 },
        });
        const page = await context.newPage();
        const requests: string[] = [];
        const complaints: string[] = [];
        page.on("request", (request) => requests.push(request.url()));
        page.on("console", (message) => complaints.push(message.text()));
        page.on("pageerror", (error) => complaints.push(String(error)));
        page.on("dialog", (dialog) => complaints.push(`dialog: ${dialog.message()}`));
        await page.goto(url);
        expect(requests).toEqual([url]);

        // Scripts of the page are off by its own policy; axe is brought in from outside.
        await page.addScriptTag({ content: axe.source });
        const violations = await page.evaluate(async () => {
          const injected = (
            globalThis as unknown as {
              axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
            }
          ).axe;
          return (await injected.run()).violations.map(
            ({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 120)}`,
          );
        });
        expect(violations).toEqual([]);
        expect(complaints).toEqual([]);

        await expectReadableCharts(page, 3);
        if (process.env.REPORT_SCREENSHOTS) {
          await page.screenshot({
            path: join(process.env.REPORT_SCREENSHOTS, `${colorScheme}.png`),
            fullPage: true,
          });
        }
        await context.close();
      },
    );

    /** Each chart is there once, for this width, with all of its texts, and a table follows it. */
    async function expectReadableCharts(page: Page, count: number): Promise<void> {
      const charts = await page.locator("svg.chart:visible").all();
      expect(charts).toHaveLength(count);
      for (const chart of charts) {
        const box = await chart.boundingBox();
        expect(box?.width).toBeGreaterThan(300);
        expect(box?.height).toBeGreaterThan(60);
      }
      expect(await page.evaluate(CUT_TEXTS)).toEqual([]);
      expect(await page.evaluate(CROSSING_TEXTS)).toEqual([]);
      const followed = page.locator("svg.chart.phone + .wide table");
      expect(await followed.count()).toBe(count);
    }

    test("nothing is cut off when gains are in points and names are long", async () => {
      const report = await sampleReport();
      const long: ComparisonReport = {
        ...report,
        improvementUnit: "points",
        improvementPct: 96.4,
        interval: { lowPct: 95.3, highPct: 97.6, confidence: 0.9, method: "delta" },
        metrics: report.metrics.map((metric) => ({
          ...metric,
          name: LONG_NAMES[metric.name] ?? metric.name,
          unit: "points",
          changePct: -96.4,
          interval: { lowPct: -97.6, highPct: -95.3 },
        })),
      };
      for (const width of [1280, 390]) {
        const page = await browser.newPage({ viewport: { width, height: 900 } });
        await page.setContent(comparisonHtml(long));
        await expectReadableCharts(page, 3);
        expect(await page.evaluate(OVERFLOW)).toBe(0);
        await page.close();
      }
    });

    test("shows a hostile answer as text and runs none of it", async () => {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on("dialog", (dialog) => complaints.push(dialog.message()));
      await page.goto(url);
      expect(await page.locator("script, img, iframe, link").count()).toBe(0);
      expect(
        await page.locator("pre", { hasText: "</pre><script>alert(1)</script>" }).count(),
      ).toBeGreaterThan(0);
      expect(complaints).toEqual([]);
      await page.close();
    });

    test("fits a narrow screen and a printed page", async () => {
      const page = await browser.newPage({ viewport: { width: 360, height: 800 } });
      await page.goto(url);
      expect(await page.evaluate(OVERFLOW)).toBe(0);
      await expectReadableCharts(page, 3);
      expect((await page.pdf({ format: "A4" })).length).toBeGreaterThan(10_000);
      await page.close();
    });
  },
);
