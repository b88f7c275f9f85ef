// For programs written for Deepgram: the query of their requests as Ringback's body, and Ringback's callbacks as what their
// handlers read. Send callbacks with "format": "record".

/** `query` of POST /v1/listen (a URLSearchParams) and the audio's URL as the body of POST /v2/pre-recorded. */
export function requestOf(query, audio_url) {
  const on = (name) => query.get(name) === 'true';
  const callback = query.get('callback');
  const vocabulary = [
    ...query.getAll('keyterm'),
    ...query.getAll('keywords').map((one) => one.split(':')[0]),
  ];
  const language = query.get('language');
  return {
    audio_url,
    ...(callback && {
      callback: true,
      callback_config: {
        url: callback,
        method: query.get('callback_method')?.toUpperCase() === 'PUT' ? 'PUT' : 'POST',
        format: 'record',
      },
    }),
    ...(language && { language_config: { languages: [language.slice(0, 2)] } }),
    ...(vocabulary.length > 0 && { custom_vocabulary: true, custom_vocabulary_config: { vocabulary } }),
    ...(on('multichannel') && { channels: 'separate' }),
    ...(on('diarize') && { diarization: true }),
    ...(on('detect_entities') && { named_entity_recognition: true }),
    ...(on('sentiment') && { sentiment_analysis: true }),
    ...(query.has('redact') && { pii_redaction: true }),
    ...(query.getAll('extra').length > 0 && {
      custom_metadata: Object.fromEntries(query.getAll('extra').map((one) => one.split(':'))),
    }),
  };
}

const plain = (word) =>
  word
    .trim()
    .toLowerCase()
    .replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
const mean = (words) =>
  words.reduce((sum, { confidence }) => sum + confidence, 0) / Math.max(1, words.length);

/** A record that is done as their response: a channel has one alternative. */
export function responseOf({ id, created_at, result }) {
  const { audio_duration, number_of_distinct_channels } = result.metadata;
  const { utterances } = result.transcription;
  const channels = Array.from({ length: Math.max(1, number_of_distinct_channels) }, (_, channel) => {
    const own = utterances.filter((one) => one.channel === channel);
    const words = own
      .flatMap(({ words }) => words)
      .map(({ word, start, end, confidence }) => ({
        word: plain(word),
        start,
        end,
        confidence,
        punctuated_word: word.trim(),
      }));
    return {
      alternatives: [
        { transcript: own.map(({ text }) => text.trim()).join(' '), confidence: mean(words), words },
      ],
    };
  });
  return {
    metadata: { request_id: id, created: created_at, duration: audio_duration, channels: channels.length },
    results: { channels },
  };
}
