// A Chromium that does what it is told, a line of JSON at a time: {code, args} on standard input, {result} or
// {error} on standard output. The code is the body of an async function of `page`, `context` and `args`.
// Arguments: the browser's executable, the hosts that may be reached (between commas), options of the context.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [executablePath, reached, options] = process.argv.slice(2);
const hosts = reached.split(',');
const outside = [];
const faults = [];

const OPTIONS = {
  executablePath,
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
  ],
};

/** A browser; on a busy machine one may not come up in time, so it is tried again. */
async function launched(tries = 3) {
  try {
    return await chromium.launch(OPTIONS);
  } catch (error) {
    if (tries === 1) throw error;
    return launched(tries - 1);
  }
}

const browser = await launched();
const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, timezoneId: 'Europe/Berlin', ...JSON.parse(options) });
await context.grantPermissions(['clipboard-read', 'clipboard-write']);
await context.route('**/*', (route) => {
  const url = new URL(route.request().url());
  if (hosts.includes(url.host) || ['data:', 'blob:'].includes(url.protocol)) return route.continue();
  outside.push(url.href);
  return route.abort();
});
// Not all violations reach the console, but all of them are told here.
await context.addInitScript(() => {
  document.addEventListener('securitypolicyviolation', (event) => {
    console.error(`${event.violatedDirective} refused ${event.blockedURI}`);
  });
});
const page = await context.newPage();
page.setDefaultTimeout(20_000);
page.on('websocket', (socket) => {
  if (!hosts.includes(new URL(socket.url()).host)) outside.push(socket.url());
});
page.on('pageerror', (error) => faults.push(String(error.stack ?? error)));
page.on('console', (message) => {
  if (message.type() === 'error') faults.push(message.text());
});

/** What axe-core finds wrong: rules with the elements that break them. */
async function axe() {
  const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate((source) => {
    // The page's policy lets no script in but its own: the checker comes past it, through the debugger.
    if (!window.axe) (0, eval)(source);
  }, source).catch(async () => {
    const session = await context.newCDPSession(page);
    await session.send('Runtime.evaluate', { expression: source });
  });
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 200)).join(' | ')}`);
}

const AsyncFunction = (async () => {}).constructor;
for await (const line of createInterface({ input: process.stdin })) {
  const { code, args } = JSON.parse(line);
  try {
    const run = new AsyncFunction('page', 'context', 'args', 'axe', 'outside', 'faults', code);
    const result = await run(page, context, args, axe, outside, faults);
    console.log(JSON.stringify({ result: result ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.stack ?? error), faults }));
  }
}
await browser.close();
