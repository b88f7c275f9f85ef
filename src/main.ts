// The composition root: builds the parts, starts them in order, stops them in reverse. The binary, the demo and the
// tests all start the program here; nothing else joins the parts.
import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { createAddons } from './addons/addons.ts';
import type { LanguageModel } from './addons/chat.ts';
import { accountSecrets } from './deliver/account-secrets.ts';
import { WORST_OFFSET_MS } from './deliver/clock.ts';
import { firstWaitMs } from './deliver/schedule.ts';
import { signingSecrets } from './deliver/secrets.ts';
import { startDeliver } from './deliver/start.ts';
import { descriptorLimit, shareDescriptors } from './descriptors.ts';
import { Listeners } from './http/listeners.ts';
import { buildServer } from './http/server.ts';
import { parseNetworks } from './outbound/address.ts';
import { Outbound } from './outbound/request.ts';
import { ADDRESS_REFUSALS, judgeUrl } from './outbound/url.ts';
import { describeSettings, type Settings } from './settings.ts';
import { generateSecret } from './signature.ts';
import { findFfmpeg } from './speech/decode-ffmpeg.ts';
import { createSpeechPool } from './speech/pool.ts';
import { openAudioFolder } from './store/audio.ts';
import { CHANGE_CHANNEL } from './store/changes.ts';
import { clockOffset } from './store/clock.ts';
import { openDatabase } from './store/database.ts';
import { startEmbedded } from './store/embedded.ts';
import { endAllRuns, unfinishedAmong } from './store/jobs.ts';
import { findAccounts, settleKeys } from './store/keys.ts';
import { endAllLeases } from './store/leases.ts';
import { migrate } from './store/migrate.ts';
import { openQueue } from './store/queue.ts';
import { startRetention } from './store/retention.ts';
import { listSigningSecrets } from './store/signing-secrets.ts';
import { fetchAudio } from './transcribe/fetch.ts';
import { startTranscribe } from './transcribe/start.ts';
import { formatBytes } from './units.ts';
import { readVersion } from './version.ts';

export type Ringback = {
  /** Where it listens; null without the api role. */
  url: string | null;
  /** The API key made at this first start, to be shown this once. */
  createdKey: string | null;
  signingSecrets: readonly string[];
  /** Drains and stops everything, in reverse order; may be called again. */
  stop(): Promise<void>;
  /** Resolves with the reason when a part we cannot do without is gone (the embedded database crashed). */
  broken: Promise<string>;
};

const FETCH_TOTAL_MS = 3_600_000;
const FETCH_IDLE_MS = 30_000;
/** Sending has connections of its own: behind a burst of requests, it would wait its turn in their queue for seconds. */
const CONNECTIONS = { all: 15, deliver: 5 } as const;
const PROBES = 2;

export async function startRingback(settings: Settings, log: Logger): Promise<Ringback> {
  const stops: [name: string, stop: () => Promise<unknown>][] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopAll(stops, log);
    return stopping;
  };
  try {
    return await start(settings, log, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function stopAll(stops: readonly [string, () => Promise<unknown>][], log: Logger): Promise<void> {
  for (const [name, stop] of stops.toReversed())
    await stop().catch((error: unknown) =>
      log.error({ err: error, part: name }, 'a part did not stop cleanly'),
    );
}

async function start(
  settings: Settings,
  log: Logger,
  stops: [string, () => Promise<unknown>][],
  stop: () => Promise<void>,
): Promise<Ringback> {
  const version = readVersion();
  const allow = parseNetworks(settings.allowNetworks);
  const has = (role: Settings['roles'][number]) => settings.roles.includes(role);
  log.info({ version, settings: describeSettings(settings) }, 'starting');
  await mkdir(settings.dataDirectory, { recursive: true, mode: 0o700 });

  const broken = Promise.withResolvers<string>();
  const databaseUrl = settings.databaseUrl ?? (await embedded());
  async function embedded(): Promise<string> {
    const postgres = await startEmbedded({
      dataDirectory: settings.dataDirectory,
      log: (message, fields) => log.info({ part: 'postgres', ...fields }, message),
    });
    stops.push(['embedded database', () => postgres.stop()]);
    void postgres.exited.then(({ expected, tail }) => {
      if (!expected) broken.resolve(`the embedded database stopped by itself:\n${tail}`);
    });
    return postgres.connectionString;
  }

  const warn = (error: Error) => log.warn({ err: error }, 'database connection');
  const database = openDatabase({ connectionString: databaseUrl, size: CONNECTIONS.all, onError: warn });
  stops.push(['database', () => database.close()]);
  const { db } = database;
  await migrateUnhurried(databaseUrl, warn);
  if (settings.databaseUrl === null) {
    // The embedded database belongs to this process alone: whatever a killed predecessor held is free at once.
    await endAllRuns(db);
    await endAllLeases(db);
  }
  // A worker that was started without RINGBACK_API_KEYS must not revoke them.
  const { created: createdKey } = has('api') ? await settleKeys(db, settings.apiKeys) : { created: null };
  const secrets = await signingSecrets(settings.dataDirectory, settings.signingSecrets);

  const queue = await openQueue({
    connectionString: databaseUrl,
    onError: (error) => log.warn({ err: error }, 'queue'),
    onWarning: (warning) => log.warn({ warning }, 'queue'),
    perAccount: settings.maxConcurrentJobs,
  });
  stops.push(['queue', () => queue.stop()]);

  const audio = await openAudioFolder(settings.storage);
  const outbound = new Outbound({ policy: { allow, own: [] } });
  stops.push(['outbound', async () => outbound.close()]);
  const fetchTo = (url: string, path: string, signal: AbortSignal) =>
    fetchAudio({
      outbound,
      url,
      path,
      maxBytes: settings.maxAudioBytes,
      totalMs: FETCH_TOTAL_MS,
      idleMs: FETCH_IDLE_MS,
      version,
      signal,
    });

  const speechOptions = {
    size: settings.workers,
    model: settings.model,
    cacheDirectory: join(settings.dataDirectory, 'models'),
    scratchDirectory: join(settings.dataDirectory, 'scratch'),
    ffmpeg: await findFfmpeg(),
    maxDurationSeconds: settings.maxAudioSeconds,
  };
  const speech = createSpeechPool(speechOptions);
  stops.push(['speech', () => speech.close()]);
  // Uploads are measured in processes of their own: with every worker busy for an hour, an upload must not wait.
  const probes = createSpeechPool({ ...speechOptions, size: PROBES });
  stops.push(['probes', () => probes.close()]);

  let address = settings.publicUrl ?? '';
  const publicUrl = () => address;
  let draining = false;
  let drain = () => {};
  let url: string | null = null;
  if (has('api')) {
    const judgeCallback = (text: string) => {
      const verdict = judgeUrl(text, outbound.policy);
      return verdict.ok ? null : verdict.message;
    };
    // An address that may not be reached is found out when it is fetched (it may hide behind a name or a redirect), so
    // it is a job's error in every case; what is no URL at all is refused at once.
    const judgeAudio = (text: string) => {
      const verdict = judgeUrl(text, outbound.policy);
      return verdict.ok || ADDRESS_REFUSALS.has(verdict.reason) ? null : verdict.message;
    };
    const listeners = new Listeners({
      unfinishedAmong: (ids) => unfinishedAmong(db, ids),
      streamsPerAccount: settings.maxEventStreams,
      log,
    });
    stops.push(['listeners', await database.listen(CHANGE_CHANNEL, (payload) => listeners.heard(payload))]);
    drain = () => listeners.drain();
    const server = await buildServer({
      db,
      queue,
      listeners,
      queueDepth: () => queue.depth(db),
      limits: {
        requestsPerMinute: settings.maxRequestsPerMinute,
        queuedJobs: settings.maxQueuedJobs,
        uploads: settings.maxUploads,
        requestBytes: settings.maxRequestBytes,
      },
      front: { connections: shareDescriptors(descriptorLimit()).callers },
      audio,
      log,
      version,
      publicUrl,
      maxBytes: settings.maxAudioBytes,
      findAccounts: (keys) => findAccounts(db, keys),
      judge: { audio: judgeAudio, callback: judgeCallback },
      fetchAudio: fetchTo,
      probe: (path, signal) => probes.probe({ path, signal }),
      serverSecrets: secrets,
      newSecret: generateSecret,
      draining: () => draining,
    });
    stops.push(['http', () => server.close()]);
    await server.listen({ host: settings.host, port: settings.port });
    const bound = server.server.address() as AddressInfo;
    url = listeningUrl(bound);
    address ||= url;
    outbound.setPolicy({ allow, own: ownAddresses(bound) });
    stops.push(['retention', startRetention({ db, audio, retentionMs: settings.retentionMs, log })]);
    log.info({ url, public_url: address }, 'listening');
  } else {
    address ||= `http://${settings.host}:${settings.port}`;
  }

  if (has('transcribe')) {
    const stopTranscribe = await startTranscribe({
      db,
      queue,
      audio,
      log,
      workers: settings.workers,
      perAccount: settings.maxConcurrentJobs,
      callback: {
        format: settings.callbackFormat,
        publicUrl,
        firstWaitMs: () => firstWaitMs(settings.retrySchedule, Math.random),
      },
      fetchAudio: fetchTo,
      transcribe: (path, signal) => speech.transcribe({ path, signal }),
      addons: createAddons({
        languageModel: languageModelOf(settings),
        onFault: (error, addon) => log.error({ err: error, addon }, 'an add-on failed inside Ringback'),
      }),
    });
    stops.push(['transcribe', stopTranscribe]);
  }
  if (has('deliver')) {
    await refuseWrongClock(db);
    const own = openDatabase({
      connectionString: databaseUrl,
      size: CONNECTIONS.deliver,
      onError: warn,
      lookupsOnly: true,
    });
    stops.push(['deliver database', () => own.close()]);
    const stopDeliver = await startDeliver({
      database: own,
      outbound,
      log,
      secretsOf: accountSecrets({
        serverSecrets: secrets,
        list: (account) => listSigningSecrets(own.db, account),
        now: () => performance.now(),
      }),
      version,
      schedule: settings.retrySchedule,
      deadlineMs: settings.callbackTimeoutMs,
      endpointConcurrency: settings.endpointConcurrency,
      now: () => new Date(),
      random: Math.random,
    });
    stops.push(['deliver', stopDeliver]);
  }
  stops.push([
    'readiness',
    async () => {
      draining = true;
      drain();
    },
  ]);
  log.info({ roles: settings.roles, max_audio: formatBytes(settings.maxAudioBytes) }, 'ready');
  return { url, createdKey, signingSecrets: secrets, stop, broken: broken.promise };
}

function languageModelOf(settings: Settings): LanguageModel | null {
  const { llmUrl: url, llmModel: model, llmApiKey: apiKey, llmTimeoutMs: timeoutMs } = settings;
  if (url === null || model === null) return null;
  return { url, model, apiKey, timeoutMs, totalMs: timeoutMs * LLM_TIMEOUTS };
}

/** A model that takes its time ten times over takes no more of a job's. */
const LLM_TIMEOUTS = 10;

/** A migration may build an index over millions of rows: it alone has no limit on the time of a statement. */
async function migrateUnhurried(connectionString: string, onError: (error: Error) => void): Promise<void> {
  const database = openDatabase({ connectionString, size: 2, onError, statementMs: null });
  await migrate(database.db).finally(() => database.close());
}

async function refuseWrongClock(db: Parameters<typeof clockOffset>[0]): Promise<void> {
  const offset = await clockOffset(db);
  if (Math.abs(offset) > WORST_OFFSET_MS)
    throw new Error(
      `This machine's clock is ${Math.round(offset / 1_000)} s away from the database's: receivers would refuse our signatures. Set the clock (NTP), then start again.`,
    );
}

function listeningUrl({ address, port, family }: AddressInfo): string {
  const everywhere = address === '0.0.0.0' || address === '::';
  const host = everywhere ? '127.0.0.1' : family === 'IPv6' ? `[${address}]` : address;
  return `http://${host}:${port}`;
}

/** Callbacks and audio_url must not reach ourselves, whatever networks are allowed. */
function ownAddresses({ address, port }: AddressInfo): { address: string; port: number }[] {
  const everywhere = address === '0.0.0.0' || address === '::';
  const here = Object.values(networkInterfaces()).flatMap((list) => list?.map((one) => one.address) ?? []);
  const addresses = everywhere ? ['127.0.0.1', '::1', '0.0.0.0', '::', ...here] : [address];
  return addresses.map((own) => ({ address: own, port }));
}
