// The page of webhooks in a real browser against the whole program: made, seen once with its secret, tested, paused, deleted.
import axe from 'axe-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyCallback } from '../../src/client/verify.ts';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { CHROMIUM, hasBrowser, openBrowser } from '../rig/browser.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

describe.skipIf(!hasBrowser)(`webhooks (needs ${CHROMIUM})`, { timeout: 180_000 }, () => {
  let app: App;
  let receiver: Receiver;
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  beforeAll(async () => {
    app = await startApp({ RINGBACK_ROLE: 'api,deliver' });
    receiver = await startReceiver();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await receiver?.close();
    await app?.stop();
  });

  async function open(options = {}) {
    const watched = await browser.watchedPage(options);
    await watched.page.addInitScript(`sessionStorage.setItem('ringback.key', '${API_KEY}')`);
    await watched.page.goto(`${app.url}/#/webhooks`);
    await watched.page.getByText('live', { exact: true }).waitFor();
    return watched;
  }

  test('one is made with what it hears of, its secret is shown once and verifies what is sent, and it goes again', async () => {
    const { page, complaints } = await open();
    await page.getByLabel('Call this URL').fill(`${receiver.url}/hooks?token=t0ken-in-query`);
    await page.getByLabel('transcription.created').check();
    await page.getByLabel('only where metadata contains').fill('{"customer": ');
    await page.getByRole('button', { name: 'Create' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('must be a JSON object');
    await page.getByLabel('only where metadata contains').fill('{"customer": "acme"}');
    await page.getByRole('button', { name: 'Create' }).click();
    const secret = await page.locator('.once code').textContent();
    expect(secret).toMatch(/^whsec_/);

    await page.getByRole('button', { name: 'Send a test' }).click();
    const [request] = await receiver.next();
    const { body, headers, path } = request as NonNullable<typeof request>;
    expect(path).toBe('/hooks?token=t0ken-in-query');
    expect(verifyCallback(headers, body, secret ?? '')).toMatchObject({ ok: true });
    await page.getByRole('link', { name: 'on its way' }).waitFor();
    expect(await page.content()).not.toContain('t0ken-in-query');

    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    const [paused] = (await app.call('GET', '/api/webhooks')).json.items;
    expect(paused).toMatchObject({
      enabled: false,
      metadata: { customer: 'acme' },
      events: ['transcription.created', 'transcription.success', 'transcription.error'],
    });
    await page.reload();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    expect(await page.content()).not.toContain(secret);

    await page.getByRole('link', { name: 'show them' }).click();
    await page.getByText('one webhook').click();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('heading', { name: 'No webhooks yet' }).waitFor();
    expect((await app.call('GET', '/api/webhooks')).json.items).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test.each([
    ['a phone', { viewport: { width: 360, height: 740 } }],
    ['a desk, dark', { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' as const }],
  ])('on %s it is accessible, and no wider than the window', async (_name, options) => {
    await app.call('POST', '/api/webhooks', {
      url: `https://a-receiver-with-a-long-name.example.org/${'path/'.repeat(20)}`,
      events: ['transcription.success', 'endpoint.disabled'],
      description: 'For the warehouse',
      payload: 'full',
      headers: { 'x-token': 'x' },
      metadata: { customer: { name: 'acme', tiers: ['gold', 'silver'] } },
    });
    const { page } = await open(options);
    await page.getByRole('button', { name: 'Send a test' }).first().waitFor();
    await page.addScriptTag({ content: axe.source }).catch(() => page.evaluate(axe.source));
    const { violations } = (await page.evaluate('axe.run()')) as {
      violations: { id: string; nodes: unknown[] }[];
    };
    expect(violations.map(({ id, nodes }) => [id, JSON.stringify(nodes).slice(0, 400)])).toEqual([]);
    const wide = await page.evaluate(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    expect(wide).toBe(0);
    if (process.env.RINGBACK_SHOTS)
      await page.screenshot({
        path: `${process.env.RINGBACK_SHOTS}/${_name.replaceAll(' ', '-')}.png`,
        fullPage: true,
      });
    await page.close();
  });
});
