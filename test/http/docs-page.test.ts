// The reference page: it and all it needs come from our origin, under a policy that allows nothing else; a real browser
// renders it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Api, startApi } from '../rig/api.ts';
import { CHROMIUM, hasBrowser, openBrowser } from '../rig/browser.ts';

let api: Api;
let url: string;
beforeAll(async () => {
  api = await startApi();
  url = await api.server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => api.stop());

test.each(['/docs', '/docs/'])('%s and its assets, without a key, from here alone', async (path) => {
  const response = await fetch(`${url}${path}`);
  expect(response.headers.get('content-type')).toContain('text/html');
  const policy = response.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
  expect(policy).not.toMatch(/script-src[^;]*unsafe-inline/);
  const page = await response.text();
  const assets = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(
    ([, link]) => new URL(link as string, `${url}${path}`),
  );
  expect(assets.length).toBeGreaterThan(3);
  for (const asset of assets) {
    expect(asset.origin).toBe(url);
    const got = await fetch(asset);
    expect([asset.href, got.status]).toEqual([asset.href, 200]);
    expect((await got.arrayBuffer()).byteLength).toBeGreaterThan(0);
  }
  expect(page).not.toMatch(/<script>|<style>/);
});

test.skipIf(!hasBrowser)(
  `a browser shows the operations and asks nobody else (needs ${CHROMIUM})`,
  async () => {
    const browser = await openBrowser();
    try {
      const { page, asked, complaints } = await browser.watchedPage();
      await page.goto(`${url}/docs`);
      await page.locator('#operations-Callbacks-resendCallback').waitFor({ timeout: 45_000 });
      expect(await page.locator('.opblock').count()).toBeGreaterThan(20);
      await page.locator('#operations-Transcriptions-createTranscription').click();
      await page.getByText('audio_url').first().waitFor();
      // From a browser's own scheme: drawn from the page itself.
      const outside = asked.filter((link) => !link.startsWith(`${url}/`) && !link.startsWith('data:'));
      expect(outside).toEqual([]);
      expect(asked).toContain(`${url}/docs/json`);
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  },
  90_000,
);
