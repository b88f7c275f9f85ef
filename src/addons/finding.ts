// What a recogniser says it found, and the words it looks at around a token. Pure.
import type { EntityType } from '../entity-types.ts';
import type { Token } from './spoken-text.ts';

/** Tokens of one channel, half open. */
export type Finding = {
  type: EntityType;
  from: number;
  to: number;
  /** Taken for what it is only because nothing else is known about it: redacted, but not listed as an entity. */
  uncertain?: true;
};

/** The bare words before a token, nearest last, with a space on either side. */
export function wordsBefore(tokens: readonly Token[], at: number, count: number): string {
  const words = tokens.slice(Math.max(0, at - count), at);
  return ` ${words.map(({ bare }) => bare).join(' ')} `;
}
