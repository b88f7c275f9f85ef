// What this machine's processor does with small whole numbers.

import { readFile } from 'node:fs/promises';
import type { WeightType } from './graphs/graph-builder.ts';

/**
 * The type of weights that is multiplied without loss. An x86 processor without VNNI adds two products of int8 weights in 16
 * bits and cuts off what is more (vpmaddubsw; ONNX Runtime, "Quantize ONNX models", on U8S8): words would suffer, so there
 * the weights stay uint8, which is slower and exact. Where nobody says what the processor has, it is taken to have none.
 */
export async function weightTypeOfThisMachine(): Promise<WeightType> {
  if (process.arch !== 'x64') return 'int8';
  return weightTypeBy(await readFile('/proc/cpuinfo', 'utf8').catch(() => ''));
}

/** By the text of /proc/cpuinfo. */
export const weightTypeBy = (cpuinfo: string): WeightType =>
  /^flags\s*:.*\b(?:avx512_vnni|avx_vnni)\b/m.test(cpuinfo) ? 'int8' : 'uint8';
