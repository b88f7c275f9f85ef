// What signs an attempt: what the database says at that moment, asked for by as few statements as that allows.
import { expect, test } from 'vitest';
import {
  accountSecrets,
  HELD_MS,
  LATE_MS,
  REFRESH_MS,
  SHARED_MS,
} from '../../src/deliver/account-secrets.ts';
import type { SecretInForce } from '../../src/store/signing-secrets.ts';

const forGood = (secret: string): SecretInForce => ({ secret, leftMs: null, ageMs: null });

function start() {
  let clock = 0;
  let tell: (accountId: string | null) => void = () => {};
  const asked: string[][] = [];
  const own = new Map<string, SecretInForce[]>();
  /** What happens while the database is asked, after it has read. */
  let meanwhile: () => void | Promise<void> = () => {};
  const waited: number[] = [];
  let afterWaiting = () => {};
  const secretsOf = accountSecrets({
    serverSecrets: ['server'],
    list: async (ids) => {
      asked.push([...ids]);
      const read = new Map(ids.map((id) => [id, [...(own.get(id) ?? [])]]));
      await meanwhile();
      return read;
    },
    onChange: (changed) => {
      tell = changed;
    },
    now: () => clock,
    wait: async (ms) => {
      waited.push(ms);
      clock += ms;
      afterWaiting();
    },
  });
  return {
    waited,
    afterWaiting: (work: () => void) => {
      afterWaiting = work;
    },
    secretsOf,
    asked,
    own,
    pass: (ms: number) => {
      clock += ms;
    },
    tell: (accountId: string | null) => tell(accountId),
    while: (work: () => void | Promise<void>) => {
      meanwhile = work;
    },
  };
}

test('those that begin together ask once, each account with its own; a moment later it is asked anew', async () => {
  const rig = start();
  rig.own.set('a', [forGood('a1')]);
  const found = await Promise.all(['a', 'b', 'a', 'a'].map(rig.secretsOf));
  expect(found).toEqual([['a1'], ['server'], ['a1'], ['a1']]);
  rig.own.set('a', [forGood('a2')]);
  rig.pass(REFRESH_MS - 1);
  expect(await rig.secretsOf('a')).toEqual(['a1']);
  rig.pass(SHARED_MS);
  expect(await rig.secretsOf('a')).toEqual(['a2']);
  expect(rig.asked).toEqual([['a', 'b'], ['a']]);
});

test('while attempts go on beginning, it is asked for again before it is over, and none of them waits', async () => {
  const rig = start();
  await rig.secretsOf('a');
  rig.own.set('a', [forGood('a1')]);
  const slow = Promise.withResolvers<void>();
  rig.while(() => slow.promise);
  rig.pass(REFRESH_MS);
  const begun = await Promise.all(['a', 'a'].map(rig.secretsOf));
  rig.pass(SHARED_MS - REFRESH_MS - 1);
  begun.push(await rig.secretsOf('a'));
  expect(begun).toEqual([['server'], ['server'], ['server']]);
  // Over: the answer under way is theirs.
  rig.pass(1);
  const late = ['a', 'a'].map(rig.secretsOf);
  slow.resolve();
  expect(await Promise.all(late)).toEqual([['a1'], ['a1']]);
  expect(rig.asked).toEqual([['a'], ['a']]);
});

test('asking ahead that fails is met by the one that needs it', async () => {
  const rig = start();
  await rig.secretsOf('a');
  rig.while(() => Promise.reject(new Error('away')));
  rig.pass(REFRESH_MS);
  expect(await rig.secretsOf('a')).toEqual(['server']);
  await new Promise(setImmediate);
  rig.pass(SHARED_MS);
  await expect(rig.secretsOf('a')).rejects.toThrow('away');
});

test('one that is told to have changed is asked about at once, and nobody else; where much was missed, everybody', async () => {
  const rig = start();
  await Promise.all(['a', 'b'].map(rig.secretsOf));
  rig.own.set('a', [forGood('a1')]);
  rig.tell('a');
  expect(await Promise.all(['a', 'b'].map(rig.secretsOf))).toEqual([['a1'], ['server']]);
  rig.tell(null);
  await Promise.all(['a', 'b'].map(rig.secretsOf));
  expect(rig.asked).toEqual([['a', 'b'], ['a'], ['a', 'b']]);
});

test.each(['a', null])('a rotation while it is looked up: asked again, told of %s', async (told) => {
  const rig = start();
  rig.own.set('a', [forGood('old')]);
  rig.while(() => {
    rig.while(() => {});
    rig.own.set('a', [forGood('new')]);
    rig.tell(told);
  });
  const both = [rig.secretsOf('a'), rig.secretsOf('a')];
  expect(await Promise.all(both)).toEqual([['new'], ['new']]);
  expect(await rig.secretsOf('a')).toEqual(['new']);
});

test('an answer that came late is asked for again, since nobody may have been told; in the end it is believed', async () => {
  const rig = start();
  rig.own.set('a', [forGood('old')]);
  rig.while(() => {
    rig.pass(LATE_MS + 1);
    rig.while(() => {});
    rig.own.set('a', [forGood('new')]);
  });
  expect(await rig.secretsOf('a')).toEqual(['new']);
  rig.pass(SHARED_MS);
  rig.while(() => rig.pass(LATE_MS + 1));
  expect(await rig.secretsOf('a')).toEqual(['new']);
  expect(rig.asked).toHaveLength(2 + 3);
  // It is nothing to go by for the next one.
  rig.while(() => {});
  await rig.secretsOf('a');
  expect(rig.asked).toHaveLength(6);
});

test('the overlap ends at its time, although it is known', async () => {
  const rig = start();
  rig.own.set('a', [forGood('new'), { secret: 'old', leftMs: 3, ageMs: null }]);
  expect(await rig.secretsOf('a')).toEqual(['new', 'old']);
  rig.pass(3);
  expect(await rig.secretsOf('a')).toEqual(['new']);
  expect(rig.asked).toHaveLength(1);
});

test('just after a rotation nothing is begun for a while; then what is in force by then signs', async () => {
  const rig = start();
  const asked = (secret: string, ageMs: number) => ({ secret, leftMs: null, ageMs });
  rig.own.set('a', [asked('new', HELD_MS - 100), { secret: 'old', leftMs: 60_000, ageMs: null }]);
  // Rotated once more meanwhile.
  const rotations = [asked('newer', 40), asked('newer', HELD_MS)];
  rig.afterWaiting(() => rig.own.set('a', rotations.splice(0, 1)));
  expect(await rig.secretsOf('a')).toEqual(['newer']);
  expect(rig.waited).toEqual([100, HELD_MS - 40]);
  rig.own.set('b', [asked('settled', HELD_MS)]);
  rig.own.set('c', [forGood('its first')]);
  const others = await Promise.all(['b', 'c', 'd'].map(rig.secretsOf));
  expect(others).toEqual([['settled'], ['its first'], ['server']]);
  expect(rig.waited).toHaveLength(2);
});

test('who rotates without end holds up its attempts for some seconds, not for ever', async () => {
  const rig = start();
  rig.own.set('a', [{ secret: 'new', leftMs: null, ageMs: 0 }]);
  expect(await rig.secretsOf('a')).toEqual(['new']);
  expect(rig.waited.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(5_000);
});

test("a look-up that fails is nobody else's: the next one asks", async () => {
  const rig = start();
  rig.while(() => Promise.reject(new Error('away')));
  await expect(rig.secretsOf('a')).rejects.toThrow('away');
  rig.while(() => {});
  expect(await rig.secretsOf('a')).toEqual(['server']);
});
