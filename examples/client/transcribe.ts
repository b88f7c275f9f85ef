// One file to words through a running server: node examples/client/transcribe.ts call-42.mp3
import { createClient, RingbackError } from 'ringback/client';

const [path] = process.argv.slice(2);
const { RINGBACK_URL = 'http://127.0.0.1:4747', RINGBACK_API_KEY = '' } = process.env;
if (path === undefined) throw new Error('name a media file');

const ringback = createClient({ url: RINGBACK_URL, key: RINGBACK_API_KEY });
try {
  const { audio_url } = await ringback.audio.upload(path);
  const { id } = await ringback.transcriptions.create({ audio_url, custom_metadata: { path } });
  const job = await ringback.transcriptions.wait(id, { timeoutMs: 600_000 });
  console.log(job.result?.transcription.full_transcript ?? `${job.error_reason}: ${job.error_message}`);
} catch (error) {
  if (!(error instanceof RingbackError)) throw error;
  console.error(`${error.reason}: ${error.message}`);
  process.exitCode = 1;
}
