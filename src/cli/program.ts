// The program as a person starts it, and what it brings along: from its sources in a checkout, from JavaScript where it was installed.
import { fileURLToPath } from 'node:url';

const IN_CHECKOUT = import.meta.url.endsWith('.ts');

/** What is typed in front of a command's name. */
export const COMMAND = IN_CHECKOUT ? 'npm run -s ringback --' : 'npx ringback';
export const START = IN_CHECKOUT ? 'npm start' : `${COMMAND} serve`;

/** Eleven seconds of real speech. */
export const CLIP = fileURLToPath(new URL('../../test/fixtures/jfk.wav', import.meta.url));
