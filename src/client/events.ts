// The stream of changes, event by event.
import type { DeliveryEvent, JobEvent } from '../http/schemas/event.ts';
import type { Connection } from './connection.ts';
import { readEvents } from './event-source.ts';

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
    type: 'text/event-stream',
    ...(signal && { signal }),
    ...(lastEventId !== undefined && { headers: { 'last-event-id': lastEventId } }),
  });
  onOpen?.();
  for await (const { id, event, data } of readEvents(stream))
    yield { id, event, data: JSON.parse(data) } as Event;
}
