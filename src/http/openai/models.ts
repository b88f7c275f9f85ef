// Names of speech models, as clients of OpenAI's API and of the servers that speak it know them. All of them mean the model
// that this server has. Pure.
import { basename } from 'node:path';

/** OpenAI's own catalogue: shown beside the model that they stand for. */
const CATALOGUE = [
  'whisper-1',
  'gpt-transcribe',
  'gpt-4o-transcribe',
  'gpt-4o-mini-transcribe',
  'gpt-4o-mini-transcribe-2025-12-15',
  'gpt-4o-transcribe-diarize',
] as const;

/** Families of speech models, of which other servers have hundreds: `Systran/faster-whisper-small`, `nvidia/parakeet-tdt-0.6b-v2`. */
const FAMILIES =
  /whisper|transcribe|moonshine|solaria|parakeet|canary|sensevoice|paraformer|voxtral|wav2vec|conformer|(?:^|[-_/])(?:nova|scribe|asr|stt)(?:$|[-_/.\d])/i;
/** As names of models are written, so that one can be shown. */
const NAME = /^[\w.:/@+-]{1,200}$/;

/** What a model is called that is given as a folder: its place on the disk is nobody's business. */
export const modelId = (model: string): string => basename(model);

/** Whether a request for it means this server's own model. */
export function isServed(name: string, own: string): boolean {
  return name === modelId(own) || (NAME.test(name) && FAMILIES.test(name));
}

export type Model = {
  id: string;
  object: 'model';
  created: number;
  owned_by: 'ringback';
  /** The model that it stands for, as vLLM shows it. */
  root: string;
};

/** `created`: seconds since 1970. */
export function showModel(name: string, own: string, created: number): Model {
  return { id: name, object: 'model', created, owned_by: 'ringback', root: modelId(own) };
}

/** The server's own first. */
export function listModels(own: string, created: number): Model[] {
  return [modelId(own), ...CATALOGUE].map((name) => showModel(name, own, created));
}
