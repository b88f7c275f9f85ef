// Inboxes and new transcriptions in a real browser against the whole program: several files, an inbox with one click, the
// same request as curl, refusals at their fields, requests as they come, and what strangers send to an inbox.
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { CHROMIUM, hasBrowser, openBrowser } from '../rig/browser.ts';

const run = promisify(execFile);
const CLIP = new URL('../fixtures/speech/all-circuits-busy-now.wav', import.meta.url).pathname;
const MARKUP = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
const NASTY = `${MARKUP}\u001b[31m\u202e\u0007`;

/** An expression for a browser: what a drop or a paste of one file holds. */
const holding = (name: string) =>
  `(() => { const data = new DataTransfer(); data.items.add(new File(['x'], '${name}')); return data; })()`;

describe.skipIf(!hasBrowser)(`inboxes (needs ${CHROMIUM})`, { timeout: 180_000 }, () => {
  let app: App;
  let folder: string;
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ringback-web-'));
    app = await startApp({ RINGBACK_MODEL: 'moonshine-tiny', RINGBACK_RETRY_SCHEDULE: '0s,1s,1s,1h' });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
    await rm(folder, { recursive: true });
  });

  /** Signed in, at an address. */
  async function open(hash: string) {
    const watched = await browser.watchedPage();
    await watched.page.addInitScript(`sessionStorage.setItem('ringback.key', '${API_KEY}')`);
    await watched.page.goto(`${app.url}/#/${hash}`);
    await watched.page.getByText('live', { exact: true }).waitFor();
    return watched;
  }
  async function inboxNamed(name: string, more: object = {}): Promise<{ id: string; address: string }> {
    return (await app.call('POST', '/api/inboxes', { name, ...more })).json;
  }

  test('an inbox is made, told to fail twice, and shows a sample’s three attempts as they come', async () => {
    const { page, complaints } = await open('inboxes');
    await page.getByText('No inbox yet').waitFor();
    await page.getByLabel('Name', { exact: true }).fill('try');
    await page.getByRole('button', { name: 'New inbox' }).click();
    await page.getByRole('heading', { name: 'try' }).waitFor();
    await page.getByText('Answers 200').click();
    await page.getByLabel('Answers, one after').fill('500, 503, 200');
    await page.getByLabel('Body', { exact: true }).fill('thank you');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Answers 500, 503, 200').waitFor();
    await page.getByText('as they come').waitFor();
    await page.getByRole('button', { name: 'Send a sample' }).click();
    const third = page.getByLabel('Request 3');
    await third.getByText('signature right').waitFor();
    await third.getByText('200', { exact: true }).waitFor();
    await page.getByLabel('Request 1').getByText('500', { exact: true }).waitFor();
    await third.getByText('Headers, body and answer').click();
    await third.getByText('ringback_test').waitFor();
    await third.getByText('Answer 200').waitFor();
    await third.getByText('thank you').waitFor();
    await third.getByRole('link', { name: /attempt 3/ }).click();
    await page.getByLabel('Attempt 3').getByText('HTTP 200').waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('answers that are no statuses are refused by name, and what is not alike for all is JSON', async () => {
    const { id } = await inboxNamed('told', { answer: [{ status: 201, headers: { 'x-a': 'b' } }] });
    const { page } = await open(`inboxes/${id}`);
    await page.getByText('Answers 201').click();
    await page.getByLabel('As JSON').fill('[{"status": 99}]');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/answer\S* .*200/).waitFor();
    await page.getByLabel('As JSON').fill('{"status": 204}');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Answers 204').click();
    await page.getByLabel('Answers, one after').fill('204, soon');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('"soon" is none of these').waitFor();
    await page.close();
  });

  test('what a stranger sends to an inbox is text; gzip is unpacked; a deleted inbox says so', async () => {
    const { id, address } = await inboxNamed(MARKUP);
    const { page, complaints } = await open(`inboxes/${id}`);
    await page.getByText('as they come').waitFor();
    await fetch(`${address}?${encodeURIComponent(NASTY)}`, {
      method: 'PUT',
      headers: {
        'x-nasty': MARKUP,
        'webhook-id': MARKUP,
      },
      body: NASTY,
    });
    await fetch(address, {
      method: 'POST',
      headers: { 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify({ packed: NASTY })),
    });
    await fetch(address, {
      method: 'POST',
      headers: { 'content-encoding': 'gzip' },
      body: 'not gzip at all',
    });
    for (const number of [1, 2, 3])
      await page.getByLabel(`Request ${number}`).getByText('Headers, body and answer').click();
    await page.getByLabel('Request 1').getByText('window.hacked').first().waitFor();
    await page.getByLabel('Request 2').getByText('shown unpacked').waitFor();
    await page.getByLabel('Request 2').getByText('packed:').waitFor();
    await page.getByLabel('Request 3').getByText('not gzip at all').waitFor();
    expect(await page.getByLabel('Request 1').getByText('not signed').count()).toBe(1);
    expect(await page.evaluate(() => 'hacked' in globalThis)).toBe(false);
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(complaints).toEqual([]);
    await app.call('DELETE', `/api/inboxes/${id}`);
    await page.getByText('This inbox was deleted.').waitFor();
    await page.close();
  });

  test('two files at once, received in an inbox with one click', async () => {
    for (const name of ['one.wav', 'two.wav']) await copyFile(CLIP, join(folder, name));
    const { page, complaints } = await open('transcriptions/new');
    await page.getByRole('button', { name: 'Transcribe' }).click();
    await page.getByText('Choose a file first').waitFor();
    await page.getByLabel('Choose files').setInputFiles([join(folder, 'one.wav'), join(folder, 'two.wav')]);
    await page.getByRole('button', { name: 'Receive it here' }).click();
    await page.getByText('It comes to your inbox').waitFor();
    await page.getByLabel('Metadata').fill('order=A-17');
    await page.getByRole('button', { name: 'Transcribe' }).click();
    const given = page.getByLabel('What was given').getByRole('listitem');
    for (const index of [0, 1]) await given.nth(index).getByText('accepted').waitFor();
    await page.getByText('your inbox').getByRole('link').click();
    const requests = page.getByRole('article');
    await requests.nth(1).getByText('signature right').waitFor();
    await requests.first().getByText('Headers, body and answer').click();
    await page.getByText('"A-17"').waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('a file is dropped, and pasted', async () => {
    const { page } = await open('transcriptions/new');
    const dropped = await page.evaluateHandle(holding('dropped.wav'));
    await page.locator('.drop').dispatchEvent('drop', { dataTransfer: dropped });
    await page.getByTitle('dropped.wav').waitFor();
    await page.evaluate(
      `document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: ${holding('pasted.wav')}, bubbles: true }))`,
    );
    await page.getByTitle('pasted.wav').waitFor();
    await page.getByRole('button', { name: 'remove dropped.wav' }).click();
    expect(await page.getByTitle('dropped.wav').count()).toBe(0);
    // One byte is no audio: it is told at the file, and the next is taken all the same.
    await page.getByLabel('Choose files').setInputFiles(CLIP);
    await page.getByRole('button', { name: 'Transcribe' }).click();
    const given = page.getByLabel('What was given').getByRole('listitem');
    await given.nth(0).getByRole('alert').waitFor();
    await given.nth(1).getByText('accepted').waitFor();
    await page.close();
  });

  test('a refusal of the server stands at its field, and the file is not uploaded again', async () => {
    const { page, asked } = await open('transcriptions/new');
    await page.getByLabel('Choose files').setInputFiles(CLIP);
    const url = page.getByLabel('Call this URL');
    await url.fill('http://169.254.169.254/latest');
    await page.getByRole('button', { name: 'Transcribe' }).click();
    const refusal = page.locator('.field', { has: url }).getByRole('alert');
    await refusal.waitFor();
    expect(await refusal.textContent()).toMatch(/must be a URL address/);
    expect(await url.getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Metadata').fill('no pair');
    await page.getByRole('button', { name: 'Transcribe' }).click();
    await page.getByText('"no pair" is none').waitFor();
    await page.getByLabel('Metadata').fill('');
    await url.fill('');
    await page.getByRole('button', { name: 'Transcribe' }).click();
    await page
      .getByText(/circuits are busy/i)
      .first()
      .waitFor();
    expect(asked.filter((one) => one.endsWith('/v2/upload'))).toHaveLength(1);
    await page.close();
  });

  test.each(['file', 'URL'])('the same request as curl works as it stands: %s', async (kind) => {
    const odd = join(folder, "it's $(odd).wav");
    await copyFile(CLIP, odd);
    const { page } = await open('transcriptions/new');
    if (kind === 'file') await page.getByLabel('Choose files').setInputFiles(odd);
    else {
      await page.getByRole('button', { name: 'URLs' }).click();
      await page.getByLabel('URLs, one a line').fill(`${app.url}/it's-not-there.wav`);
    }
    await page.getByText('The same request as curl').click();
    await page.getByLabel('Metadata').fill("name=O'Brien $(id)");
    const command = page.locator('.command code');
    await command.getByText("O'").waitFor();
    const text = (await command.textContent()) ?? '';
    expect(text).not.toContain(API_KEY);
    const env = { PATH: process.env.PATH, RINGBACK_API_KEY: API_KEY };
    const { stdout } = await run('sh', ['-c', text], { cwd: folder, env });
    const { json } = await app.call('GET', `/v2/pre-recorded/${JSON.parse(stdout).id}`);
    expect(json.custom_metadata).toEqual({ name: "O'Brien $(id)" });
    if (kind === 'file') expect(json.file.filename).toBe("it's $(odd).wav");
    await page.close();
  });
});
