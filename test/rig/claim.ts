// A claim of whatever is due, wherever.
import { ANY_HOST, type ClaimOptions } from '../../src/store/leases.ts';

export const CLAIM: ClaimOptions = {
  endpoints: 10,
  room: () => 4,
  leaseMs: 60_000,
  told: [],
  hosts: ANY_HOST,
};
