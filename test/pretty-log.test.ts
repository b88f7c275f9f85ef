// The log on a terminal: one line an event, and nothing of a stranger's that commands the terminal.
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { createLog } from '../src/log.ts';
import { prettyLines } from '../src/pretty-log.ts';

function written(colour: boolean, log: (logger: ReturnType<typeof createLog>) => void): string {
  const pretty = prettyLines(colour);
  let out = '';
  const write = (line: string) => {
    out += pretty(line);
  };
  log(createLog('info', { write }));
  return out;
}

test('time, level, message and fields on one line; the settings of a start left out', () => {
  const out = written(false, (log) => log.info({ job: 'j1', settings: { port: 1 } }, 'job accepted'));
  expect(out).toMatch(/^\[\d\d:\d\d:\d\d\] INFO: job accepted \{"job":"j1"\}\n$/);
});

test('the wide lines of a job and an attempt are short on a terminal: how it went, where to, how long', () => {
  const ids = { account: 'a1', trace: 't1', phases_ms: { queue: 1 } };
  const job = { job: 'j1', run: 1, state: 'done', audio_seconds: 11, took_ms: 900, written: 'written' };
  const attempt = { delivery: 'd1', attempt: 1, outcome: 'delivered', status: 200, took_ms: 3, job: 'j1' };
  const out = written(false, (log) => {
    log.info({ job: 'j1', ...ids, phases_ms: undefined }, 'job accepted');
    log.info({ ...job, total_ms: 950, ...ids }, 'job ended');
    log.info(
      { ...attempt, endpoint: 'e1', url: 'https://app.example.org/h?…', ...ids },
      'callback attempted',
    );
  });
  expect(out.split('\n').map((line) => line.slice(11))).toEqual([
    'INFO: job accepted {"job":"j1"}',
    'INFO: job ended {"job":"j1","state":"done","audio_seconds":11,"took_ms":900}',
    'INFO: callback attempted {"delivery":"d1","attempt":1,"outcome":"delivered","status":200,"took_ms":3,"url":"https://app.example.org/h?…"}',
    '',
  ]);
});

test.for([false, true])('colour %s: control characters of strangers are shown as marks', (colour) => {
  const hostile = 'a\u001b[2Jb\u0007c\u009bd\u0000e\rf\u007fg \\u001b[31m h\\';
  const out = written(colour, (log) => {
    log.warn({ url: hostile, list: [hostile] }, hostile);
    log.error({ err: new Error(hostile) }, 'failed');
  });
  const plain = stripVTControlCharacters(out);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(plain).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  expect(plain).toContain('\ufffd[2Jb');
  if (!colour) expect(out).toBe(plain);
});

test('an error keeps its stack, over several lines', () => {
  const out = written(false, (log) => log.error({ err: new Error('deep') }, 'failed'));
  expect(out).toMatch(/ERROR: failed/);
  expect(out).toMatch(/Error: deep/);
  expect(out).toMatch(/pretty-log\.test\.ts/);
});
