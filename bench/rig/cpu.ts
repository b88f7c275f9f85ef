// Processor time of this process and of PostgreSQL's, per callback: on a shared machine a rate says how busy the others
// were, processor time what the work costs. Linux only (/proc); elsewhere PostgreSQL's is null.
import { readdir, readFile } from 'node:fs/promises';

export type CpuPerItem = { sender_us: number; postgres_us: number | null };

/** `/proc` counts in hundredths of a second on every Linux there is (USER_HZ). */
const TICK_US = 10_000;

/** Starts to count; the function it returns tells what each of `count` items took since. */
export async function startCpu(postmaster: number): Promise<(count: number) => Promise<CpuPerItem>> {
  const own = process.cpuUsage();
  const theirs = await familyUs(postmaster);
  return async (count) => {
    const { user, system } = process.cpuUsage(own);
    const now = await familyUs(postmaster);
    const postgres = now === null || theirs === null ? null : Math.round((now - theirs) / count);
    return { sender_us: Math.round((user + system) / count), postgres_us: postgres };
  };
}

/** Microseconds of a process, its living children, and those it has seen end; null where there is no /proc. */
export async function familyUs(parent: number): Promise<number | null> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  let ticks: number | null = null;
  for (const stat of all) {
    // After the name, which may hold anything: state, ppid, … utime (12th), stime, cutime, cstime.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15).map(Number);
    if (Number.parseInt(stat, 10) === parent) ticks = (ticks ?? 0) + user + system + childUser + childSystem;
    else if (Number(fields[1]) === parent) ticks = (ticks ?? 0) + user + system;
  }
  return ticks === null ? null : ticks * TICK_US;
}
