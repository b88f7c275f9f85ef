// For programs written for AssemblyAI: their requests as Ringback's, and Ringback's callbacks as what they read.
// Send callbacks with "format": "record", so that one body has all of it.

/** The body of POST /v2/transcript as one of POST /v2/pre-recorded. */
export function requestOf(theirs) {
  const {
    audio_url,
    webhook_url,
    webhook_auth_header_name: header,
    webhook_auth_header_value: secret,
  } = theirs;
  const headers = header === undefined ? {} : { headers: { [header]: secret } };
  const vocabulary = theirs.keyterms_prompt ?? theirs.word_boost;
  const spellings = theirs.custom_spelling?.map(({ from, to }) => [to, from]);
  return {
    audio_url,
    ...(webhook_url && {
      callback: true,
      callback_config: { url: webhook_url, format: 'record', ...headers },
    }),
    ...(theirs.language_code && { language_config: { languages: [theirs.language_code.slice(0, 2)] } }),
    ...(vocabulary && { custom_vocabulary: true, custom_vocabulary_config: { vocabulary } }),
    ...(spellings && {
      custom_spelling: true,
      custom_spelling_config: { spelling_dictionary: Object.fromEntries(spellings) },
    }),
    ...(theirs.speaker_labels && { diarization: true }),
    ...(theirs.entity_detection && { named_entity_recognition: true }),
    ...(theirs.sentiment_analysis && { sentiment_analysis: true }),
    ...(theirs.redact_pii && { pii_redaction: true }),
  };
}

const letter = (speaker) => (speaker === undefined ? null : String.fromCharCode(65 + speaker));
const said = ({ start, end, confidence, speaker }, text) => ({
  text,
  start: Math.round(start * 1000),
  end: Math.round(end * 1000),
  confidence,
  speaker: letter(speaker),
});

/** A record, as a callback or `GET /v2/pre-recorded/{id}` gives it, as their transcript: times in milliseconds. */
export function transcriptOf({ id, status, error_message, result, file }) {
  if (status === 'error') return { id, status, error: error_message };
  if (status !== 'done') return { id, status };
  const { full_transcript, utterances, languages } = result.transcription;
  const all = utterances.map((one) => ({
    ...said(one, one.text),
    words: one.words.map((word) => said({ ...word, speaker: one.speaker }, word.word.trim())),
  }));
  const words = all.flatMap((one) => one.words);
  const confidence = words.reduce((sum, word) => sum + word.confidence, 0) / Math.max(1, words.length);
  return {
    id,
    status: 'completed',
    text: full_transcript,
    words,
    utterances: all,
    confidence,
    audio_duration: Math.round(result.metadata.audio_duration),
    language_code: languages[0],
    audio_url: file?.source ?? null,
  };
}

/** What their webhook says. Their handlers fetch the transcript then; here it has come already. */
export const webhookOf = ({ id, status }) => ({
  transcript_id: id,
  status: status === 'done' ? 'completed' : 'error',
});
