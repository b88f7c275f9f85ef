// The whole program on a temporary folder with its own PostgreSQL, ten kinds of receivers and as many jobs as asked for.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '../../src/client/client.ts';
import { createLog } from '../../src/log.ts';
import { startRingback } from '../../src/main.ts';
import { readSettings } from '../../src/settings.ts';
import { openDatabase } from '../../src/store/database.ts';
import { startEmbedded } from '../../src/store/embedded.ts';
import { addEndpoints, exhaust, type Filling, fill, settled, spread } from './fill.ts';
import { addInbox } from './inbox.ts';
import { giveUp } from './old-failures.ts';
import { KINDS, type Receivers, startReceivers } from './receivers.ts';

const CLIP = fileURLToPath(new URL('../../test/fixtures/jfk.wav', import.meta.url));
/** Of the jobs, those that stay as new as they are. */
const NEW_JOBS = 40;

export type Showcase = { url: string; key: string; client: Client; stop: () => Promise<void> };

export type ShowcaseOptions = { jobs: number; endpoints: number; port?: number };

export async function startShowcase({ jobs, endpoints, port = 0 }: ShowcaseOptions): Promise<Showcase> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const one of stops.splice(0).toReversed()) await one();
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), 'ringback-showcase-'));
    stops.push(() => rm(folder, { recursive: true, force: true }));
    const postgres = await startEmbedded({ dataDirectory: folder, log: () => {} });
    stops.push(() => postgres.stop());
    const settings = {
      RINGBACK_DATA_DIR: folder,
      DATABASE_URL: postgres.connectionString,
      RINGBACK_PORT: String(port),
      RINGBACK_ALLOW_NETWORKS: '127.0.0.0/8',
      RINGBACK_MODEL: 'moonshine-tiny',
      RINGBACK_LOG_LEVEL: 'warn',
    };
    const start = async (more: Record<string, string>) => {
      const server = await startRingback(readSettings({ ...settings, ...more }), createLog('warn'));
      stops.push(server.stop);
      return server;
    };
    // Without a transcriber, so that nobody but the filling takes the jobs; and with a short schedule, so that some fail.
    const first = await start({ RINGBACK_ROLE: 'api,deliver', RINGBACK_RETRY_SCHEDULE: '0s,1s,2s' });
    const { createdKey: key } = first;
    if (key === null) throw new Error('the server started without a key');
    const receivers = await startReceivers();
    stops.push(receivers.close);
    const database = openDatabase({
      connectionString: postgres.connectionString,
      size: 8,
      onError: () => {},
    });
    stops.push(() => database.close());
    stops.push(await database.join());
    const filling = await fillingOf({ database, receivers, key, url: first.url as string });
    await fill(filling, 1, jobs - NEW_JOBS);
    await settled(filling);
    await exhaust(filling);
    await giveUp(database);
    await spread(filling);
    await addEndpoints(filling, endpoints);
    await first.stop();

    const second = await start({ RINGBACK_ROLE: 'api,deliver' });
    const newer = await fillingOf({ database, receivers, key, url: second.url as string });
    await fill(newer, jobs - NEW_JOBS + 1, NEW_JOBS);
    await settled(newer);
    await second.stop();

    const last = await start({});
    const url = last.url as string;
    const client = createClient({ url, key });
    await addInbox(client);
    await addWebhooks(client, receivers);
    return { url, key, client, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Ground = Pick<Filling, 'database' | 'receivers'> & { url: string; key: string };

async function fillingOf({ database, receivers, url, key }: Ground): Promise<Filling> {
  const client = createClient({ url, key });
  const { audio_url: audioUrl } = await client.audio.upload(CLIP);
  return { client, database, receivers, publicUrl: url, audioUrl };
}

/** After the jobs: they would be told of to nobody that the charts show. */
async function addWebhooks({ webhooks }: Client, { urlOf }: Receivers): Promise<void> {
  const [kind] = KINDS;
  if (!kind) return;
  const { id } = await webhooks.create({
    url: urlOf(kind),
    events: ['transcription.success', 'transcription.error', 'endpoint.disabled'],
    description: 'Every result into the archive',
    payload: 'full',
    headers: { authorization: 'Bearer showcase' },
  });
  await webhooks.test(id);
  await webhooks.create({
    url: urlOf(kind),
    events: ['transcription.created'],
    description: 'Counts what one customer sends',
    metadata: { customer: kind.customer },
    enabled: false,
  });
}
