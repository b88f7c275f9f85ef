// The stream of changes, event by event.
import type { DeliveryEvent, JobEvent } from '../http/schemas/event.ts';
import type { Connection } from './connection.ts';

export type Event = { id: string | null } & (
  | { event: 'job'; data: JobEvent }
  | { event: 'delivery'; data: DeliveryEvent }
  /** Some may be missing: look at the lists. */
  | { event: 'resync'; data: Record<string, never> }
);

export type EventOptions = {
  /** Of the last event seen: goes on after it. */
  lastEventId?: string;
  signal?: AbortSignal;
  /** Hears that the stream is open: what changes from now on will come. */
  onOpen?: () => void;
};

/** Ends when the server ends the stream, or with `signal`; leaving the loop closes it. It is not opened again by itself. */
export async function* eventsOf(
  connection: Connection,
  { lastEventId, signal, onOpen }: EventOptions = {},
): AsyncGenerator<Event, void, void> {
  const stream = await connection.stream('/api/events', {
    timeoutMs: Number.POSITIVE_INFINITY,
    ...(signal && { signal }),
    ...(lastEventId !== undefined && { headers: { 'last-event-id': lastEventId } }),
  });
  onOpen?.();
  const decoder = new TextDecoder();
  let held = '';
  for await (const chunk of stream) {
    held += decoder.decode(chunk, { stream: true });
    const blocks = held.split('\n\n');
    held = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = parsed(block);
      if (event) yield event;
    }
  }
}

/** Undefined for a comment, which only keeps the connection alive. */
function parsed(block: string): Event | undefined {
  const fields = new Map(
    block.split('\n').map((line) => {
      const [name = '', ...value] = line.split(': ');
      return [name, value.join(': ')];
    }),
  );
  const data = fields.get('data');
  if (data === undefined) return undefined;
  return {
    id: fields.get('id') ?? null,
    event: fields.get('event'),
    data: JSON.parse(data),
  } as Event;
}
