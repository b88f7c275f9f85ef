// The composition root: builds the parts, starts them in order, stops them in reverse. The binary, the demo and the
// tests all start the program here; nothing else joins the parts.
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { createAddons } from './addons/addons.ts';
import type { LanguageModel } from './addons/chat.ts';
import { usesStorage } from './agreement.ts';
import { WORST_OFFSET_MS } from './deliver/clock.ts';
import { firstWaitMs } from './deliver/schedule.ts';
import { earlierSecret } from './deliver/secrets.ts';
import { signersOn } from './deliver/signers.ts';
import { startDeliver } from './deliver/start.ts';
import { descriptorLimit, shareOfDescriptors } from './descriptors.ts';
import { DiskFloor } from './disk-floor.ts';
import { FairPlaces } from './fair-places.ts';
import { InboxHub } from './http/inbox-hub.ts';
import { signatureChecker } from './http/inbox-signature.ts';
import { Listeners } from './http/listeners.ts';
import { buildServer } from './http/server.ts';
import { INBOX_LIMITS } from './inbox.ts';
import { parseNetworks } from './outbound/address.ts';
import { Outbound } from './outbound/request.ts';
import { ADDRESS_REFUSALS, judgeUrl, MAX_AUDIO_URL_LENGTH } from './outbound/url.ts';
import { shortNow } from './resources.ts';
import {
  describeSettings,
  isEveryInterface,
  publicUrlTrouble,
  type Settings,
  SettingsError,
} from './settings.ts';
import { ShortageLog } from './shortage-log.ts';
import { generateSecret } from './signature.ts';
import { fileExtension } from './speech/extension.ts';
import { findFfmpeg } from './speech/ffmpeg.ts';
import { createLengths } from './speech/lengths.ts';
import { createSpeechPool } from './speech/pool.ts';
import { openAudioFolder } from './store/audio.ts';
import { clockOffset } from './store/clock.ts';
import { openDatabase } from './store/database.ts';
import { startEmbedded } from './store/embedded.ts';
import { endAllForwarders } from './store/inbox-forwarders.ts';
import { startInboxRetention } from './store/inbox-retention.ts';
import { endAllRuns, unfinishedAmong } from './store/jobs.ts';
import { accountFinder, createFirstKey, settleKeys } from './store/keys.ts';
import { endAllLeases } from './store/leases.ts';
import { startMembership } from './store/membership.ts';
import { migrate } from './store/migrate.ts';
import { countWaiting } from './store/next-job.ts';
import { forgetOthers, printOf, register } from './store/processes.ts';
import { startRetention } from './store/retention.ts';
import { inheritSecret } from './store/signing-secrets.ts';
import { submitter } from './store/submissions.ts';
import { otlpOptions } from './tracing/options.ts';
import { startTracing } from './tracing/start.ts';
import { cancelTranscription } from './transcribe/cancel.ts';
import { fetchAudio } from './transcribe/fetch.ts';
import { MINIMUM_RATE } from './transcribe/slow-host.ts';
import { startTranscribe } from './transcribe/start.ts';
import { ShortageWaits } from './transcribe/waits.ts';
import { formatBytes } from './units.ts';
import { readVersion } from './version.ts';

export type Ringback = {
  /** Where it listens; null without the api role. */
  url: string | null;
  /** The API key made at this first start, to be shown this once. */
  createdKey: string | null;
  /** Drains and stops everything, in reverse order; may be called again. */
  stop(): Promise<void>;
  /** Resolves with the reason when a part we cannot do without is gone (the embedded database crashed). */
  broken: Promise<string>;
};

const FETCH_TOTAL_MS = 3_600_000;
const FETCH_IDLE_MS = 30_000;
/** Of the time for a stop, what the parts that stop after delivery may need. */
const AFTER_CALLBACKS_MS = 5_000;
/** Sending has connections of its own: behind a burst of requests, it would wait its turn in their queue for seconds. */
const CONNECTIONS = { all: 15, deliver: 5 } as const;
/** Downloads for `POST /v2/upload` at a time. */
const UPLOAD_DOWNLOADS = 64;

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
  refuseAddressOfNobody(settings);
  await mkdir(settings.dataDirectory, { recursive: true, mode: 0o700 });

  const tracing = await startTracing(otlpOptions(settings), { version, log });
  stops.push(['traces', () => tracing.stop()]);

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
  stops.push(['news', await database.join()]);
  if (settings.databaseUrl === null) {
    // The embedded database belongs to this process alone: whatever a killed predecessor held is free at once.
    await endAllRuns(db);
    await endAllLeases(db);
    await endAllForwarders(db);
    await forgetOthers(db);
  }
  const audio = await openAudioFolder(settings.storage);
  const { roles, storage } = settings;
  const self = {
    id: randomUUID(),
    roles,
    apiKeys: has('api') ? settings.apiKeys : [],
    secretPrints: settings.signingSecrets.map(printOf),
    places: has('transcribe') ? settings.workers : 0,
  };
  await register(db, self, storage, usesStorage(roles) ? audio : null);
  stops.push(['membership', startMembership({ db, self, log, now: () => performance.now() })]);
  // A worker that was started without RINGBACK_API_KEYS must not revoke them.
  const elsewhere = has('api') ? await settleKeys(db, settings.apiKeys) : [];
  if (elsewhere.length > 0)
    log.warn(
      { keys: elsewhere },
      'these keys are not in RINGBACK_API_KEYS of this server; they stay in force for as long as another running server has them there',
    );
  const { signingSecrets } = settings;
  if (signingSecrets.length === 0) await inheritEarlierSecret(db, settings, log);

  const scratchDirectory = join(settings.dataDirectory, 'scratch');
  await mkdir(scratchDirectory, { recursive: true, mode: 0o700 });
  const floor = new DiskFloor([settings.storage, scratchDirectory]);
  const shortages = new ShortageLog({ log, now: () => performance.now() });
  const descriptors = descriptorLimit();
  const sockets = shareOfDescriptors(descriptors);
  const resources = {
    folders: [settings.storage, settings.dataDirectory],
    descriptorLimit: descriptors,
  };
  // Where its inboxes are, a server that only sends knows by RINGBACK_PUBLIC_URL alone.
  const inboxesAt = (base: string) => (settings.inboxes && base !== '' ? [base] : []);
  const outbound = new Outbound({ policy: { allow, own: [], inboxes: inboxesAt(settings.publicUrl ?? '') } });
  stops.push(['outbound', async () => outbound.close()]);
  const fetchTo = (url: string, path: string, signal: AbortSignal) =>
    fetchAudio({
      outbound,
      url,
      path,
      maxBytes: settings.maxAudioBytes,
      totalMs: FETCH_TOTAL_MS,
      idleMs: FETCH_IDLE_MS,
      minimumRate: MINIMUM_RATE,
      version,
      signal,
    });

  const speechOptions = {
    model: settings.model,
    cacheDirectory: join(settings.dataDirectory, 'models'),
    scratchDirectory,
    ffmpeg: usesStorage(settings.roles) ? await workingFfmpeg(log) : null,
    maxDurationSeconds: settings.maxAudioSeconds,
  };
  const speech = createSpeechPool({ ...speechOptions, size: settings.workers });
  stops.push(['speech', () => speech.close()]);
  const lengths = createLengths(speechOptions);
  stops.push(['lengths', () => lengths.close()]);
  // Loaded while the other parts start: a model that cannot be is known before a job is taken.
  let loading = has('transcribe');
  const loaded = has('transcribe') ? speech.check() : Promise.resolve(null);
  loaded.catch(() => {});
  let address = settings.publicUrl ?? '';
  const publicUrl = () => address;
  const callback = {
    format: settings.callbackFormat,
    publicUrl,
    firstWaitMs: () => firstWaitMs(settings.retrySchedule, Math.random),
  };
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
      const verdict = judgeUrl(text, outbound.policy, MAX_AUDIO_URL_LENGTH);
      return verdict.ok || ADDRESS_REFUSALS.has(verdict.reason) ? null : verdict.message;
    };
    const listeners = new Listeners({
      unfinishedAmong: (ids) => unfinishedAmong(db, ids),
      streamsPerAccount: settings.maxEventStreams,
      log,
    });
    db.teller.hear((news) => listeners.heard(news));
    const hub = new InboxHub({ db, log, streamsPerAccount: settings.maxEventStreams });
    db.teller.hear((news) => hub.heard(news));
    drain = () => {
      listeners.drain();
      hub.drain();
    };
    const downloads = new FairPlaces(UPLOAD_DOWNLOADS);
    const server = await buildServer({
      db,
      submit: submitter(db),
      cancelJob: (accountId, id) => cancelTranscription({ db, audio, callback, log }, accountId, id),
      listeners,
      queueDepth: () => countWaiting(db),
      limits: {
        requestsPerMinute: settings.maxRequestsPerMinute,
        queuedJobs: settings.maxQueuedJobs,
        uploads: settings.maxUploads,
        requestBytes: settings.maxRequestBytes,
      },
      front: { connections: sockets },
      inboxes: settings.inboxes
        ? {
            hub,
            waitMs: inboxWaitMs(settings.callbackTimeoutMs),
            checkSignature: signatureChecker(db, signingSecrets),
          }
        : null,
      audio,
      tracing,
      log,
      version,
      model: settings.model,
      publicUrl,
      callback,
      maxBytes: settings.maxAudioBytes,
      findAccount: accountFinder(db),
      judge: { audio: judgeAudio, callback: judgeCallback },
      fetchAudio: (url, path, signal, account) =>
        downloads.during(account, signal, () => fetchTo(url, path, signal)),
      room: () => floor.check(),
      probe: (path, signal, account) => lengths.of({ path, signal, account }),
      extension: fileExtension,
      serverSecrets: signingSecrets,
      newSecret: generateSecret,
      draining: () => draining,
      loading: () => loading,
      shortages,
      shortNow: async () => {
        const short = await shortNow(resources);
        for (const one of short) shortages.found(one, '/readyz');
        return short;
      },
    });
    stops.push(['http', () => server.close()]);
    await server.listen({ host: settings.host, port: settings.port });
    const bound = server.server.address() as AddressInfo;
    // A name may stand for every interface too.
    refuseAddressOfNobody({ ...settings, host: bound.address });
    url = listeningUrl(bound);
    address ||= url;
    outbound.setPolicy({ allow, own: ownAddresses(bound), inboxes: inboxesAt(address) });
    stops.push(['retention', startRetention({ db, audio, retentionMs: settings.retentionMs, log })]);
    stops.push(['inboxes', startInboxRetention({ db, retentionMs: settings.retentionMs, log })]);
    log.info({ url, public_url: address }, 'listening');
  }

  if (has('transcribe')) {
    const slowBecause = await loaded.catch((error: Error) => {
      log.error({ err: error }, 'the speech model cannot be loaded');
      throw new SettingsError([error.message]);
    });
    if (slowBecause !== null)
      log.warn({ why: slowBecause }, 'the speech model runs at a third of the speed that moonshine-base has');
    loading = false;
    const stopTranscribe = await startTranscribe({
      db,
      audio,
      log,
      workers: settings.workers,
      perAccount: settings.maxConcurrentJobs,
      withoutRoom: () => speech.withoutRoom(),
      room: () => floor.check(),
      shortages,
      waits: new ShortageWaits(),
      callback,
      fetchAudio: fetchTo,
      transcribe: (path, signal, account, how, onPhase) =>
        speech.transcribe({ path, signal, account, ...how, onProgress: ({ phase }) => onPhase(phase) }),
      tracing,
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
      teller: db.teller,
    });
    stops.push(['deliver database', () => own.close()]);
    const stopDeliver = await startDeliver({
      database: own,
      outbound,
      tracing,
      log,
      shortages,
      secretsOf: signersOn(own.db, signingSecrets),
      version,
      schedule: settings.retrySchedule,
      deadlineMs: settings.callbackTimeoutMs,
      endpointConcurrency: settings.endpointConcurrency,
      graceMs: Math.max(0, settings.stopTimeoutMs - AFTER_CALLBACKS_MS),
      sockets,
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
  // Last, so that a start that fails (a port in use, a model that cannot be loaded) takes no key with it.
  const createdKey = has('api') ? await createFirstKey(db) : null;
  log.info({ roles: settings.roles, max_audio: formatBytes(settings.maxAudioBytes) }, 'ready');
  return { url, createdKey, stop, broken: broken.promise };
}

/** Accounts of an earlier version were all signed for with one secret. */
async function inheritEarlierSecret(
  db: Parameters<typeof inheritSecret>[0],
  { dataDirectory }: Settings,
  log: Logger,
): Promise<void> {
  const secret = await earlierSecret(dataDirectory);
  const accounts = secret === null ? 0 : await inheritSecret(db, secret);
  if (accounts > 1)
    log.warn(
      { accounts },
      'these accounts share the signing secret they had before, so that their receivers go on verifying: where they do not trust one another, let each rotate it (POST /api/signing-secrets/rotate)',
    );
}

/** A forwarder's answer comes, or is said to be missing, before our own sender gives the attempt up. */
function inboxWaitMs(callbackTimeoutMs: number): number {
  return Math.min(INBOX_LIMITS.waitMs, Math.max(callbackTimeoutMs / 2, callbackTimeoutMs - 1_000));
}

function refuseAddressOfNobody(settings: Settings): void {
  const trouble = publicUrlTrouble(settings);
  if (trouble !== null) throw new SettingsError([trouble]);
}

/** Files are decoded without it, if there is none that works. */
async function workingFfmpeg(log: Logger): Promise<string | null> {
  const { path, broken } = await findFfmpeg();
  for (const { path: file, why } of broken)
    log.warn({ ffmpeg: file, why, instead: path ?? 'the built-in decoders' }, 'this ffmpeg does not work');
  return path;
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
  const everywhere = isEveryInterface(address);
  const host = everywhere ? '127.0.0.1' : family === 'IPv6' ? `[${address}]` : address;
  return `http://${host}:${port}`;
}

/** Callbacks and audio_url must not reach ourselves, whatever networks are allowed. */
function ownAddresses({ address, port }: AddressInfo): { address: string; port: number }[] {
  const everywhere = isEveryInterface(address);
  const here = Object.values(networkInterfaces()).flatMap((list) => list?.map((one) => one.address) ?? []);
  const addresses = everywhere ? ['127.0.0.1', '::1', '0.0.0.0', '::', ...here] : [address];
  return addresses.map((own) => ({ address: own, port }));
}
