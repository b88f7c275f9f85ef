// What was asked for and this version cannot do, said in the hosted API's own envelope: a typed client still parses
// the result, and nothing is silently left out. Pure.

export type Envelope = {
  success: false;
  is_empty: true;
  exec_time: 0;
  error: { status_code: 501; exception: 'NotImplemented'; message: string };
  results: null;
};

const NOT_YET = {
  diarization: 'telling speakers apart',
  translation: 'translation',
  summarization: 'summarization',
  audio_to_llm: 'asking a language model',
  named_entity_recognition: 'named entity recognition',
  sentiment_analysis: 'sentiment analysis',
  pii_redaction: 'redaction of personal data',
  chapterization: 'chapterization',
  moderation: 'moderation',
  structured_data_extraction: 'structured data extraction',
} as const;

export function envelope(what: string): Envelope {
  return {
    success: false,
    is_empty: true,
    exec_time: 0,
    error: {
      status_code: 501,
      exception: 'NotImplemented',
      message: `This version of Ringback does not support ${what}: the transcription itself is complete.`,
    },
    results: null,
  };
}

/** One envelope for each asked-for add-on, keyed as in the request. */
export function unsupportedAddons(request: Readonly<Record<string, unknown>>): Record<string, Envelope> {
  const asked = Object.entries(NOT_YET).filter(
    ([name]) => request[name] === true || Array.isArray(request[name]),
  );
  return Object.fromEntries(asked.map(([name, what]) => [name, envelope(what)]));
}
