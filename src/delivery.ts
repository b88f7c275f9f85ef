// A callback on its way: the states of a delivery and of its attempts. Pure.
// pending → delivering → delivered | pending (next attempt) | failed | cancelled; a resend makes any of them pending.
import type { CallbackHeaders } from './callback-headers.ts';

export const DELIVERY_STATES = ['pending', 'delivering', 'delivered', 'failed', 'cancelled'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

export const METHODS = ['POST', 'PUT'] as const;
export type Method = (typeof METHODS)[number];

/** What a job's callback tells. */
export const EVENTS = ['success', 'error'] as const;
export type Event = (typeof EVENTS)[number];

/** What a delivery tells: webhooks hear of more than a job's own callback does (webhook.ts). */
export const DELIVERY_EVENTS = [...EVENTS, 'created', 'started', 'cancelled', 'endpoint.disabled'] as const;
export type DeliveryEvent = (typeof DELIVERY_EVENTS)[number];
/** Those of a transcription. */
export type JobEvent = Exclude<DeliveryEvent, 'endpoint.disabled'>;

/** `full` carries the payload, `reference` only the URL to fetch it from. */
export const DELIVERY_FORMS = ['full', 'reference'] as const;
export type DeliveryForm = (typeof DELIVERY_FORMS)[number];

/** What a job asks for: where it is to call back, and how. */
export type Callback = {
  url: string;
  method: Method;
  form: DeliveryForm;
  gzip: boolean;
  /** Absent: none of its own. */
  headers?: CallbackHeaders | null;
  /** Absent: as the server's settings say. */
  format?: CallbackFormat | null;
};

/**
 * `short`: `success`, string codes. `gladia`: `transcription.success`, integer codes, as the hosted service sends. `record`:
 * the body of `GET /v2/pre-recorded/{id}` with `event` added, for receivers that parse it so.
 */
export const CALLBACK_FORMATS = ['short', 'gladia', 'record'] as const;
export type CallbackFormat = (typeof CALLBACK_FORMATS)[number];

export const ENDPOINT_STATES = ['closed', 'open', 'half_open', 'disabled'] as const;
export type EndpointState = (typeof ENDPOINT_STATES)[number];

/** How an endpoint is, in one word: `state` and everything else that holds callbacks back there. */
export const ENDPOINT_HEALTHS = ['healthy', 'failing', 'resting', 'paused', 'disabled'] as const;
export type EndpointHealthWord = (typeof ENDPOINT_HEALTHS)[number];

/** Orders of a list of endpoints. */
export const ENDPOINT_SORTS = ['url', 'created', 'undelivered', 'oldest', 'success', 'failing'] as const;
export type EndpointSort = (typeof ENDPOINT_SORTS)[number];

/** What an endpoint's last answers made of it. Times are the database's. */
export type EndpointHealth = {
  readonly state: EndpointState;
  /** Failed attempts in a row, and those of them in which the receiver answered on purpose, which do not open it. */
  readonly failures: number;
  readonly refusals: number;
  /** The first of them, or of those after a long silence; and the last. */
  readonly failingSince: Date | null;
  readonly failedAt: Date | null;
  /** 410s in a row. */
  readonly gone: number;
  /** Times in a row that it opened. */
  readonly trips: number;
  readonly openUntil: Date | null;
  /** No attempt before this time (Retry-After). */
  readonly pausedUntil: Date | null;
  /** Start of the last slow start. */
  readonly rampFrom: Date | null;
  /** Attempts begun before, under an earlier state of affairs, tell nothing of it any more. */
  readonly countsFrom: Date | null;
  readonly disabledReason: string | null;
};

export const HOST_STATES = ['closed', 'open', 'half_open'] as const;
export type HostState = (typeof HOST_STATES)[number];

/** Whether a host (scheme, name and port, of one account) answers at all. Times are the database's. */
export type HostHealth = {
  readonly state: HostState;
  /** Attempts in a row, at any of its endpoints, that no answer came to. */
  readonly silent: number;
  /** Times in a row that it opened. */
  readonly trips: number;
  readonly openUntil: Date | null;
};

/** Why an attempt was made. */
export const TRIGGERS = ['schedule', 'resend', 'replay'] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** Sending many again: running until its filter has no more, or until it is called off. */
export const REPLAY_STATES = ['running', 'done', 'cancelled'] as const;
export type ReplayState = (typeof REPLAY_STATES)[number];

/** Which deliveries a replay sends again, or are cancelled together; what is absent does not narrow it. */
export type CallbackFilter = {
  state?: DeliveryState[];
  /** An endpoint's id. */
  endpoint?: string;
  event?: DeliveryEvent;
  transcription_id?: string;
  webhook_id?: string;
  /** ISO 8601; this instant included. */
  created_after?: string;
  /** ISO 8601; this instant excluded. */
  created_before?: string;
};
