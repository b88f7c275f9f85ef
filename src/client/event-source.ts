// Server-sent events off a stream of bytes.

export type RawEvent = { id: string | null; event: string | null; data: string };

/** Comments, which only keep the connection alive, are passed over. */
export async function* readEvents(
  stream: ReadableStream<Uint8Array>,
  onAlive: () => void = () => {},
): AsyncGenerator<RawEvent, void, void> {
  const decoder = new TextDecoder();
  let held = '';
  for await (const chunk of stream) {
    onAlive();
    held += decoder.decode(chunk, { stream: true });
    const blocks = held.split('\n\n');
    held = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = parsed(block);
      if (event) yield event;
    }
  }
}

function parsed(block: string): RawEvent | undefined {
  const fields = new Map(
    block.split('\n').map((line) => {
      const [name = '', ...value] = line.split(': ');
      return [name, value.join(': ')];
    }),
  );
  const data = fields.get('data');
  if (data === undefined) return undefined;
  return { id: fields.get('id') ?? null, event: fields.get('event') ?? null, data };
}
