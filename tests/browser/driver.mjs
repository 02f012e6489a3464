// A Chromium that does what it is told, a line of JSON at a time, in pages that know nothing of each other: each
// has a context of its own. On standard input come
//   {open, hosts, options}  a page by that number, which reaches these hosts only; options of its context
//   {page, code, args}      code, the body of an async function of `page`, `context` and `args`, run on a page
//   {close}                 the end of a page
// and on standard output goes, for each, {result} or {error, faults}. The argument is the browser's executable.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const OPTIONS = {
  executablePath: process.argv[2],
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
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A browser; on a busy machine one may not come up in time, so it is tried again. */
async function launched(tries = 3) {
  try {
    return await chromium.launch(OPTIONS);
  } catch (error) {
    if (tries === 1) throw error;
    return launched(tries - 1);
  }
}

/** A page in a context of its own, with what went wrong on it and what it asked of other hosts. */
async function opened(browser, hosts, options) {
  const outside = [];
  const faults = [];
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, timezoneId: 'Europe/Berlin', ...options });
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
  return { page, context, outside, faults };
}

/** What axe-core finds wrong on a page: rules with the elements that break them. */
async function axe(page, context) {
  await page.evaluate((source) => {
    // The page's policy lets no script in but its own: the checker comes past it, through the debugger.
    if (!window.axe) (0, eval)(source);
  }, AXE).catch(async () => {
    const session = await context.newCDPSession(page);
    await session.send('Runtime.evaluate', { expression: AXE });
  });
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 200)).join(' | ')}`);
}

const AsyncFunction = (async () => {}).constructor;

async function told(browser, pages, command) {
  if ('open' in command) {
    pages.set(command.open, await opened(browser, command.hosts, command.options));
    return undefined;
  }
  if ('close' in command) {
    const { context } = pages.get(command.close);
    pages.delete(command.close);
    return context.close();
  }
  const { page, context, outside, faults } = pages.get(command.page);
  const run = new AsyncFunction('page', 'context', 'args', 'axe', 'outside', 'faults', command.code);
  return run(page, context, command.args, () => axe(page, context), outside, faults);
}

const browser = await launched();
const pages = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    const result = await told(browser, pages, command);
    console.log(JSON.stringify({ result: result ?? null }));
  } catch (error) {
    const faults = pages.get(command.page)?.faults ?? [];
    console.log(JSON.stringify({ error: String(error.stack ?? error), faults }));
  }
}
await browser.close();
