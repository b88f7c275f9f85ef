// The routes in OpenAI's shape: what its clients send and read.
import { type Static, Type } from 'typebox';
import type { HttpErrorCode } from '../../errors.ts';
import { JOB_ERRORS } from '../../errors.ts';
import { FORMATS, GRANULARITIES } from '../openai/options.ts';
import { statusOf } from '../openai/refusal.ts';
import { CreatedJob } from './job.ts';
import { OpenaiProblem } from './openai-problem.ts';
import { closed, IdempotencyKey, operation } from './operation.ts';

const seconds = Type.Number({ minimum: 0 });

const Usage = Type.Object({ type: Type.Literal('duration'), seconds: Type.Integer({ minimum: 0 }) }, closed);

const FRAME = {
  languages: Type.Array(Type.Object({ code: Type.String() }, closed), {
    description: 'Most spoken first; empty where nothing was said, or where it does not sound like English.',
  }),
  usage: Usage,
  warnings: Type.Optional(
    Type.Array(Type.String(), { description: "What must be known about the words (Ringback's own)." }),
  ),
  request_notes: Type.Optional(
    Type.Array(Type.String(), {
      description: "What of the request changed nothing, or is not read (Ringback's own).",
    }),
  ),
};

export const Transcription = Type.Object(
  { text: Type.String(), ...FRAME },
  { title: 'Transcription', ...closed },
);

export const Segment = Type.Object(
  {
    id: Type.Integer({ minimum: 0 }),
    seek: Type.Integer({ minimum: 0, description: 'Where it begins, in hundredths of a second.' }),
    start: seconds,
    end: seconds,
    text: Type.String(),
    tokens: Type.Array(Type.Integer(), { maxItems: 0, description: 'Always empty.' }),
    temperature: Type.Literal(0),
    avg_logprob: Type.Number({
      maximum: 0,
      description: 'The logarithm of the mean confidence of its words.',
    }),
    compression_ratio: Type.Number({ minimum: 0 }),
    no_speech_prob: Type.Literal(0),
  },
  { title: 'Segment', ...closed },
);
export type Segment = Static<typeof Segment>;

export const VerboseTranscription = Type.Object(
  {
    task: Type.Literal('transcribe'),
    language: Type.String({ description: 'Its name: `english`; `unknown` where it is not clear.' }),
    duration: seconds,
    text: Type.String(),
    ...FRAME,
    segments: Type.Optional(Type.Array(Segment)),
    words: Type.Optional(
      Type.Array(Type.Object({ word: Type.String(), start: seconds, end: seconds }, closed)),
    ),
  },
  { title: 'VerboseTranscription', ...closed },
);

const optional = (description: string) => Type.Optional(Type.String({ description }));
const list = (description: string) => Type.Optional(Type.Array(Type.String(), { description }));

const FIELDS = {
  model: optional(
    "Any name of a speech model: `whisper-1`, `gpt-4o-transcribe`, …; this server's own is used.",
  ),
  language: optional('ISO 639-1; left out, it is found out.'),
  languages: list('The same for several.'),
  prompt: optional('Kept, and changes nothing.'),
  keywords: list('Words and phrases to be recognised, as `custom_vocabulary` of a transcription.'),
  response_format: Type.Optional(Type.Enum([...FORMATS], { default: 'json' })),
  timestamp_granularities: Type.Optional(
    Type.Array(Type.Enum([...GRANULARITIES]), {
      description: 'With `verbose_json`; also as `timestamp_granularities[]`. Without it: segments.',
    }),
  ),
  temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'Changes nothing.' })),
  stream: Type.Optional(Type.Boolean({ default: false, description: 'The answer as server-sent events.' })),
  chunking_strategy: optional('`auto` or `server_vad`: which is what is done anyway.'),
  url: optional('In place of a file: where the audio is downloaded.'),
  callback_url: optional("Ringback's own: answered at once with an id, and called back here."),
};

const UNUSABLE = (Object.keys(JOB_ERRORS) as HttpErrorCode[]).filter(
  (code) => code !== 'language_unsupported',
);

const tag = 'OpenAI';
const refused = { schema: OpenaiProblem, statusOf };

export const createOpenaiTranscription = operation({
  id: 'createOpenaiTranscription',
  tag,
  summary: 'Transcribe a file, and wait for its words',
  description:
    'A job like every other: it waits its turn, and is in the lists. Its id is in `x-ringback-transcription`. A client that goes away before it is answered cancels it, unless it sent an `Idempotency-Key`: with that it may come back for the words.',
  headers: IdempotencyKey,
  body: {
    'multipart/form-data': Type.Object({ file: Type.Optional(Type.String({ format: 'binary' })), ...FIELDS }),
    'application/json': Type.Object({
      input_audio: Type.Optional(
        Type.Object({
          data: Type.String({ description: 'Base64, of at most 700,000 bytes.' }),
          format: Type.Optional(Type.String({ description: 'Such as `wav`.' })),
        }),
      ),
      ...FIELDS,
    }),
  },
  answers: {
    200: {
      says: 'The words, as `response_format` asks.',
      schema: Type.Union([Transcription, VerboseTranscription]),
      others: { 'text/plain': Type.String(), 'text/vtt': Type.String(), 'text/event-stream': Type.String() },
    },
    201: { says: 'With `callback_url`: stored.', schema: CreatedJob },
  },
  refusals: [
    'request_invalid',
    'model_unknown',
    'language_unsupported',
    'idempotency_key_reused',
    'media_type_unsupported',
    'request_too_large',
    'uploads_too_many',
    'queue_full',
    'waiting_ended',
    'transcription_unknown',
    ...UNUSABLE,
  ],
  refused,
  callback: true,
});

export const createOpenaiTranslation = operation({
  id: 'createOpenaiTranslation',
  tag,
  summary: 'Always refused: this server transcribes and does not translate',
  body: {
    'multipart/form-data': Type.Object({}, { additionalProperties: true }),
    'application/json': Type.Object({}, { additionalProperties: true }),
  },
  answers: {},
  refusals: ['translation_unsupported', 'media_type_unsupported', 'request_too_large', 'request_invalid'],
  refused,
});

export const ModelSchema = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('model'),
    created: Type.Integer({ description: 'Seconds since 1970: when this server started.' }),
    owned_by: Type.Literal('ringback'),
    root: Type.String({ description: 'The model that it stands for.' }),
  },
  { title: 'Model', ...closed },
);

export const listOpenaiModels = operation({
  id: 'listOpenaiModels',
  tag,
  summary: "The model of this server, and the names of OpenAI's that stand for it",
  answers: {
    200: {
      says: 'All of them.',
      schema: Type.Object({ object: Type.Literal('list'), data: Type.Array(ModelSchema) }, closed),
    },
  },
  refused,
});

export const getOpenaiModel = operation({
  id: 'getOpenaiModel',
  tag,
  summary: 'Whether a name stands for a speech model',
  params: Type.Object({ model: Type.String() }),
  answers: { 200: { says: 'It does.', schema: ModelSchema } },
  refusals: ['model_unknown'],
  refused,
});
