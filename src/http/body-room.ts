// Memory for large bodies. A JSON body is held until it is whole, and nobody need send its end: a thousand clients that
// stop before it would hold a gigabyte. So a large one is read only in one of a few places, which accounts share fairly,
// and is left with its client until there is one.
import type { ServerResponse } from 'node:http';
import { HttpError } from '../errors.ts';
import { FairPlaces } from '../fair-places.ts';

export type BodyRoomLimits = {
  places: number;
  /** Who has waited so long is refused: a client that left while nobody read from it is noticed by nothing else. */
  waitMs: number;
};

const USUAL: BodyRoomLimits = { places: 32, waitMs: 30_000 };

export class BodyRoom {
  readonly #places: FairPlaces;
  readonly #waitMs: number;

  constructor({ places, waitMs }: BodyRoomLimits = USUAL) {
    this.#places = new FairPlaces(places);
    this.#waitMs = waitMs;
  }

  /** Resolves when there is a place, with what gives it back; the end of the request does so, too. */
  async enter(account: string, response: ServerResponse): Promise<() => void> {
    const waiting = new AbortController();
    const giveUp = () => waiting.abort(new HttpError('overloaded', { retryAfterSeconds: 5 }));
    const timer = setTimeout(giveUp, this.#waitMs);
    response.once('close', giveUp);
    if (response.destroyed) giveUp();
    try {
      const leave = await this.#places.enter(account, waiting.signal);
      const done = () => {
        response.off('close', done);
        leave();
      };
      response.once('close', done);
      return done;
    } finally {
      clearTimeout(timer);
      response.off('close', giveUp);
    }
  }
}
