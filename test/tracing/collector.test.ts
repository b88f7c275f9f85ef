// What a collector may do to Ringback: nothing. And what OpenTelemetry's SDK costs where none is named: it is not loaded.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import { readSettings, SettingsError } from '../../src/settings.ts';
import { traceOf } from '../../src/trace.ts';
import { otlpOptions } from '../../src/tracing/options.ts';
import { otlpTracing } from '../../src/tracing/otlp.ts';
import { sdkLog } from '../../src/tracing/watched.ts';
import { eventually } from '../rig/eventually.ts';
import { startCollector } from '../rig/otlp.ts';
import { startReceiver } from '../rig/receiver.ts';

type Line = { level: number; msg: string; [field: string]: unknown };

function tracingTo(endpoint: string, more: Record<string, string> = {}) {
  const lines: Line[] = [];
  const log = createLog('info', { write: (line) => lines.push(JSON.parse(line)) });
  const options = otlpOptions(readSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...more }));
  if (options === null) throw new Error('there is a collector');
  return { lines, tracing: otlpTracing(options, { version: '9', log }) };
}

test('a collector that refuses is told of once, without what is secret in its URL, and so is its return', async () => {
  let status = 400;
  const receiver = await startReceiver({ respond: () => ({ status, body: 'a page\nof many lines' }) });
  // One span fills no batch: with 512 it is sent at once.
  const batch = () => {
    for (let n = 0; n < 512; n++) tracing.start('x', { parent: null }).end();
  };
  const { lines, tracing } = tracingTo(`${receiver.url}/key?token=s3cret-token`);
  for (let n = 1; n <= 2; n++) {
    batch();
    await receiver.next();
  }
  await eventually(
    async () => lines,
    (seen) => seen.length === 1,
  );
  status = 200;
  batch();
  await eventually(
    async () => lines,
    (seen) => seen.length === 2,
  );
  await tracing.stop();
  await receiver.close();
  expect(lines).toMatchObject([
    { level: 40, msg: expect.stringMatching(/^traces cannot be sent/), spans: 512 },
    { level: 30, msg: 'traces are sent again' },
  ]);
  expect(JSON.stringify(lines)).not.toContain('s3cret');
});

test('a collector that hangs holds up a stop for two seconds, and the log says what was lost', async () => {
  const receiver = await startReceiver({ respond: () => new Promise(() => {}) });
  const { lines, tracing } = tracingTo(receiver.url);
  tracing.start('x', { parent: null }).end();
  const began = performance.now();
  await tracing.stop();
  expect(performance.now() - began).toBeLessThan(3_000);
  expect(lines.map(({ msg }) => msg)).toContain('the last traces were not sent: the collector took too long');
  await receiver.close();
});

test('its headers, the sampler and the resource are those of the standard variables', async () => {
  const collector = await startCollector();
  const { tracing } = tracingTo(`${collector.url}/`, {
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=s%3Dcret, x-tenant=42',
    OTEL_TRACES_SAMPLER: 'parentbased_always_off',
  });
  tracing.start('unsampled', { parent: null }).end();
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  tracing.start('sampled', { parent: { traceparent } }).end();
  await tracing.stop();
  expect(collector.spans()).toMatchObject([
    { name: 'sampled', resource: { 'service.name': 'ringback', 'service.version': '9' } },
  ]);
  const [request] = collector.requests;
  expect(request?.path).toBe('/v1/traces');
  expect(request?.headers).toMatchObject({ 'api-key': 's=cret', 'x-tenant': '42' });
  await collector.close();
});

test('what the SDK has to say is in the log, once, without what is secret in it', () => {
  const lines: Line[] = [];
  const say = sdkLog(createLog('info', { write: (line) => lines.push(JSON.parse(line)) })).warn;
  say('Dropped 12 spans because maxQueueSize reached');
  say('Dropped 340 spans because maxQueueSize reached');
  say('Header "x-key" has invalid value (s3cret-key\n) and will be ignored');
  say("Could not parse export URL: 'http://u:s3cret-pw@host/?t=s3cret-token', falling back");
  expect(lines.map(({ detail }) => detail)).toEqual([
    'Dropped 12 spans because maxQueueSize reached',
    'Header "x-key" has an invalid value and will be ignored',
    "Could not parse export URL: 'http://…@host/?…', falling back",
  ]);
});

test.for([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4317' }, 'OTEL_EXPORTER_OTLP_ENDPOINT: this is not a URL'],
  [
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    'OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" is not one of http/protobuf',
  ],
  [{ OTEL_EXPORTER_OTLP_HEADERS: 'api-key' }, 'OTEL_EXPORTER_OTLP_HEADERS: write headers as name=value'],
  [
    { OTEL_EXPORTER_OTLP_HEADERS: 'a=100%' },
    'OTEL_EXPORTER_OTLP_HEADERS: the value of a is not percent-encoded',
  ],
  [{ OTEL_EXPORTER_OTLP_HEADERS: 'a=%0A' }, 'OTEL_EXPORTER_OTLP_HEADERS: the value of a has characters'],
  [{ OTEL_TRACES_SAMPLER_ARG: '2' }, 'OTEL_TRACES_SAMPLER_ARG: "2" is not a number from 0 to 1'],
] as const)('%j is refused by its name', ([settings, sentence]) => {
  expect(() => readSettings(settings)).toThrow(SettingsError);
  expect(() => readSettings(settings)).toThrow(sentence);
});

const VALID = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

test.for([
  [{ traceparent: VALID }, { traceparent: VALID }],
  [
    { traceparent: VALID, tracestate: 'a=1,b=2' },
    { traceparent: VALID, tracestate: 'a=1,b=2' },
  ],
  // What a later version adds may be passed on.
  [{ traceparent: `01${VALID.slice(2)}-more` }, { traceparent: `01${VALID.slice(2)}-more` }],
  [{ traceparent: VALID, tracestate: `a=${'x'.repeat(600)}` }, { traceparent: VALID }],
  [{ traceparent: VALID, tracestate: 'a=1\u00e9' }, { traceparent: VALID }],
  [{ traceparent: `${VALID}-more` }, null],
  [{ traceparent: VALID.toUpperCase() }, null],
  [{ traceparent: `ff${VALID.slice(2)}` }, null],
  [{ traceparent: VALID.replace(/[\da-f]{32}/, '0'.repeat(32)) }, null],
  [{ traceparent: VALID.replace('00f067aa0ba902b7', '0'.repeat(16)) }, null],
  [{ tracestate: 'a=1' }, null],
] as const)('%j is part of the trace %j', ([headers, trace]) => {
  expect(traceOf(headers)).toEqual(trace);
});

// Its API is, which prom-client brings along.
test('without a collector the SDK of OpenTelemetry is not loaded', async () => {
  const loaded = async (work: string) => {
    const script = `
      import { registerHooks } from 'node:module';
      let count = 0;
      registerHooks({ resolve(name, context, next) {
        const found = next(name, context);
        if (/\\/@opentelemetry\\/(?!api\\/)/.test(found.url)) count++;
        return found;
      } });
      await import('./src/main.ts');
      const { startTracing } = await import('./src/tracing/start.ts');
      const tell = { version: '9', log: console };
      const url = 'http://127.0.0.1:9/v1/traces';
      const to = { url, headers: {}, serviceName: null, sampler: 'always_on', ratio: 1 };
      await startTracing(${work}, tell);
      console.log(count);
      process.exit();`;
    const cwd = new URL('../../', import.meta.url);
    const args = ['--input-type=module', '-e', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd });
    return Number(stdout);
  };
  expect(await loaded('null')).toBe(0);
  expect(await loaded('to')).toBeGreaterThan(5);
});
