// One recogniser over one set of clips, in a process of its own: `node recogniser.ts ringback|sherpa MODEL FOLDER`, FOLDER
// with `set.json` as bench/peers.ts writes it. Prints one JSON line. CPU is that of recognition alone.

import { readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fullTranscript } from '../../src/speech/assemble.ts';
import { loadEngine } from '../../src/speech/engine.ts';
import { SAMPLE_RATE } from '../../src/speech/transcript.ts';
import { type PeerClip, type PeerResult, peerFiles } from '../peers.ts';
import { comparableWords, wordErrors } from '../wer.ts';

/** The part of sherpa-onnx-node that is used; it has no types. */
type Sherpa = {
  OfflineRecognizer: new (
    config: object,
  ) => {
    createStream(): { acceptWaveform(audio: { sampleRate: number; samples: Float32Array }): void };
    decode(stream: object): void;
    getResult(stream: object): { text: string };
  };
  Vad: new (
    config: object,
    bufferSeconds: number,
  ) => {
    acceptWaveform(samples: Float32Array): void;
    isEmpty(): boolean;
    front(external: boolean): { samples: Float32Array };
    pop(): void;
    flush(): void;
    reset(): void;
  };
};

type Recogniser = (samples: Int16Array) => Promise<string>;

const [name = '', model = '', folder = ''] = process.argv.slice(2);

async function ringback(): Promise<Recogniser> {
  const cacheDirectory = path.join(tmpdir(), 'ringback-bench-models');
  const engine = await loadEngine({ model, cacheDirectory, threads: 1 });
  return async (samples) => {
    const file = path.join(folder, `${process.pid}.pcm`);
    await writeFile(file, samples);
    const utterances = await engine.recognise({ path: file, samples: samples.length }, { channel: 0 });
    await rm(file);
    return fullTranscript(utterances);
  };
}

/** As its examples have it for long audio: Silero cuts, at most 15 s are recognised at a time. One thread. */
async function sherpa(): Promise<Recogniser> {
  const sherpaOnnx = createRequire(import.meta.url)('sherpa-onnx-node') as Sherpa;
  const { encoder, decoder, tokens, voice } = await peerFiles(model, folder);
  const recogniser = new sherpaOnnx.OfflineRecognizer({
    featConfig: { sampleRate: SAMPLE_RATE, featureDim: 80 },
    modelConfig: {
      moonshine: { encoder, mergedDecoder: decoder },
      tokens,
      numThreads: 1,
      provider: 'cpu',
      debug: 0,
    },
  });
  const window = 512;
  const detector = new sherpaOnnx.Vad(
    {
      sileroVad: {
        model: voice,
        threshold: 0.5,
        minSpeechDuration: 0.25,
        minSilenceDuration: 0.5,
        maxSpeechDuration: 15,
        windowSize: window,
      },
      sampleRate: SAMPLE_RATE,
      debug: false,
      numThreads: 1,
    },
    60,
  );
  const text = (samples: Float32Array): string => {
    const stream = recogniser.createStream();
    stream.acceptWaveform({ sampleRate: SAMPLE_RATE, samples });
    recogniser.decode(stream);
    return recogniser.getResult(stream).text;
  };
  return async (clip) => {
    const samples = Float32Array.from(clip, (sample) => sample / 32_768);
    const said: string[] = [];
    const drain = (): void => {
      for (; !detector.isEmpty(); detector.pop()) said.push(text(detector.front(false).samples));
    };
    for (let at = 0; at + window <= samples.length; at += window) {
      detector.acceptWaveform(samples.subarray(at, at + window));
      drain();
    }
    detector.flush();
    drain();
    detector.reset();
    return said.join(' ');
  };
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

const loading = performance.now();
const recognise = await (name === 'sherpa' ? sherpa() : ringback());
const loadSeconds = (performance.now() - loading) / 1000;
const clips = JSON.parse(await readFile(path.join(folder, 'set.json'), 'utf8')) as PeerClip[];
const result: PeerResult = { cpu: 0, audio: 0, errors: 0, words: 0, load: loadSeconds, memory: 0 };
for (const [i, { file, reference }] of clips.entries()) {
  const bytes = await readFile(file);
  const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
  // The first one of a process pays for pages and caches.
  if (i === 0) await recognise(samples);
  const before = cpuSeconds();
  const text = await recognise(samples);
  result.cpu += cpuSeconds() - before;
  result.audio += samples.length / SAMPLE_RATE;
  const { errors, reference: words } = wordErrors(comparableWords(reference), comparableWords(text));
  result.errors += errors;
  result.words += words;
}
result.memory = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify(result));
process.exit(0);
