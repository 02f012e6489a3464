// Uses GraphiQL as a visitor would; prints what was seen, and everything that went wrong meanwhile.
// Arguments: the address of the endpoint, the browser's executable.
import { chromium } from 'playwright-core';

const [address, executablePath] = process.argv.slice(2);
const { host } = new URL(address);
const outside = [];
const faults = [];

const browser = await chromium.launch({
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
});

try {
  const context = await browser.newContext();
  await context.route('**/*', (route) => {
    const url = new URL(route.request().url());
    if (url.host === host || url.protocol === 'data:') return route.continue();
    outside.push(url.href);
    return route.abort();
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).host !== host) outside.push(socket.url());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  // Not all violations reach the console, but all of them are told here.
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`${event.violatedDirective} refused ${event.blockedURI}`);
    });
  });

  const answer = await page.goto(address);
  const policy = answer.headers()['content-security-policy'];

  // The schema has come when its root types are listed.
  await page.getByLabel('Show Documentation Explorer').click();
  await page.locator('.graphiql-doc-explorer-content').getByText('Query', { exact: true }).first().click();
  const docs = page.locator('.graphiql-doc-explorer-content');
  await docs.getByText('ExecutionConnection').first().waitFor();
  await docs.locator('a', { hasText: /^Health$/ }).first().click();
  const description = await docs.locator('.graphiql-markdown-description').first().innerText();

  await page.getByRole('button', { name: 'Headers', exact: true }).click();
  await page.locator('.graphiql-editor-tool .monaco-editor:visible').click();
  await page.keyboard.insertText('{"x-token": "a secret"}');
  const editor = page.locator('.graphiql-query-editor .monaco-editor').first();
  const first = await editor.innerText();
  await editor.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText('query Seen { health { version } __typename }');
  // The editor is read with a delay, until which the old operation's name would be sent.
  await page.getByRole('tab', { name: 'Seen' }).waitFor();
  const sent = page.waitForRequest((request) => request.postData()?.includes('Seen'));
  await page.getByRole('button', { name: /Execute query/ }).click();
  const token = (await sent).headers()['x-token'];
  const response = page.locator('.result-window');
  await response.getByText('version').first().waitFor();
  const result = await response.locator('.view-lines').innerText();

  await page.getByLabel('Show GraphiQL Explorer').click();
  const explorer = page.locator('.graphiql-explorer-root');
  await explorer.getByText('workflows').first().waitFor();
  const fields = await explorer.innerText();

  const kept = await page.evaluate(() => JSON.stringify(localStorage));
  console.log(JSON.stringify({ policy, description, first, token, result, fields, kept, outside, faults }));
} finally {
  await browser.close();
}
