// In a process of its own: asks `/healthz` twenty times a second and looks at the server's memory and descriptors, until its
// parent has had enough. What it tells is the server's, not what the attacking process is kept from seeing.
import { Agent, get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { descriptorsOf, megabytesOf } from '../../rig/proc.ts';

export type Seen = {
  /** Milliseconds of the slowest answer of `/healthz`, a refused or broken connection counting as 10 s. */
  worstHealthMs: number;
  /** Megabytes of resident memory, most of them minus those at the beginning. */
  growthMb: number;
  /** Open descriptors, likewise. */
  descriptors: number;
};

const EVERY_MS = 50;
const LOST_MS = 10_000;

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function ask(url: string): Promise<number> {
  const since = performance.now();
  return new Promise((resolve) => {
    const request = get(`${url}/healthz`, { agent, timeout: LOST_MS }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode === 200 ? performance.now() - since : LOST_MS));
    });
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('error', () => resolve(LOST_MS));
  });
}

async function look(pid: number): Promise<{ mb: number; descriptors: number }> {
  return { mb: await megabytesOf(pid), descriptors: await descriptorsOf(pid) };
}

async function watch(url: string, pid: number): Promise<void> {
  let enough = false;
  process.once('message', () => {
    enough = true;
  });
  await ask(url);
  const first = await look(pid);
  const seen: Seen = { worstHealthMs: 0, growthMb: 0, descriptors: 0 };
  process.send?.('watching');
  while (!enough) {
    seen.worstHealthMs = Math.max(seen.worstHealthMs, Math.round(await ask(url)));
    const now = await look(pid).catch(() => null);
    if (now) {
      seen.growthMb = Math.max(seen.growthMb, Math.round(now.mb - first.mb));
      seen.descriptors = Math.max(seen.descriptors, now.descriptors - first.descriptors);
    }
    await wait(EVERY_MS);
  }
  process.send?.(seen);
  process.disconnect?.();
  agent.destroy();
}

const [, , url, pid] = process.argv;
if (url !== undefined && pid !== undefined) void watch(url, Number(pid));
