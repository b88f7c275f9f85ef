// The dashboard in a real browser against the whole program: the main job from sign-in to "did they get it", live; what
// an operator does; hostile content; accessibility. And how the server hands it out.
import { mkdtemp, rm } from 'node:fs/promises';
import { request as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, startApi } from '../rig/api.ts';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { audit } from '../rig/audit.ts';
import { CHROMIUM, hasBrowser, openBrowser, type WatchedPage } from '../rig/browser.ts';
import { eventually } from '../rig/eventually.ts';
import { startProxy } from '../rig/proxy.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const CLIP = new URL('../fixtures/speech/all-circuits-busy-now.wav', import.meta.url).pathname;
const WORDS = /circuits are busy/i;

describe('handed out', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.stop());

  test('the page and all it needs, without a key, under a policy that runs files of ours alone', async () => {
    const page = await api.server.inject('/');
    expect([page.statusCode, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers['cache-control']).toBe('no-cache');
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*|data:/);
    expect(page.body).not.toMatch(/<script(?![^>]* src=)|<style| on\w+=/);
    const assets = [...page.body.matchAll(/(?:src|href)="\.(\/assets\/[^"]+)"/g)].map(([, path]) => path);
    expect(assets).toHaveLength(3);
    for (const asset of assets) {
      const got = await api.server.inject(asset as string);
      expect([asset, got.statusCode]).toEqual([asset, 200]);
      expect(got.headers['cache-control']).toContain('immutable');
      expect(got.headers['x-content-type-options']).toBe('nosniff');
    }
  });

  test.each(['/assets/none.js', '/assets/', '/assets/..%2f..%2fpackage.json', '/assets/%2e%2e/index.html'])(
    '%s is nothing, and never a file from elsewhere',
    async (path) => {
      const { status, json } = await api.call({ url: path });
      expect([status, json.error.reason]).toEqual([404, 'route_unknown']);
    },
  );
});

test('where it was not built, / says how to build it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-unbuilt-'));
  const api = await startApi({ dashboardFolder: folder });
  try {
    const { status, json } = await api.call({ url: '/' });
    expect(status).toBe(404);
    expect(json.message).toContain('npm run build');
  } finally {
    await api.stop();
    await rm(folder, { recursive: true });
  }
});

describe.skipIf(!hasBrowser)(`in a browser (needs ${CHROMIUM})`, { timeout: 180_000 }, () => {
  let app: App;
  let receiver: Receiver;
  /** Has no audio: 404 ends a job at once. A receiver's 500 would be asked again and again. */
  let host: Receiver;
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  beforeAll(async () => {
    app = await startApp({
      RINGBACK_MODEL: 'moonshine-tiny',
      RINGBACK_WORKERS: '1',
      RINGBACK_RETRY_SCHEDULE: '0s,1s,1s,1h',
    });
    receiver = await startReceiver();
    host = await startReceiver({ respond: { status: 404 } });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await receiver?.close();
    await host?.close();
    await app?.stop();
  });

  async function signedIn({ url = app.url, key = API_KEY, options = {} } = {}): Promise<WatchedPage> {
    const watched = await browser.watchedPage(options);
    await watched.page.goto(url);
    await watched.page.getByLabel('API key').fill(key);
    await watched.page.getByRole('button', { name: 'Sign in' }).click();
    await watched.page.getByText('live', { exact: true }).waitFor();
    return watched;
  }
  const place = (page: Page, name: string) => page.getByRole('link', { name, exact: true }).click();
  const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true }).waitFor();
  /** For callbacks; audio is never there, and not tried again. */
  const answers = (answer: { status: number; body?: string }) =>
    receiver.setResponse(({ path }) =>
      path.includes('.wav') || path.includes('%3C') ? { status: 404 } : answer,
    );
  /** A job whose callback is made, and that callback's id. */
  async function calledBack(path: string, more: object = {}): Promise<{ job: string; callback: string }> {
    const { json } = await app.call('POST', '/v2/pre-recorded', {
      audio_url: `${host.url}/none.wav`,
      callback: true,
      callback_config: { url: `${receiver.url}${path}` },
      ...more,
    });
    await app.ended(json.id);
    const callbacks = await app.call('GET', `/v2/pre-recorded/${json.id}/callbacks`);
    return { job: json.id, callback: callbacks.json.items[0].id };
  }
  const stateOf = async (callback: string) =>
    (await app.call('GET', `/api/callbacks/${callback}`)).json.state as string;

  test('sign in, submit a clip, watch it, hear it, see that they got it, send it again', async () => {
    let calls = 0;
    receiver.setResponse(() => {
      calls += 1;
      return calls <= 2 ? { status: 503, body: 'not yet' } : { body: 'thank you' };
    });
    const { page, asked, complaints } = await browser.watchedPage();
    await page.goto(app.url);
    await page.getByLabel('API key').fill('rb_wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    expect(await page.getByRole('alert').textContent()).toMatch(/key/i);
    // The browser's own words about that 401.
    expect(complaints.splice(0)).toHaveLength(1);
    await page.getByLabel('API key').fill(API_KEY);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('live', { exact: true }).waitFor();

    await place(page, 'Transcriptions');
    await page.getByRole('link', { name: 'New transcription' }).first().click();
    await page.getByLabel('Choose files').setInputFiles(CLIP);
    await page.getByLabel('Call this URL').fill(`${receiver.url}/hooks?token=hidden`);
    await page.getByLabel('SRT').check();
    await page.getByText('More options').click();
    await page.getByLabel('Anything else').fill('{ "custom_metadata": ');
    await page.getByRole('button', { name: 'Transcribe' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('must be JSON');
    await page
      .getByLabel('Anything else')
      .fill('{ "custom_metadata": { "order": "A-17", "n": 9007199254740993 } }');
    await page.getByRole('button', { name: 'Transcribe' }).click();

    // From here on nothing is clicked: what happens is seen to happen.
    await page.getByText(WORDS).waitFor();
    await page.getByLabel('Attempt 3').getByText('HTTP 200').waitFor();
    await page.getByLabel('Attempt 1').getByText('HTTP 503').waitFor();
    expect(await page.getByLabel('Did they get it?').innerHTML()).not.toContain('token=hidden');
    expect(await page.getByText('A-17').count()).toBeGreaterThan(0);
    // In the metadata, and in the request.
    expect(await page.getByText('9007199254740993').count()).toBe(2);

    await page.getByRole('button', { name: 'Listen' }).click();
    await page.locator('mark.playing').waitFor();
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'SRT' }).click();
    const chunks: Buffer[] = [];
    for await (const chunk of await (await saved).createReadStream()) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toMatch(/^1\n00:00:0.*-->.*\n/);

    await page.getByRole('link', { name: 'open' }).click();
    await heading(page, 'Callback');
    await page.getByRole('button', { name: 'Send again' }).click();
    await page.getByLabel('Attempt 4').getByText('HTTP 200').waitFor();
    await page.getByLabel('Attempt 4').getByText('Answer').click();
    await page.getByLabel('Attempt 4').getByText('thank you').waitFor();

    // Signed in for this tab: a reload stays, and signing out forgets.
    await page.reload();
    await heading(page, 'Callback');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('API key').waitFor();
    await page.reload();
    await page.getByLabel('API key').waitFor();
    expect(complaints).toEqual([]);
    expect(
      asked.filter((url) => !url.startsWith(`${app.url}/`) && !url.startsWith(`blob:${app.url}/`)),
    ).toEqual([]);
    await page.close();
  });

  test('an endpoint is disabled and enabled; what waits meanwhile says why, and is sent', async () => {
    receiver.setResponse({});
    const first = await calledBack('/switch');
    const { page, complaints } = await signedIn();
    await place(page, 'Endpoints');
    await page.getByRole('link', { name: `${receiver.url}/switch` }).click();
    await page.getByRole('button', { name: 'Disable' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.textContent()).toContain('not lost');
    await dialog.getByRole('button', { name: 'Leave it' }).click();
    expect(await stateOf(first.callback)).toBe('delivered');
    await page.getByText('Callbacks are sent here.').waitFor();
    await page.getByRole('button', { name: 'Disable' }).click();
    await dialog.getByRole('button', { name: 'Disable' }).click();
    await page.getByText('Nothing is sent here until it is enabled').waitFor();

    const second = await calledBack('/switch');
    await page.getByText(/its endpoint is disabled/).waitFor();
    expect(await stateOf(second.callback)).toBe('pending');
    await page.getByRole('button', { name: 'Enable' }).click();
    await eventually(
      () => stateOf(second.callback),
      (state) => state === 'delivered',
    );
    await page
      .locator('tr', { hasText: second.callback.slice(0, 8) })
      .getByText('delivered')
      .waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('a callback that waits is cancelled, its endpoint removed, and what was sent there stays to be seen', async () => {
    receiver.setResponse({});
    await calledBack('/unwanted');
    const [endpoint] = (await app.call('GET', '/api/endpoints?search=/unwanted')).json.items;
    await app.call('POST', `/api/endpoints/${endpoint.id}/disable`);
    const waits = await calledBack('/unwanted');
    const { page, complaints } = await signedIn({ url: `${app.url}/#/callbacks/${waits.callback}` });
    await page.getByText('its endpoint is disabled').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Cancelled: cancelled by its owner').waitFor();
    expect(await stateOf(waits.callback)).toBe('cancelled');
    expect(await page.getByRole('button', { name: 'Cancel' }).count()).toBe(0);

    await place(page, 'Endpoints');
    await page.getByRole('navigation', { name: 'Health' }).getByRole('link', { name: 'disabled' }).click();
    await page.getByRole('link', { name: `${receiver.url}/unwanted` }).click();
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('A later callback to this URL makes a new endpoint.').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await heading(page, 'Endpoints');
    expect((await app.call('GET', `/api/endpoints/${endpoint.id}`)).status).toBe(404);
    await page.goto(`${app.url}/#/callbacks/${waits.callback}`);
    await page.getByText('removed', { exact: true }).waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('a transcription that goes on too long is cancelled, and deleted once it has ended', async () => {
    receiver.setResponse((request, response) => {
      if (!request.path.startsWith('/slow')) return {};
      response.writeHead(200);
      return undefined;
    });
    const { json } = await app.call('POST', '/v2/pre-recorded', { audio_url: `${receiver.url}/slow.wav` });
    const { page, complaints } = await signedIn({ url: `${app.url}/#/transcriptions/${json.id}` });
    await page.getByText('It is being transcribed.').waitFor();
    expect(await page.getByRole('button', { name: 'Delete' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('ends with the error cancelled').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('The transcription was cancelled on request.').waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await heading(page, 'Transcriptions');
    expect((await app.call('GET', `/v2/pre-recorded/${json.id}`)).status).toBe(404);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('many are sent again by filter', async () => {
    receiver.setResponse({ status: 410 });
    const gone = [await calledBack('/moved'), await calledBack('/moved')];
    for (const { callback } of gone)
      await eventually(
        () => stateOf(callback),
        (state) => state === 'failed',
      );
    receiver.setResponse({});
    const { page, complaints } = await signedIn();
    await place(page, 'Callbacks');
    await page.getByRole('navigation', { name: 'State' }).getByRole('link', { name: 'failed' }).click();
    await page.locator('tbody tr').nth(1).waitFor();
    await page.getByRole('link', { name: 'Send many again' }).click();
    expect(await page.getByLabel('failed').isChecked()).toBe(true);
    await page.locator('select[name=endpoint]').selectOption({ label: `${receiver.url}/moved` });
    await page.getByRole('button', { name: 'Count them' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Sends 2 callbacks again, to 1 endpoint, in some 1 s.').waitFor();
    await dialog.getByRole('button', { name: 'Leave it' }).click();
    expect(await page.getByRole('article').count()).toBe(0);
    await page.getByRole('button', { name: 'Count them' }).click();
    await dialog.getByRole('button', { name: 'Send again' }).click();
    await page.getByText('2 of 2 sent again').waitFor();
    await page.getByRole('article').getByText('done', { exact: true }).waitFor();
    for (const { callback } of gone)
      await eventually(
        () => stateOf(callback),
        (state) => state === 'delivered',
      );
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('keys: shown once, revoked; a page whose own key is revoked is signed out with the reason', async () => {
    const { page } = await signedIn();
    await place(page, 'Account');
    await page.getByLabel('Name of a new key').fill('for CI');
    await page.getByRole('button', { name: 'Create' }).click();
    const key = (await page.locator('.once code').textContent()) ?? '';
    expect(key).toMatch(/^rb_/);
    const other = await signedIn({ key });
    await page
      .getByRole('region', { name: 'Keys' })
      .locator('tr', { hasText: 'for CI' })
      .getByRole('button', { name: 'Revoke' })
      .click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page
      .getByRole('region', { name: 'Keys' })
      .locator('tr', { hasText: 'for CI' })
      .getByText('revoked')
      .waitFor();
    const changes = page.getByRole('region', { name: 'Changes', exact: true });
    await changes.getByText('key revoked: for CI').waitFor();
    await page.getByRole('button', { name: 'Rotate' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click();
    await changes
      .locator('tr', { hasText: 'signing secret rotated' })
      .getByText(API_KEY.slice(0, 8))
      .waitFor();
    // Nothing is clicked there: its stream ends, and the page with it.
    await other.page.getByLabel('API key').waitFor();
    expect(await other.page.getByRole('alert').textContent()).toMatch(/key/i);
    await other.page.close();
    await page.close();
  });

  test('what receivers answer and callers send is text, whatever it looks like', async () => {
    const nasty = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
    answers({ status: 500, body: nasty });
    const { job, callback } = await calledBack('/nasty', {
      audio_url: `${host.url}/${nasty.replaceAll(' ', '%20')}`,
      custom_metadata: { [nasty]: nasty },
    });
    const { page, complaints } = await signedIn();
    await page.goto(`${app.url}/#/callbacks/${callback}`);
    await page.getByLabel('Attempt 1').getByText('Answer').click();
    await page.getByLabel('Attempt 1').getByText(nasty).waitFor();
    await page.goto(`${app.url}/#/transcriptions/${job}`);
    await page.getByText('custom_metadata', { exact: true }).click();
    await page.getByText('window.hacked').first().waitFor();
    await page.goto(`${app.url}/#/%E0%A4%A/${encodeURIComponent(nasty)}/x`);
    await heading(page, 'Nothing here');
    expect(await page.evaluate(() => 'hacked' in globalThis)).toBe(false);
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('ids that name nothing are answered in words', async () => {
    const { page } = await signedIn();
    for (const noun of ['transcriptions', 'callbacks', 'endpoints', 'inboxes']) {
      await page.goto(`${app.url}/#/${noun}/00000000-0000-4000-8000-000000000000`);
      await page.getByRole('alert').first().waitFor();
      expect(await page.getByRole('alert').first().textContent()).toMatch(/no |not /i);
    }
    await page.close();
  });

  test('when the connection breaks it says so, comes back, and shows what was missed', async () => {
    const proxy = await startProxy(Number(new URL(app.url).port));
    try {
      const { page } = await signedIn({ url: `http://127.0.0.1:${proxy.port}` });
      await place(page, 'Transcriptions');
      await heading(page, 'Transcriptions');
      proxy.setMode('refuse');
      proxy.cut('rst');
      await page.getByText('not live').waitFor();
      const { job } = await calledBack('/missed');
      expect(await page.getByTitle(job).count()).toBe(0);
      proxy.setMode('forward');
      await page.getByText('live', { exact: true }).waitFor();
      await page.getByTitle(job).waitFor();
      await page.close();
    } finally {
      await proxy.close();
    }
  });

  test('under a path of a reverse proxy it finds everything', async () => {
    const front = createServer((incoming, outgoing) => {
      const path = (incoming.url ?? '').replace(/^\/stt/, '');
      const { method, headers } = incoming;
      const onward = ask(new URL(path, app.url), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      onward.on('error', () => outgoing.destroy());
      incoming.pipe(onward);
    }).listen(0, '127.0.0.1');
    try {
      await new Promise((resolve) => front.once('listening', resolve));
      const origin = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
      const { page, asked } = await signedIn({ url: `${origin}/stt/` });
      await place(page, 'Callbacks');
      await page.locator('tbody tr').first().waitFor();
      expect(asked.filter((url) => !url.startsWith(`${origin}/stt/`))).toEqual([]);
      await page.close();
    } finally {
      front.closeAllConnections();
      front.close();
    }
  });

  test.each([
    ['light', 1280],
    ['dark', 360],
  ] as const)(
    'every page is accessible (axe) and no wider than the window: %s, %i pixels',
    async (scheme, width) => {
      answers({ status: 500, body: 'broken' });
      const { job, callback } = await calledBack('/accessible');
      const endpoint = (await app.call('GET', `/api/callbacks/${callback}`)).json.endpoint_id;
      const { id: inbox, address } = (await app.call('POST', '/api/inboxes', { name: `audited ${width}` }))
        .json;
      await fetch(address, { method: 'POST', body: '{"a":1}' });
      const { page } = await signedIn({ options: { colorScheme: scheme, viewport: { width, height: 800 } } });
      const pages: [hash: string, shown: string][] = [
        ['overview', 'tbody tr.leads'],
        ['transcriptions', 'tbody tr'],
        ['transcriptions/new', 'form'],
        ['inboxes', 'tbody tr'],
        [`inboxes/${inbox}`, '.attempt'],
        [`transcriptions/${job}`, '.attempt'],
        ['callbacks', 'tbody tr'],
        [`callbacks/${callback}`, '.attempt'],
        ['endpoints', 'tbody tr'],
        [`endpoints/${endpoint}`, 'tbody tr'],
        ['webhooks', 'form'],
        ['replays', 'form'],
        ['account', 'tbody tr'],
      ];
      for (const [hash, shown] of pages) {
        await page.goto(`${app.url}/#/${hash}`);
        await page.locator(shown).first().waitFor();
        await audit(page, hash);
      }
      const more = page.getByRole('button', { name: 'More' });
      if (await more.isVisible()) await more.click();
      await audit(page, 'with the menu open');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('API key').waitFor();
      await audit(page, 'sign-in');
      await page.close();
    },
  );
});
