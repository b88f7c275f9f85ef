// What operators load into Grafana and Prometheus names figures that a server at work has, in words that the docs explain, and
// each alert fires of what it is for.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type App, startApp } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const pathOf = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const read = (name: string) => readFileSync(pathOf(name), 'utf8');
const RULES = 'deploy/monitoring/alerts.yaml';
const UNIT_TESTS = 'test/package/alerts.test.yaml';
const DASHBOARD = 'deploy/monitoring/grafana-dashboard.json';
const PAGE = 'docs/observability.md';

const clip = readFileSync(new URL('../fixtures/speech/all-circuits-busy-now.wav', import.meta.url));
let app: App;
let receiver: Receiver;
let metrics: string;

beforeAll(async () => {
  receiver = await startReceiver();
  app = await startApp();
  const { json } = await app.upload(clip, 'clip.wav');
  await app.call('POST', '/v2/pre-recorded', {
    audio_url: json.audio_url,
    callback: true,
    callback_config: { url: `${receiver.url}/` },
  });
  await receiver.next();
  // Counts are written every two seconds, and read as often as every five.
  metrics = await eventually(
    async () => (await fetch(`${app.url}/metrics`)).text(),
    (text) =>
      /^ringback_delivery_attempts_total\{outcome="delivered"\} 1$/m.test(text) &&
      /^ringback_run_duration_seconds_count\{outcome="done"\} 1$/m.test(text),
    30_000,
  );
});
afterAll(async () => {
  await app.stop();
  await receiver.close();
});

/** Names of series, with their labels but those of a value: `ringback_jobs` has `state`. */
function seriesOf(text: string): Map<string, Set<string>> {
  const series = new Map<string, Set<string>>();
  for (const [, name = '', labels = ''] of text.matchAll(/^([a-z]\w*)(?:\{(.*)\})? \S+$/gm)) {
    const known = series.get(name) ?? new Set();
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label);
    series.set(name, known);
  }
  return series;
}

/** What Prometheus adds to every series. */
const OF_PROMETHEUS = ['job', 'instance'];

test.for([RULES, DASHBOARD])('%s names series and labels that a server at work has', (file) => {
  const series = seriesOf(metrics);
  const named = [...read(file).matchAll(/\b((?:ringback|nodejs|process)_\w+)(?:\{(.*?)\})?/g)].filter(
    ([whole]) => !whole.includes('.'),
  );
  expect(named.length).toBeGreaterThan(15);
  for (const [, name = '', matchers = ''] of named) {
    expect([...series.keys()]).toContain(name);
    const labels = [...matchers.matchAll(/(\w+)(?:=~|!=|=)/g)].map(([, label]) => label);
    expect([name, [...(series.get(name) ?? []), ...OF_PROMETHEUS]]).toEqual([
      name,
      expect.arrayContaining(labels),
    ]);
  }
});

test('the page explains every figure of ours, with its labels, and no other', () => {
  const types = [...metrics.matchAll(/^# TYPE (ringback_\w+) (\w+)$/gm)].map(([, name = '', type = '']) => ({
    name,
    type,
  }));
  const own = types.map(({ name, type }) => {
    const labels = seriesOf(metrics).get(type === 'histogram' ? `${name}_count` : name) ?? new Set();
    return [name, type, [...labels].sort().join(',')].join(' ');
  });
  const explained = [...read(PAGE).matchAll(/^\| `(ringback_\w+)(?:\{([\w,]+)\})?` \| (\w+) \|/gm)].map(
    ([, name, labels = '', type]) => [name, type, labels.split(',').sort().join(',')].join(' '),
  );
  expect(explained.toSorted()).toEqual(own.toSorted());
});

const alerts = [...read(RULES).matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);

test.for(alerts)('%s has its place in the page, and leads there', (name) => {
  expect(read(RULES)).toContain(`runbook: ${PAGE}#${name.toLowerCase()}`);
  expect(read(PAGE)).toMatch(new RegExp(`^#+ ${name}$`, 'm'));
});

const { error } = spawnSync('promtool', ['--version']);

test.skipIf(error !== undefined)('promtool takes the rules, and each alert fires as it should', () => {
  const checked = spawnSync('promtool', ['check', 'rules', pathOf(RULES)], { encoding: 'utf8' });
  expect([checked.status, checked.stderr]).toEqual([0, '']);
  const tested = spawnSync('promtool', ['test', 'rules', pathOf(UNIT_TESTS)], { encoding: 'utf8' });
  expect([tested.status, tested.stderr]).toEqual([0, '']);
});

// Whether that test would see it.
test
  .skipIf(error !== undefined)
  .for(alerts.flatMap((name) => ['vector(0) > 1', 'vector(1)'].map((expr) => [name, expr] as const)))(
  '%s as `%s` fails the test of the rules',
  ([name, expr]) => {
    const folder = mkdtempSync(join(tmpdir(), 'ringback-alerts-'));
    const rule = new RegExp(`(alert: ${name}\n\\s+expr:)(?: \\|(?:\n {10}.*)+| .*)`);
    writeFileSync(join(folder, 'alerts.yaml'), read(RULES).replace(rule, `$1 ${expr}`));
    writeFileSync(
      join(folder, 'test.yaml'),
      read(UNIT_TESTS).replace(/- \.\.\/\.\.\/deploy\/monitoring\//, '- '),
    );
    expect(readFileSync(join(folder, 'alerts.yaml'), 'utf8')).not.toBe(read(RULES));
    const tested = spawnSync('promtool', ['test', 'rules', join(folder, 'test.yaml')], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    expect([tested.status, tested.stderr]).toEqual([1, expect.stringContaining(name)]);
  },
);
