// What an operator looks for in the dashboard, in a real browser against the whole program: the overview, the search
// box, a callback's request and its signature, what its last answer meant, filters in the address, focus and titles.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyCallback } from '../../src/client/verify.ts';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { CHROMIUM, hasBrowser, openBrowser } from '../rig/browser.ts';
import { eventually } from '../rig/eventually.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

describe.skipIf(!hasBrowser)(`looking (needs ${CHROMIUM})`, { timeout: 180_000 }, () => {
  let app: App;
  let receiver: Receiver;
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  beforeAll(async () => {
    app = await startApp({ RINGBACK_MODEL: 'moonshine-tiny', RINGBACK_RETRY_SCHEDULE: '0s,1h' });
    receiver = await startReceiver();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await receiver?.close();
    await app?.stop();
  });

  /** Signed in, at an address. */
  async function open(hash: string) {
    const watched = await browser.watchedPage();
    const { page } = watched;
    await page.addInitScript(`sessionStorage.setItem('ringback.key', '${API_KEY}')`);
    await page.goto(`${app.url}/#/${hash}`);
    await page.getByText('live', { exact: true }).waitFor();
    return watched;
  }
  /** A callback that was answered so, once it was; its audio is not there, so it tells of an error. */
  async function answered(
    path: string,
    answer: { status: number; headers?: Record<string, string> },
    more: object = {},
  ) {
    receiver.setResponse((request) => (request.path.endsWith('.wav') ? { status: 404 } : answer));
    const { json } = await app.call('POST', '/v2/pre-recorded', {
      audio_url: `${receiver.url}/none.wav`,
      callback: true,
      callback_config: { url: `${receiver.url}${path}` },
      ...more,
    });
    await app.ended(json.id);
    const found = await eventually(
      () => app.call('GET', `/v2/pre-recorded/${json.id}/callbacks`),
      (answer) => answer.json.items[0]?.attempts[0]?.duration_ms != null,
    );
    return { job: json.id as string, callback: found.json.items[0].id as string };
  }
  const note = async (page: Page) => (await page.getByRole('note').textContent()) ?? '';

  test('500, 302 and 401 say what each means, and what comes next', async () => {
    const moved = { status: 302, headers: { location: 'https://new.example.org/hooks' } };
    const cases = [
      [await answered('/broken', { status: 500 }), /failed inside \(500\).*Attempt 2 is due in \d+ min/],
      [await answered('/moved', moved), /redirects \(302\) to https:\/\/new\.example\.org\/hooks/],
      [await answered('/closed', { status: 401 }), /not signed in \(401\): check the secret/],
    ] as const;
    for (const [{ callback }, says] of cases) {
      const { page, complaints } = await open(`callbacks/${callback}`);
      await page.getByRole('note').waitFor();
      expect(await note(page)).toMatch(says);
      expect(complaints).toEqual([]);
      await page.close();
    }
  });

  test('the body is shown byte for byte, folds, and a signature is checked in the browser', async () => {
    const { callback } = await answered('/signed', { status: 200 }, { custom_metadata: { order: 'A-17' } });
    const sent = receiver.requests.findLast(({ path }) => path === '/signed');
    if (!sent) throw new Error('nothing was sent');
    expect(verifyCallback(sent.headers, sent.body, app.signingSecret)).toMatchObject({ ok: true });
    const { page, complaints } = await open(`callbacks/${callback}`);
    await page.getByText('"A-17"').waitFor();
    await page.getByText('custom_metadata: {').click();
    await page.getByText('"A-17"').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Raw' }).click();
    expect(await page.locator('.body pre').textContent()).toBe(sent.body.toString());
    const saving = page.waitForEvent('download');
    await page.getByRole('button', { name: 'download' }).click();
    const chunks: Buffer[] = [];
    for await (const chunk of await (await saving).createReadStream()) chunks.push(chunk);
    expect(Buffer.concat(chunks)).toEqual(sent.body);

    await page.getByText('Check a signature').click();
    expect(await page.getByLabel('webhook-timestamp').inputValue()).toBe(sent.headers['webhook-timestamp']);
    const signature = page.getByLabel('webhook-signature');
    await signature.fill(sent.headers['webhook-signature'] ?? '');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('Genuine').waitFor();
    await signature.fill('v1,AAAA');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('Not genuine').waitFor();
    expect(await page.getByText(sent.headers['webhook-signature'] ?? '').count()).toBe(1);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('it is sent again elsewhere', async () => {
    const { callback } = await answered('/from', { status: 500 });
    receiver.setResponse({});
    const { page } = await open(`callbacks/${callback}`);
    await page.getByRole('button', { name: 'Send elsewhere' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('URL').fill(`${receiver.url}/to`);
    await dialog.getByRole('button', { name: 'Send there' }).click();
    await page.getByText('They have it.').waitFor();
    expect(receiver.requests.some(({ path }) => path === '/to')).toBe(true);
    await page.close();
  });

  test('`/` leads to the search box: an order, a status, the beginning of an id; Enter opens the first', async () => {
    const { job, callback } = await answered(
      '/found',
      { status: 503 },
      { custom_metadata: { order: 'B-42' } },
    );
    const { page, complaints } = await open('callbacks');
    await page.keyboard.press('/');
    const box = page.getByRole('combobox', { name: 'Search' });
    for (const [text, name] of [
      ['order=B-42', 'none.wav'],
      ['503', '/found'],
      [callback.slice(0, 8), '/found'],
    ]) {
      await box.fill(text as string);
      await page
        .getByRole('option')
        .filter({ hasText: name as string })
        .first()
        .waitFor();
    }
    await box.fill('order=B-42');
    await page.getByRole('option').filter({ hasText: 'by metadata' }).waitFor();
    await box.press('Enter');
    await page.getByRole('heading', { name: 'Transcription', exact: true }).waitFor();
    expect(page.url()).toContain(job);
    await page.keyboard.press('/');
    await box.fill('<img src=x onerror=alert(1)>');
    await page.getByText('Nothing is called “<img').waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('the overview counts what ended and what waits, and tries an endpoint that rests', async () => {
    await answered('/good', { status: 200 });
    const { callback } = await answered('/gone', { status: 410 });
    const { page, complaints } = await open('');
    const stats = (await app.call('GET', '/api/stats')).json;
    expect(stats.total.callbacks.failed).toBeGreaterThan(0);
    await page.getByText('failed for good').waitFor();
    await page.getByRole('link', { name: `${stats.total.callbacks.failed} failed for good` }).click();
    await page.getByRole('link', { name: callback.slice(0, 8) }).waitFor();
    expect(page.url()).toContain('state=failed');
    await page.goBack();
    await page.getByRole('img', { name: /^Callbacks that ended: \d+ delivered/ }).waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('what was found lies over everything else on the page', async () => {
    await answered('/over', { status: 200 });
    const { page } = await open('overview');
    await page.locator('canvas').first().waitFor();
    await page.keyboard.press('/');
    await page.getByRole('combobox', { name: 'Search' }).fill('none.wav');
    await page.getByRole('option').nth(1).waitFor();
    for (const hit of await page.getByRole('option').all()) {
      const isOnTop = await hit.evaluate((element) => {
        const { left, top, width, height } = element.getBoundingClientRect();
        const view = element.ownerDocument;
        return element.contains(view.elementFromPoint(left + width / 2, top + height / 2));
      });
      expect(isOnTop).toBe(true);
    }
    await page.close();
  });

  test('filters, size and page of a list are in its address, and a link shows another the same', async () => {
    const { page } = await open('callbacks?state=failed&made=1h&rows=25');
    await page.locator('tbody tr.leads').first().waitFor();
    expect(await page.getByLabel('Made').inputValue()).toBe('1h');
    expect(await page.getByLabel('Rows').inputValue()).toBe('25');
    await page.getByRole('navigation', { name: 'State' }).getByRole('link', { name: 'all' }).click();
    await page.waitForURL(/callbacks\?made=1h&rows=25/);
    await page.close();
  });

  test('a page is named in the title, and takes the focus when one comes to it', async () => {
    const { callback } = await answered('/named', { status: 200 });
    const { page } = await open('callbacks');
    await page.getByRole('link', { name: callback.slice(0, 8) }).click();
    await page.getByRole('heading', { name: 'Callback', exact: true }).waitFor();
    await page.waitForFunction('document.activeElement?.tagName === "H1"');
    expect(await page.title()).toBe(`Callback ${callback.slice(0, 8)} – Ringback`);
    await page.close();
  });
});
