// A job with a callback, and the work of its two stages with all that reaches outside the database replaced: the download,
// recognition and add-ons.
import { writeFile } from 'node:fs/promises';
import { ShortageLog } from '../../src/shortage-log.ts';
import { NO_TRACING } from '../../src/trace.ts';
import type { HandlerDeps } from '../../src/transcribe/handler.ts';
import { ShortageWaits } from '../../src/transcribe/waits.ts';
import { utterance } from '../text/spoken.ts';
import type { Api } from './api.ts';

/** Its id. `more`: of the request. */
export async function submitWithCallback(api: Api, more: object = {}): Promise<string> {
  const { json } = await api.call({
    method: 'POST',
    url: '/v2/pre-recorded',
    body: {
      audio_url: 'https://cdn.example.org/a.mp3',
      callback: true,
      callback_config: { url: 'https://app.example.org/hooks' },
      ...more,
    },
  });
  return json.id;
}

/** Three seconds in which this is said. */
export const transcriptOf = (said: string) => ({
  audioDuration: 3,
  channels: 1,
  distinctChannels: 1,
  utterances: [utterance(0, said)],
});

export function handlerDeps(
  given: Pick<HandlerDeps, 'db' | 'audio' | 'runs' | 'log'> & Partial<HandlerDeps>,
): HandlerDeps {
  return {
    async fetchAudio(_url, path) {
      await writeFile(path, 'audio');
      return { bytes: 5, filename: 'a.mp3' };
    },
    transcribe: async () => transcriptOf('Hello.'),
    addons: async (utterances) => ({ utterances, envelopes: {} }),
    callback: { format: 'short', publicUrl: () => 'https://ringback.example', firstWaitMs: () => 0 },
    shortages: new ShortageLog({ log: given.log, now: () => performance.now() }),
    waits: new ShortageWaits(),
    tracing: NO_TRACING,
    tally: { add: () => {} },
    ...given,
  };
}
