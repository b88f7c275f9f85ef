// The pictures of docs/dashboard.md: pages of a server with 600 jobs and ten kinds of receivers, in Debian's Chromium.
// `node scripts/screenshots.ts` starts one; `--url … --key …` takes one that runs (scripts/showcase.ts), `--out` another
// folder, `--only inbox,new` those pages, `--all` every page, wide and of a phone, light and dark.
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Browser, chromium } from 'playwright-core';
import { createClient } from '../src/client/client.ts';
import { pagesOf } from './showcase/pages.ts';
import { startShowcase } from './showcase/server.ts';

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    key: { type: 'string' },
    out: { type: 'string', default: fileURLToPath(new URL('../docs/images', import.meta.url)) },
    all: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});

type Look = { name: string; width: number; height: number; scheme: 'light' | 'dark' };
const LOOKS: readonly Look[] = [
  { name: '', width: 1360, height: 850, scheme: 'light' },
  { name: '-dark', width: 1360, height: 850, scheme: 'dark' },
  { name: '-phone', width: 360, height: 740, scheme: 'light' },
  { name: '-phone-dark', width: 360, height: 740, scheme: 'dark' },
];
/** After the page is there: charts are drawn, and what is live has come. */
const REST_MS = 700;

type Shot = { url: string; key: string; hash: string; file: string; look: Look };

async function take(browser: Browser, { url, key, hash, file, look }: Shot): Promise<void> {
  const context = await browser.newContext({
    colorScheme: look.scheme,
    viewport: { width: look.width, height: look.height },
    deviceScaleFactor: look.width < 500 ? 2 : 1,
  });
  const page = await context.newPage();
  await page.addInitScript(`sessionStorage.setItem('ringback.key', ${JSON.stringify(key)})`);
  await page.goto(`${url}/#/${hash}`);
  await page.locator('main h1').waitFor();
  await page.locator('.skeleton').first().waitFor({ state: 'detached' });
  await page.waitForTimeout(REST_MS);
  await page.screenshot({ path: file });
  await context.close();
}

const showcase =
  values.url === undefined || values.key === undefined
    ? await startShowcase({ jobs: 600, endpoints: 1_000 })
    : { url: values.url, key: values.key, stop: async () => {} };
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars'],
});
try {
  await mkdir(values.out, { recursive: true });
  const { url, key } = showcase;
  const pages = await pagesOf(createClient({ url, key }));
  const only = values.only?.split(',');
  for (const { name, hash, documented } of pages.filter(({ name }) => only?.includes(name) ?? true))
    for (const look of LOOKS)
      if (values.all || documented.includes(look.name)) {
        await take(browser, { url, key, hash, look, file: `${values.out}/${name}${look.name}.png` });
        process.stdout.write(`${name}${look.name}.png\n`);
      }
} finally {
  await browser.close();
  await showcase.stop();
}
