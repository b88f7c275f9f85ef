// What the deliver role really sends, judged by the libraries that receivers verify with: `standardwebhooks`, and `svix`,
// which takes the same headers.
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { generateSecret } from '../../src/signature.ts';
import { type CallbackToOpen, type DeliverRig, startDeliverRig } from '../rig/deliver.ts';
import { type ReceivedRequest, type Receiver, startReceiver } from '../rig/receiver.ts';

const secrets = [generateSecret(), generateSecret()] as const;

let rig: DeliverRig;
let receiver: Receiver;
beforeAll(async () => {
  rig = await startDeliverRig({ secrets });
});
afterAll(() => rig.stop());
beforeEach(async () => {
  receiver = await startReceiver();
  return () => receiver.close();
});

async function sent(callback: Omit<CallbackToOpen, 'url'> = {}): Promise<ReceivedRequest> {
  await rig.open({ url: `${receiver.url}/hooks?job=1`, ...callback });
  const [request] = await receiver.next();
  if (!request) throw new Error('no request');
  return request;
}

describe.each([
  { name: 'standardwebhooks', Webhook: StandardWebhook },
  { name: 'svix', Webhook: SvixWebhook },
])('$name', ({ Webhook }) => {
  test.each<Omit<CallbackToOpen, 'url'>>([
    { text: 'Ask not – naïve, 日本, 🎙' },
    { text: 'By PUT.', method: 'PUT' },
    { event: 'error' },
    { form: 'reference' },
    { format: 'gladia' },
    { bytes: 1_500_000 },
  ])('accepts, with either secret of a rotation: %o', async (callback) => {
    const { body, headers } = await sent(callback);
    // It throws for what it does not accept; svix returns nothing.
    for (const secret of secrets) new Webhook(secret).verify(body.toString(), headers);
  });

  test('accepts the second attempt too, under its own timestamp', async () => {
    let count = 0;
    receiver.setResponse(() => ({ status: ++count === 1 ? 500 : 200 }));
    const first = await sent();
    const [second] = await receiver.next();
    expect(second?.headers['webhook-id']).toBe(first.headers['webhook-id']);
    for (const { body, headers } of [first, second as ReceivedRequest])
      new Webhook(secrets[0]).verify(body.toString(), headers);
  });

  test('refuses another secret, another body, another id, another time', async () => {
    const { body, headers } = await sent();
    const text = body.toString();
    const webhook = new Webhook(secrets[0]);
    expect(() => new Webhook(generateSecret()).verify(text, headers)).toThrow();
    expect(() => webhook.verify(text.replace('Ask', 'ask'), headers)).toThrow();
    expect(() => webhook.verify(JSON.stringify(JSON.parse(text), null, 1), headers)).toThrow();
    expect(() => webhook.verify(text, { ...headers, 'webhook-id': 'another' })).toThrow();
    const later = String(Number(headers['webhook-timestamp']) + 1);
    expect(() => webhook.verify(text, { ...headers, 'webhook-timestamp': later })).toThrow();
    webhook.verify(text, headers);
  });
});
