// Audio coming in and going out: the measured upload, and files as they were sent.
import { type Static, Type } from 'typebox';
import { JOB_ERRORS, type JobErrorCode } from '../../errors.ts';
import { closed, Id, IdempotencyKey, operation } from './operation.ts';

export const Upload = Type.Object(
  {
    audio_url: Type.String({
      format: 'uri',
      description: 'To be handed back as `audio_url` of a transcription.',
    }),
    audio_metadata: Type.Object(
      {
        id: Type.String({ format: 'uuid' }),
        filename: Type.String(),
        source: Type.Optional(Type.String({ description: 'Where it was downloaded from.' })),
        extension: Type.String({
          description: 'As the name says where the bytes agree, else as the bytes say.',
        }),
        size: Type.Integer({ minimum: 1 }),
        audio_duration: Type.Number({ minimum: 0 }),
        number_of_channels: Type.Integer({ minimum: 1 }),
      },
      closed,
    ),
  },
  { title: 'Upload', ...closed },
);
export type Upload = Static<typeof Upload>;

const UNUSABLE = (Object.keys(JOB_ERRORS) as JobErrorCode[]).filter((code) => code.startsWith('audio_'));

export const uploadAudio = operation({
  id: 'uploadAudio',
  tag: 'Transcriptions',
  summary: 'Upload audio or video, or have it downloaded',
  description:
    'A multipart part named audio, the file itself as the body, or JSON. The name of a file that is the body goes in `x-filename` (percent-encoded), `content-disposition` or the query.',
  headers: IdempotencyKey,
  query: Type.Object({ filename: Type.Optional(Type.String()) }),
  body: {
    'multipart/form-data': Type.Object({ audio: Type.String({ format: 'binary' }) }),
    // A body that is the file, with its own media type.
    'audio/*': Type.String({ format: 'binary' }),
    'video/*': Type.String({ format: 'binary' }),
    'application/octet-stream': Type.String({ format: 'binary' }),
    'application/json': Type.Object({ audio_url: Type.String({ format: 'uri', maxLength: 8_192 }) }),
  },
  answers: { 200: { says: 'Stored and measured.', schema: Upload } },
  refusals: [
    'request_invalid',
    'idempotency_key_reused',
    'media_type_unsupported',
    'uploads_too_many',
    ...UNUSABLE,
  ],
});

const FILE = {
  200: {
    says: 'The bytes as they came.',
    schema: Type.String({ format: 'binary' }),
    mediaType: 'application/octet-stream',
  },
} as const;

export const getFile = operation({
  id: 'getFile',
  tag: 'Transcriptions',
  summary: 'Download an upload',
  params: Id,
  answers: FILE,
  refusals: ['audio_unknown'],
});

export const getJobFile = operation({
  id: 'getTranscriptionFile',
  tag: 'Transcriptions',
  summary: 'Download the audio of a transcription',
  params: Id,
  answers: FILE,
  refusals: ['transcription_unknown', 'audio_unknown'],
});
