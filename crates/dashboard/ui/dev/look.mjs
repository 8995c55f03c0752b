// Walks through the page in Chromium and saves pictures: `node dev/look.mjs http://127.0.0.1:5190/monitor shots`.
// Fails when the page logs an error, breaks its content policy, calls another origin, or axe finds something serious.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const [address = 'http://127.0.0.1:5190/monitor', folder = 'shots'] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
mkdirSync(folder, { recursive: true });
const faults = [];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
  ],
});

const looks = [
  { name: 'light-en', colorScheme: 'light', locale: 'en-US', viewport: { width: 1440, height: 860 } },
  { name: 'dark-zh', colorScheme: 'dark', locale: 'zh-CN', viewport: { width: 1440, height: 860 } },
  { name: 'narrow', colorScheme: 'light', locale: 'en-US', viewport: { width: 400, height: 800 } },
];
for (const { name, ...options } of looks) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const fault = (what) => faults.push(`${name}: ${what}`);
  page.on('console', (message) => message.type() === 'error' && fault(message.text()));
  page.on('pageerror', (error) => fault(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(address).origin) && !request.url().startsWith('data:'))
      fault(request.url());
  });
  const picture = (part) => page.screenshot({ path: `${folder}/${name}-${part}.png` });
  // axe is put in by the debugger, past the policy that the page itself lives under.
  const check = async (part) => {
    await page.evaluate(axe);
    const found = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
    for (const { id, impact, nodes } of found.violations) {
      const where = nodes
        .slice(0, 3)
        .map((node) => node.target.join(' '))
        .join(' | ');
      if (impact === 'serious' || impact === 'critical') fault(`axe ${part} ${id}: ${where}`);
    }
  };

  await page.goto(address);
  await page.waitForSelector('[role="row"][aria-selected]');
  await picture('list');
  await check('list');
  await page.keyboard.press('j');
  await page.keyboard.press('e');
  await page.keyboard.press('Enter');
  await page.waitForURL(/requests\/.+/);
  for (const tab of ['1', '2', '3', '4', '5']) {
    await page.keyboard.press(tab);
    await page.waitForTimeout(500);
    await picture(`detail-${tab}`);
    await check(`detail-${tab}`);
  }
  await page.keyboard.press('Escape');
  await page.waitForURL((url) => !url.pathname.includes('/requests/'));
  await page.keyboard.press('?');
  await page.waitForSelector('dialog[open]');
  await picture('help');
  await check('help');
  await page.keyboard.press('Escape');
  await page.goto(`${address}?model=no-such-model`);
  await page.waitForTimeout(400);
  await picture('no-match');
  await check('no-match');
  await context.close();
}
await browser.close();
for (const line of faults) console.error(line);
console.log(faults.length === 0 ? 'nothing found' : `${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
