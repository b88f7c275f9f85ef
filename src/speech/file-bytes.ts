// Bytes of a file and numbers in them, for those who read headers.

import { readFully } from './mp4.ts';

export function readAt(fd: number, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, readFully(fd, bytes, at));
}

export function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function u32le(bytes: Uint8Array, at: number): number {
  return view(bytes).getUint32(at, true);
}

export function fourCc(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

export function startsWith(bytes: Uint8Array, at: number, expected: readonly number[]): boolean {
  return expected.every((value, index) => bytes[at + index] === value);
}
