// The whole program, with one fault at one named point: `node faulty-server.ts POINT MODE`, settings in the environment.
// The faults stand in the database driver and in the outbound client, under the program: nothing in it knows of them.
// Says `ready URL`, then `fault` when it has come to the point.
import { writeSync } from 'node:fs';
import pg from 'pg';
import { createLog } from '../../src/log.ts';
import { startRingback } from '../../src/main.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { readSettings } from '../../src/settings.ts';

export const POINTS = ['after insert', 'after claim', 'before send', 'after send', 'before record'] as const;
export type Point = (typeof POINTS)[number];
export const MODES = ['kill', 'throw', 'hang'] as const;
export type Mode = (typeof MODES)[number];

const say = (line: string) => writeSync(1, `${line}\n`);

function injectFault(point: Point, mode: Mode): void {
  let done = false;
  /** At the point, once: ends the process, rejects, or never settles. */
  const reach = async (reached: Point, really = true): Promise<void> => {
    if (reached !== point || !really || done) return;
    done = true;
    say('fault');
    if (mode === 'kill') process.kill(process.pid, 'SIGKILL');
    if (mode === 'throw') throw new Error(`injected ${point}`);
    await new Promise(() => {});
  };

  const { exchange } = Outbound.prototype;
  Outbound.prototype.exchange = async function (request) {
    await reach('before send');
    const answer = await exchange.call(this, request);
    await reach('after send');
    return answer;
  };

  /** Connections whose transaction has inserted a job. */
  const inserting = new WeakSet<object>();
  // biome-ignore lint/suspicious/noExplicitAny: pg's overloads; what is given is passed on as it is
  const prototype = pg.Client.prototype as any;
  const { query } = prototype;
  prototype.query = function (...given: unknown[]) {
    const [first] = given as [string | { text?: string }];
    const text = (typeof first === 'string' ? first : first.text) ?? '';
    const run = () => query.apply(this, given);
    if (/INSERT INTO job /.test(text)) inserting.add(this);
    if (text === 'commit' && inserting.delete(this)) return after(run(), () => reach('after insert'));
    if (/UPDATE delivery SET state = 'delivering'/.test(text))
      return after(run() as Promise<pg.QueryResult>, (result) =>
        reach('after claim', result.rows.length > 0),
      );
    if (/INSERT INTO attempt/.test(text) && /answer_head/.test(text)) return reach('before record').then(run);
    return run();
  };
}

async function after<T>(running: Promise<T>, then: (result: T) => Promise<void>): Promise<T> {
  const result = await running;
  await then(result);
  return result;
}

if (import.meta.main) {
  injectFault(process.argv[2] as Point, process.argv[3] as Mode);
  const { url } = await startRingback(readSettings(process.env), createLog('silent'));
  say(`ready ${url}`);
}
