// An endpoint's health: its word, and the sentence on hover.
import type { Endpoint } from '../../../src/http/schemas/endpoint.ts';
import { HEALTH_WORDS, healthSentence } from '../health.ts';
import { State } from './state.tsx';

export function Health({ of }: { of: Endpoint }) {
  return <State of={of.health} label={HEALTH_WORDS[of.health]} title={healthSentence(of, new Date())} />;
}
