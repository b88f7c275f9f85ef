// Days and instants as requests write them. Pure.

const DAY = /^(?:19|[2-9]\d)\d\d-\d\d-\d\d$/;
const INSTANT = /^(?:19|[2-9]\d)\d\d-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)$/i;

/** A date and time with its zone. */
export function isInstant(text: string): boolean {
  return INSTANT.test(text) && !Number.isNaN(Date.parse(text)) && isDay(text.slice(0, 10));
}

/** YYYY-MM-DD, and a day there is: to JavaScript 30 February is the 2nd of March; nobody means that. */
export function isDay(text: string): boolean {
  const date = new Date(text);
  return DAY.test(text) && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
