// Transcriptions as they are answered: the record, its result, and the routes of both families.
import { type Static, Type } from 'typebox';
import { JOB_ERRORS, type JobErrorCode } from '../../errors.ts';
import { JOB_STATES } from '../../job.ts';
import { SUBTITLE_FORMATS } from '../../job-options.ts';
import { JobRequest } from '../job-request.ts';
import { closed, Id, IdempotencyKey, nullable, operation, Time } from './operation.ts';

// The result is open: an add-on brings its own fields, and clients ignore what they do not know.
const seconds = (description?: string) =>
  Type.Number({ minimum: 0, ...(description !== undefined && { description }) });
const Confidence = Type.Number({ minimum: 0, maximum: 1 });

export const Word = Type.Object(
  {
    word: Type.String({
      description: 'All but the first of the record begin with a space: put together they are its text.',
    }),
    start: seconds(),
    end: seconds(),
    confidence: Confidence,
  },
  { title: 'Word' },
);
export type Word = Static<typeof Word>;

export const Utterance = Type.Object(
  {
    start: seconds(),
    end: seconds(),
    confidence: Confidence,
    channel: Type.Integer({ minimum: 0 }),
    speaker: Type.Optional(Type.Integer({ minimum: 0, description: 'With diarization only.' })),
    language: Type.String({ description: 'That its words are written in.' }),
    // Ringback's own: strict clients know no code for "undetermined".
    language_uncertain: Type.Optional(
      Type.Literal(true, {
        description: 'It does not sound like that language, or is too unclear to be understood.',
      }),
    ),
    text: Type.String(),
    words: Type.Array(Word),
  },
  { title: 'Utterance' },
);
export type Utterance = Static<typeof Utterance>;

export const Addon = Type.Object(
  {
    success: Type.Boolean(),
    is_empty: Type.Boolean(),
    exec_time: Type.Number(),
    error: nullable(
      Type.Object({ status_code: Type.Integer(), exception: Type.String(), message: Type.String() }),
    ),
    results: Type.Unknown(),
  },
  {
    title: 'Addon',
    description:
      'What was asked for beside the words; with `success: false` and why, where it cannot be had.',
  },
);
export type Addon = Static<typeof Addon>;

export const Result = Type.Object(
  {
    metadata: Type.Object({
      audio_duration: seconds(),
      number_of_distinct_channels: Type.Integer({ minimum: 0 }),
      billing_time: seconds('Duration times distinct channels: those with words of their own, at least one.'),
      transcription_time: seconds('From the request on: waiting in the queue counts.'),
      warnings: Type.Optional(
        Type.Array(Type.String(), {
          description: 'What must be known about the words, such as speech that is not English.',
        }),
      ),
    }),
    transcription: Type.Object({
      full_transcript: Type.String(),
      languages: Type.Array(Type.String(), {
        description:
          'Most spoken first; empty where nothing was said, or where it does not sound like English.',
      }),
      utterances: Type.Array(Utterance),
      sentences: Type.Optional(Type.Array(Addon)),
      subtitles: Type.Optional(
        Type.Array(Type.Object({ format: Type.Enum([...SUBTITLE_FORMATS]), subtitles: Type.String() })),
      ),
    }),
  },
  {
    title: 'Result',
    description: 'The words, and one `Addon` for each that was asked for, under its name in the request.',
  },
);
export type Result = Static<typeof Result>;

export const Job = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    request_id: Type.String(),
    version: Type.Literal(2),
    status: Type.Enum([...JOB_STATES]),
    kind: Type.Literal('pre-recorded'),
    created_at: Time,
    completed_at: nullable(Time),
    custom_metadata: nullable(Type.Record(Type.String(), Type.Unknown())),
    error_code: nullable(Type.Integer()),
    error_reason: nullable(Type.Enum(Object.keys(JOB_ERRORS) as JobErrorCode[])),
    error_message: nullable(Type.String()),
    error: Type.Optional(
      Type.String({ description: 'Of one that failed: `error_message`, where other clients look for it.' }),
    ),
    post_session_metadata: Type.Object({}, closed),
    file: nullable(
      Type.Object(
        {
          id: Type.String({ format: 'uuid' }),
          filename: Type.String(),
          source: Type.Union([Type.String(), Type.Null()], {
            description: 'Where it was downloaded from; null for an upload.',
          }),
          audio_duration: seconds(),
          number_of_channels: Type.Integer(),
        },
        { ...closed, description: 'Null until all of it is known.' },
      ),
    ),
    request_notes: Type.Array(Type.String(), {
      description:
        'What was made of fields that were not quite as they should be, and what of the request is not read.',
    }),
    request_params: Type.Record(Type.String(), Type.Unknown(), {
      description:
        'The request as it was understood, its numbers to the letter, with the defaults of what it does not say; without a secret.',
    }),
    result: nullable(Result),
  },
  { title: 'Job', ...closed },
);
export type Job = Static<typeof Job>;

export const CreatedJob = Type.Object(
  { id: Type.String({ format: 'uuid' }), result_url: Type.String({ format: 'uri' }) },
  { title: 'CreatedJob', ...closed },
);
export type CreatedJob = Static<typeof CreatedJob>;

export const JobQuery = Type.Object({
  offset: Type.Optional(Type.Integer({ minimum: 0, default: 0 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 20 })),
  status: Type.Optional(Type.Array(Type.Enum([...JOB_STATES]), { description: 'May be repeated.' })),
  date: Type.Optional(Type.String({ format: 'date', description: 'Created on this day, in UTC.' })),
  after_date: Type.Optional(
    Type.String({ description: 'Created from then on: ISO 8601, a day or an instant.' }),
  ),
  before_date: Type.Optional(Type.String({ description: 'Created before then.' })),
  custom_metadata: Type.Optional(
    // As JSON text; live clients also write `custom_metadata[user]=Ann`.
    Type.Record(Type.String(), Type.Unknown(), {
      description: 'With all of these in it, compared loosely: a client may know a number as text.',
      'x-consume': 'application/json',
    }),
  ),
  result: Type.Optional(
    Type.Boolean({
      default: true,
      description: 'False leaves the results out, which may be megabytes each: `result` is null.',
    }),
  ),
});
export type JobQuery = Static<typeof JobQuery>;

export const JobPage = Type.Object(
  {
    first: Type.String({ format: 'uri' }),
    current: Type.String({ format: 'uri' }),
    next: nullable(Type.String({ format: 'uri' })),
    items: Type.Array(Job),
  },
  { title: 'JobPage', ...closed },
);
export type JobPage = Static<typeof JobPage>;

const tag = 'Transcriptions';

export const createJob = operation(
  {
    id: 'createTranscription',
    tag,
    summary: 'Transcribe',
    description:
      '201 is sent once the job is stored: from then on it ends `done` or `error`, and is called back if asked for. An explicit null counts as absent; unknown fields are kept and shown in `request_params`.',
    headers: IdempotencyKey,
    answers: { 201: { says: 'Stored.', schema: CreatedJob } },
    refusals: [
      'request_invalid',
      'idempotency_key_reused',
      'queue_full',
      'request_too_large',
      'media_type_unsupported',
    ],
    callback: true,
  },
  JobRequest,
);

export const listJobs = operation({
  id: 'listTranscriptions',
  tag,
  summary: 'List transcriptions, newest first',
  query: JobQuery,
  answers: { 200: { says: 'A page, and where the others are.', schema: JobPage } },
  refusals: ['request_invalid'],
});

export const getJob = operation({
  id: 'getTranscription',
  tag,
  summary: 'Look up a transcription, now or at its end',
  params: Id,
  query: Type.Object({
    wait: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 60,
        description: 'Seconds: answered when it ends, or when they are over.',
      }),
    ),
  }),
  answers: { 200: { says: 'The record; `result` once `status` is `done`.', schema: Job } },
  refusals: ['request_invalid', 'transcription_unknown'],
});

export const cancelJob = operation({
  id: 'cancelTranscription',
  tag,
  summary: 'Cancel a transcription that waits or runs',
  description:
    'It ends at once with status `error` and the reason `cancelled`, and is called back about it if asked for. One that has ended is left as it is. The answer is the record as it is now, so cancelling twice does no harm.',
  params: Id,
  answers: { 200: { says: 'The record, cancelled or as it had ended before.', schema: Job } },
  refusals: ['transcription_unknown'],
});

export const deleteJob = operation({
  id: 'deleteTranscription',
  tag,
  summary: 'Delete a transcription, with its result, its audio and the bodies of its callbacks',
  description:
    'One that is queued is deleted as well, and is not called back; one that is processing is refused: cancel it first.',
  params: Id,
  answers: { 202: { says: 'Deleted.' } },
  refusals: ['job_unfinished', 'transcription_unknown'],
});
