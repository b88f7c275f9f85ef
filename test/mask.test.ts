// Queries of URLs, and what far ends repeat of them, never show.
import { expect, test } from 'vitest';
import { maskedRequest, maskedUrl, maskOf } from '../src/mask.ts';

test('a URL is shown without what its query, its fragment and its user say', () => {
  for (const [text, shown] of [
    ['https://app.example.org/hooks?key=s3cret', 'https://app.example.org/hooks?…'],
    ['https://app.example.org/hooks', 'https://app.example.org/hooks'],
    ['https://app.example.org/hooks?', 'https://app.example.org/hooks?…'],
    ['https://app.example.org/hooks#s3cret?x=1', 'https://app.example.org/hooks#…'],
    ['https://ann:s3cret@app.example.org/hooks?a=b', 'https://…@app.example.org/hooks?…'],
    ['//ann:s3cret@app.example.org/', '//…@app.example.org/'],
    ['/login?next=%2Fhooks%3Fkey%3Ds3cret', '/login?…'],
    ['?key=s3cret', '?…'],
    ['not a url?key=s3cret', 'not a url?…'],
    ['https://app.example.org/@ann/x', 'https://app.example.org/@ann/x'],
  ] as const)
    expect(maskedUrl(text)).toBe(shown);
});

test('a value of the query is masked however it is written, wherever and however often', () => {
  const secret = 'a/b&c="d" ü€😀';
  const mask = maskOf(`https://app.example.org/hooks?token=${encodeURIComponent(secret)}&job=A-17`);
  const utf8 = [...Buffer.from(secret)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const escaped = [...Array(secret.length).keys()]
    .map((at) => `\\u${secret.charCodeAt(at).toString(16).padStart(4, '0').toUpperCase()}`)
    .join('');
  for (const written of [
    secret,
    encodeURIComponent(secret),
    encodeURIComponent(secret).toLowerCase(),
    encodeURIComponent(encodeURIComponent(secret)),
    new URLSearchParams({ a: secret }).toString().slice(2),
    utf8,
    utf8.toUpperCase(),
    JSON.stringify(secret).slice(1, -1),
    JSON.stringify(JSON.stringify(secret)).slice(3, -3),
    secret.replaceAll('/', '\\/').replaceAll('"', '\\"'),
    escaped,
    secret.replaceAll('&', '&amp;').replaceAll('"', '&quot;'),
    secret.replaceAll('&', '&#38;').replaceAll('"', '&#x22;').replaceAll('ü', '&#252;'),
  ]) {
    const shown = mask.text(`no: ${written}, and again ${written}.`);
    expect(shown).toBe('no: …, and again ….');
  }
  // No two characters need be written the same way.
  expect(mask.text('"a%2fb%26c=\\u0022d\\" \\u00fc€😀"')).toBe('"…"');
});

test('the whole query goes at once; a flag without a value is its own secret; repeated names have several', () => {
  const mask = maskOf('https://app.example.org/h?s3cret-flag&k=first-one&k=second-one&a=1');
  expect(mask.text('POST /h?s3cret-flag&k=first-one&k=second-one&a=1 not found')).toBe('POST /h?… not found');
  expect(mask.text('s3cret-flag second-one first-one')).toBe('… … …');
});

test('the longer of two values goes first: nothing of it stays', () => {
  const mask = maskOf('https://app.example.org/h?a=abcd&b=abcdefgh');
  expect(mask.text('abcdefgh abcd')).toBe('… …');
});

test('short values blank nothing by themselves: they go where their name stands before them', () => {
  const mask = maskOf('https://app.example.org/h?v=1&lang=en&pin=123');
  expect(mask.text('{"ok":true,"count":12311,"when":"then"}')).toBe(
    '{"ok":true,"count":12311,"when":"then"}',
  );
  expect(mask.text('pin=123, "pin": "123", pin: 123; {"pin":["123"]} pin%3D123')).toBe(
    'pin=…, "pin": "…", pin: …; {"pin":["…"]} pin%3D…',
  );
  // Another value, or another name.
  expect(mask.text('pin=1234 spin=123 {"lang":"english"}')).toBe('pin=1234 spin=123 {"lang":"english"}');
});

test('what was cut may end in the middle of a value', () => {
  const mask = maskOf('https://app.example.org/h?token=0123456789abcdef');
  expect(mask.text('the token is 0123456789a', true)).toBe('the token is …');
  expect(mask.text('the token is 012', true)).toBe('the token is 012');
  expect(mask.text('the token is 0123456789a', false)).toBe('the token is 0123456789a');
});

test('without a query nothing changes; what is no URL has none', () => {
  for (const url of ['https://app.example.org/h', 'https://app.example.org/h?', 'nonsense?a=secret'])
    expect(maskOf(url).text('secret … %3f ?a=secret')).toBe('secret … %3f ?a=secret');
});

test('bytes that are no text: their length may change, the rest of them does not', () => {
  const mask = maskOf(`https://app.example.org/h?token=${encodeURIComponent('s3cret-ü')}`);
  const bytes = Buffer.concat([
    Buffer.from([0xff, 0x00, 0x80]),
    Buffer.from('s3cret-ü'),
    Buffer.from([0xfe]),
  ]);
  const masked = mask.bytes(bytes, false);
  expect(masked).toEqual(
    Buffer.concat([Buffer.from([0xff, 0x00, 0x80]), Buffer.from('...'), Buffer.from([0xfe])]),
  );
  const clean = Buffer.from([0xff, 0x41]);
  expect(mask.bytes(clean, false)).toEqual(clean);
});

test('neither many values nor values like the answer make it slow: 64 kB of the worst within 250 ms', () => {
  const answers = [
    'a'.repeat(16_384),
    'a%61\\u0061&#97;'.repeat(1_200).slice(0, 16_384),
    '%2525252561'.repeat(1_500).slice(0, 16_384),
    'abcd'.repeat(4_096),
  ];
  const many = Array.from({ length: 280 }, (_, at) => `a=${'abcdefgh'.slice(at % 4, 4 + (at % 4))}`).join(
    '&',
  );
  for (const query of [`t=${'a'.repeat(2_000)}`, `t=b${'a'.repeat(1_999)}`, many]) {
    const started = performance.now();
    const mask = maskOf(`https://app.example.org/h?${query}`);
    for (const answer of answers) mask.text(answer, true);
    expect(performance.now() - started).toBeLessThan(250);
  }
});

test('a request is shown with its callback URLs masked, and nothing else of it changed', () => {
  const request = {
    audio_url: 'https://cdn.example.org/a.mp3?signature=x',
    callback_url: 'https://old.example.org/?key=s3cret',
    callback_config: { url: 'https://app.example.org/h?key=s3cret', method: 'PUT' },
    custom_metadata: { order: 'A-17' },
  };
  expect(maskedRequest(request)).toEqual({
    ...request,
    callback_url: 'https://old.example.org/?…',
    callback_config: { url: 'https://app.example.org/h?…', method: 'PUT' },
  });
  for (const other of [
    { audio_url: 'x' },
    { callback_config: null },
    { callback_config: { url: null }, callback_url: 7 },
  ])
    expect(maskedRequest(other)).toBe(other);
});
