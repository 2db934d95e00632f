// Holds the browser for browser.py: reads one JSON call per line, answers one JSON line each.
// Arguments: the folder of playwright-core, the browser's program.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [packages, executablePath] = process.argv.slice(2);
const { chromium } = createRequire(`${packages}/`)("playwright-core");
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"],
});
const context = await browser.newContext({ viewport: { width: 1200, height: 760 } });
await context.grantPermissions(["clipboard-read", "clipboard-write"]);
const page = await context.newPage();
page.on("dialog", (dialog) => dialog.accept());

const calls = {
  goto: (address) => page.goto(address, { waitUntil: "domcontentloaded", timeout: 120_000 }),
  press: (keys) => page.keyboard.press(keys),
  type: (text) => page.keyboard.type(text),
  wait: (selector, timeout, state) => page.waitForSelector(selector, { timeout, state }),
  click: (selector, options) => page.click(selector, { timeout: 15_000, ...options }),
  hover: (selector) => page.hover(selector, { timeout: 15_000 }),
  texts: (selector) => page.locator(selector).allInnerTexts(),
  count: (selector) => page.locator(selector).count(),
  evaluate: (expression) => page.evaluate(expression),
  theme: (colorScheme) => page.emulateMedia({ colorScheme }),
  insert: (text) => page.keyboard.insertText(text),
  resize: (width, height) => page.setViewportSize({ width, height }),
  screenshot: (path, clip) => page.screenshot({ path, ...(clip ? { clip } : {}) }),
  // From the press of a key to the first row that matches, in milliseconds.
  time: async (keys, selector, timeout) => {
    const start = performance.now();
    await page.keyboard.press(keys);
    await page.waitForSelector(selector, { timeout });
    return performance.now() - start;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { call, args } = JSON.parse(line);
  let answer;
  try {
    const value = await calls[call](...args);
    const plain = ["goto", "wait", "screenshot"].includes(call) ? null : (value ?? null);
    answer = { value: plain };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
