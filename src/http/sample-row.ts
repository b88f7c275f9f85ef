// The row that the transcription of a sample callback would have.
import type { CallbackOutcome } from '../callback-body.ts';
import type { EndedRow } from '../store/deliveries.ts';
import type { Json } from '../store/schema.ts';

export function sampleRow(
  id: string,
  outcome: CallbackOutcome,
  customMetadata: Record<string, unknown>,
): EndedRow {
  const audioUrl = 'https://cdn.example.org/sample.wav';
  const now = new Date();
  const failed = 'code' in outcome;
  const done = 'result' in outcome;
  return {
    id,
    state: failed ? 'error' : done ? 'done' : outcome.event === 'started' ? 'processing' : 'queued',
    created_at: now,
    completed_at: failed || done ? now : null,
    error_code: failed ? outcome.code : null,
    error_message: failed ? outcome.message : null,
    audio_url: audioUrl,
    audio_id: null,
    request: { audio_url: audioUrl, callback: true, custom_metadata: customMetadata as Record<string, Json> },
    request_notes: null,
    filename: done ? 'sample.wav' : null,
    duration: done ? 1.6 : null,
    channels: done ? 1 : null,
  };
}
