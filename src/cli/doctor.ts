// `ringback doctor`: is everything here that the server needs? One line a check; exits 1 when one fails.
import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { diskSpace } from '../disk-space.ts';
import { publicUrlTrouble, type Settings } from '../settings.ts';
import { loadEngine } from '../speech/engine.ts';
import { findFfmpeg } from '../speech/ffmpeg.ts';
import { clockOffset } from '../store/clock.ts';
import { type Database, openDatabase, serverVersion } from '../store/database.ts';
import { type Joined, startOrJoinEmbedded } from '../store/embedded-join.ts';
import { formatBytes } from '../units.ts';
import { sentenceOf } from './failure.ts';
import { addSettingFlags, settingsOf } from './options.ts';

type Finding = { state: 'ok' | 'note' | 'FAIL'; says: string };
const ok = (says: string): Finding => ({ state: 'ok', says });
const note = (says: string): Finding => ({ state: 'note', says });
const fail = (says: string): Finding => ({ state: 'FAIL', says });

const OLDEST_NODE = [22, 19] as const;
const OLDEST_POSTGRES = 14;
const LEAST_DISK = 2e9;
const WORST_CLOCK_MS = 30_000;

export function doctorCommand(): Command {
  const command = new Command('doctor').description(
    'check Node, the database, the model, the disk and the clock',
  );
  addSettingFlags(command);
  return command.action(async () => {
    const settings = settingsOf(command);
    let failed = false;
    const tell = (name: string, { state, says }: Finding) => {
      failed ||= state === 'FAIL';
      process.stdout.write(`${state.padEnd(4)}  ${name.padEnd(9)} ${says}\n`);
    };
    tell('node', node());
    const address = publicUrlTrouble(settings);
    if (address !== null) tell('address', fail(address));
    tell('disk', await disk(settings));
    for (const [name, finding] of await database(settings)) tell(name, finding);
    tell('model', await model(settings));
    for (const finding of await ffmpeg()) tell('ffmpeg', finding);
    process.exitCode = failed ? 1 : 0;
  });
}

async function ffmpeg(): Promise<Finding[]> {
  const { path, broken } = await findFfmpeg();
  const unfit = broken.map((one) => note(`${one.path} does not work: ${one.why}`));
  const needed = 'long m4a, mp4, flac, ogg and webm files, and MPEG-TS, need it';
  const none = broken.length > 0 ? `none works: ${needed}` : `not found: ${needed}`;
  return [...unfit, path === null ? note(none) : ok(path)];
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const old = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  return old ? fail(`${process.version}: install ${OLDEST_NODE.join('.')} or newer`) : ok(process.version);
}

async function disk({ dataDirectory }: Settings): Promise<Finding> {
  try {
    await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
    await access(dataDirectory, constants.W_OK);
    const { free } = await diskSpace(dataDirectory);
    const says = `${formatBytes(free)} free for ${dataDirectory}`;
    return free < LEAST_DISK ? fail(`${says}: make room for at least ${formatBytes(LEAST_DISK)}`) : ok(says);
  } catch (error) {
    return fail(`${dataDirectory}: ${(error as Error).message}`);
  }
}

async function database(settings: Settings): Promise<[string, Finding][]> {
  const findings: [string, Finding][] = [];
  let postgres: Joined | undefined;
  let opened: Database | undefined;
  try {
    if (settings.databaseUrl === null)
      postgres = await startOrJoinEmbedded({ dataDirectory: settings.dataDirectory, log: () => {} });
    opened = openDatabase({
      connectionString: settings.databaseUrl ?? postgres?.connectionString ?? '',
      size: 1,
      onError: () => {},
    });
    const version = await serverVersion(opened.db);
    const where =
      postgres === undefined
        ? 'DATABASE_URL'
        : postgres.running
          ? 'embedded, of the running server'
          : 'embedded';
    findings.push([
      'database',
      Number.parseInt(version, 10) < OLDEST_POSTGRES
        ? fail(`PostgreSQL ${version} (${where}): ${OLDEST_POSTGRES} or newer is needed`)
        : ok(`PostgreSQL ${version} (${where})`),
    ]);
    const offset = Math.round(await clockOffset(opened.db));
    findings.push([
      'clock',
      Math.abs(offset) > WORST_CLOCK_MS
        ? fail(`${offset} ms from the database's: signatures would be refused; set the clock (NTP)`)
        : ok(`${offset} ms from the database's`),
    ]);
  } catch (error) {
    findings.push(['database', fail(sentenceOf(error))]);
  } finally {
    await opened?.close();
    await postgres?.stop();
  }
  return findings;
}

async function model(settings: Settings): Promise<Finding> {
  try {
    const engine = await loadEngine({
      model: settings.model,
      cacheDirectory: join(settings.dataDirectory, 'models'),
      threads: 1,
    });
    await engine.close();
    const { slowBecause } = engine;
    return ok(
      slowBecause === null
        ? engine.model
        : `${engine.model}, at a third of the speed that moonshine-base has: ${slowBecause}`,
    );
  } catch (error) {
    return fail((error as Error).message);
  }
}
