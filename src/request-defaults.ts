// What a request means that does not say it: the hosted API's defaults, as its records repeat them. Pure.

const DEFAULTS: Readonly<Record<string, unknown>> = {
  model: 'solaria-1',
  callback: false,
  subtitles: false,
  diarization: false,
  sentences: false,
  punctuation_enhanced: false,
  custom_spelling: false,
  custom_vocabulary: false,
  named_entity_recognition: false,
  sentiment_analysis: false,
  translation: false,
  summarization: false,
  audio_to_llm: false,
  pii_redaction: false,
  language_config: { languages: [], code_switching: false },
};

/** What was asked for stands; what was not, or as null, is as it is taken. */
export function withDefaults(request: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const said: Record<string, unknown> = { ...request };
  // The older spelling asks for one without saying so.
  if (typeof request.callback_url === 'string') said.callback ??= true;
  for (const [name, value] of Object.entries(DEFAULTS)) said[name] ??= value;
  return said;
}
