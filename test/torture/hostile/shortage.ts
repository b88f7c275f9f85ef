// The server's own shortages: so few descriptors that strangers' sockets use up their share, and speech processes that are
// killed from outside. Nobody else is blamed: every job ends `done`, every receiver keeps its good name.
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Ground } from './ground.ts';

export type ShortageOptions = { jobs: number; kills: number; sockets: number };

export type ShortageFigures = {
  jobs: number;
  jobs_blamed: string[];
  receivers_blamed: string[];
  speech_processes_killed: number;
};

async function speechProcesses(server: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const [status, command] = await Promise.all([
      readFile(`/proc/${name}/status`, 'latin1').catch(() => ''),
      readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => ''),
    ]);
    if (Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) === server && /worker\.(ts|js)/.test(command))
      found.push(Number(name));
  }
  return found;
}

export async function shortage(ground: Ground, options: ShortageOptions): Promise<ShortageFigures> {
  const { url, pid, far, victim } = ground;
  const { hostname, port } = new URL(url);
  const ids: string[] = [];
  for (let n = 0; n < options.jobs; n++) {
    const { status, json, text } = await victim.call('POST', '/v2/pre-recorded', {
      audio_url: `${far.url}/clip/short/${n}`,
      callback: true,
      callback_config: { url: `${far.url}/short?n=${n}` },
    });
    if (status !== 201) throw new Error(`a job was refused with ${status}: ${text}`);
    ids.push(json.id);
  }
  const sockets: Socket[] = [];
  for (let n = 0; n < options.sockets; n++) {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => {});
    sockets.push(socket);
  }
  let killed = 0;
  for (let tries = 0; killed < options.kills && tries < 100; tries++) {
    const [one] = await speechProcesses(pid);
    if (one !== undefined) {
      process.kill(one, 'SIGKILL');
      killed++;
    }
    await wait(700);
  }
  for (const socket of sockets) socket.destroy();
  await Promise.all(sockets.map((socket) => socket.closed || once(socket, 'close')));
  const ends = await Promise.all(ids.map((id) => victim.ended(id, 240_000)));
  for (const n of ids.keys()) await far.arrived(`/short?n=${n}`, 30_000);
  const missing = [...ids.keys()].filter((n) => !far.arrivals.has(`/short?n=${n}`));
  const { json: endpoints } = await victim.call('GET', '/api/endpoints');
  return {
    jobs: ids.length,
    jobs_blamed: [
      ...ends.filter(({ status }) => status !== 'done').map(({ id, error_code }) => `${id}: ${error_code}`),
      ...missing.map((n) => `${ids[n]}: not called back`),
    ],
    receivers_blamed: endpoints.items
      .filter(
        (one: { url: string; failures_in_a_row: number; success_rate_24h: number | null }) =>
          one.url === `${far.url}/short` && (one.failures_in_a_row > 0 || (one.success_rate_24h ?? 1) < 1),
      )
      .map(
        ({ url: blamed, failures_in_a_row }: { url: string; failures_in_a_row: number }) =>
          `${blamed}: ${failures_in_a_row}`,
      ),
    speech_processes_killed: killed,
  };
}
