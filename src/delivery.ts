// A callback on its way: the states of a delivery and of its attempts. Pure.
// pending → delivering → delivered | pending (next attempt) | failed | cancelled; a resend makes any of them pending.

export const DELIVERY_STATES = ['pending', 'delivering', 'delivered', 'failed', 'cancelled'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

export const METHODS = ['POST', 'PUT'] as const;
export type Method = (typeof METHODS)[number];

/** What the callback tells. */
export const EVENTS = ['success', 'error'] as const;
export type Event = (typeof EVENTS)[number];

/** `full` carries the payload, `reference` only the URL to fetch it from. */
export const DELIVERY_FORMS = ['full', 'reference'] as const;
export type DeliveryForm = (typeof DELIVERY_FORMS)[number];

/** Why an attempt was made. */
export const TRIGGERS = ['schedule', 'resend'] as const;
export type Trigger = (typeof TRIGGERS)[number];
