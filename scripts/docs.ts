// Writes the pages of docs/ that are made from tables in the code; with --check, only says which are stale.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { pino } from 'pino';
import { everyCommand } from '../src/cli/commands.ts';
import { HTTP_ERRORS, JOB_ERRORS } from '../src/errors.ts';
import { buildServer, type HttpDeps } from '../src/http/server.ts';
import { CLIENT_VARIABLES, flagOf, SETTINGS } from '../src/settings.ts';
import { readVersion } from '../src/version.ts';

const MADE = '<!-- Made by "npm run docs" from the code: edit the table there. -->';

const cell = (text: string) => text.replaceAll('|', '\\|');

function settingsPage(): string {
  const rows = SETTINGS.map(
    (row) =>
      `| \`${row.variable}\` | \`--${flagOf(row.variable)}\` | ${row.fallback ? `\`${row.fallback}\`` : ''} | ${cell(row.meaning)}${row.secret ? ' (secret: never logged)' : ''} |`,
  );
  return `${MADE}

# Settings

Flags over environment over a \`.env\` file in the current folder over defaults. An empty value counts as unset; an
unknown \`RINGBACK_…\` variable is refused, so a typo cannot go unnoticed. Durations are written \`500ms\`, \`15s\`, \`10m\`,
\`6h\`, \`30d\`; sizes \`500KB\`, \`1000MB\` (10^6) or \`512MiB\` (2^20).

| variable | flag of \`ringback serve\` | default | meaning |
|---|---|---|---|
${rows.join('\n')}

## Of the commands that call a server

The [commands](cli.md) that call a server read these, in the same order; \`serve\` has no use for them.

| variable | flag | default | meaning |
|---|---|---|---|
${CLIENT_VARIABLES.map(({ variable, flag, fallback, meaning }) => `| \`${variable}\` | \`--${flag}\` | ${fallback ? `\`${fallback}\`` : ''} | ${cell(meaning)} |`).join('\n')}
`;
}

function errorsPage(): string {
  const row = ([code, { status, integer, says }]: [
    string,
    { status: number; integer: number; says: string },
  ]) => `| \`${code}\` | ${status} | ${integer} | ${cell(says)} |`;
  return `${MADE}

# Errors

Every error answer has the hosted API's body; \`error.reason\` is the code below, \`error.code\` its integer. Under \`/v1\` they have
[that of OpenAI](openai.md#errors).

\`\`\`json
{ "timestamp": "…", "path": "/v2/pre-recorded", "request_id": "G-3f9ad01c", "statusCode": 400,
  "message": "Invalid parameter(s). See validation_errors for more details.",
  "validation_errors": ["callback_config.url is required when callback is true"],
  "error": { "code": 400, "reason": "request_invalid", "message": "callback_config.url is required when callback is true" } }
\`\`\`

## Why a request is refused

| code | HTTP status | integer | sentence |
|---|---|---|---|
${Object.entries(HTTP_ERRORS).map(row).join('\n')}

## Why a job ends in \`error\`

In the error callback as \`error.code\` (\`short\` format) or as the integer (\`gladia\` format), with a sentence that fits
the case; in the record as \`error_code\` (the integer), \`error_reason\` and \`error_message\`. An upload that is no usable
audio is refused at once with the status given here.

| code | HTTP status of a refused upload | integer | sentence |
|---|---|---|---|
${Object.entries(JOB_ERRORS).map(row).join('\n')}
`;
}

async function commandsPage(): Promise<string> {
  const sections: string[] = [];
  const add = (command: Command, path: string) => {
    command.configureHelp({ helpWidth: 110 });
    let help = '';
    command.configureOutput({
      writeOut: (text) => {
        help += text;
      },
    });
    command.outputHelp();
    const usage = help.replace(/^Usage: \S+/, `Usage: ${path}`).trimEnd();
    sections.push(`${'#'.repeat(path.split(' ').length)} ${path}\n\n\`\`\`text\n${usage}\n\`\`\``);
    for (const one of command.commands) add(one, `${path} ${one.name()}`);
  };
  for (const command of await everyCommand()) add(command, `ringback ${command.name()}`);
  return `${MADE}

# The command line

\`npm run -s ringback -- COMMAND\` in a checkout, \`npx ringback COMMAND\` where the package is installed.

* **Where the server is and the key**: \`--url\` and \`--key\`, over \`RINGBACK_URL\` and \`RINGBACK_API_KEY\`, over a \`.env\` file in the current
  folder, over what \`ringback login\` kept (\`~/.config/ringback/profiles.json\`, readable by you alone). A kept key is sent to its own
  server and to no other. \`--profile NAME\` goes before the environment.
* **Ids** may be their beginning, four digits or more, where nothing else begins so.
* **Lists** are as wide as the terminal, with short ids and times; piped, they are whole. \`--json\` prints what the API answered, its
  numbers as they came. \`--watch\` shows a list again and again.
* **Results** go to standard output, everything else to standard error, without control characters of strangers. \`NO_COLOR\` is honoured.
* **Exit code**: 0 when it did what was asked; 1 when not, with one sentence that says what to do; 130 after Ctrl-C.

${sections.join('\n\n')}
`;
}

async function openApiDocument(): Promise<string> {
  // Routes are registered, not called: what they would work with is not needed.
  const deps = {
    version: readVersion(),
    log: pino({ level: 'silent' }),
    limits: { requestBytes: 1, requestsPerMinute: null, uploads: null, queuedJobs: null },
    front: { connections: 1 },
    listeners: { drain() {} },
  } as unknown as HttpDeps;
  const server = await buildServer(deps);
  await server.ready();
  const document = server.swagger();
  await server.close();
  return `${JSON.stringify(document, null, 2)}\n`;
}

const PAGES = {
  'docs/settings.md': settingsPage(),
  'docs/errors.md': errorsPage(),
  'docs/cli.md': await commandsPage(),
  'docs/openapi.json': await openApiDocument(),
};

const check = process.argv.includes('--check');
let stale = false;
for (const [path, text] of Object.entries(PAGES)) {
  if (!check) writeFileSync(path, text);
  else if (readIfThere(path) !== text) {
    stale = true;
    process.stderr.write(`${path} is stale: run "npm run docs"\n`);
  }
}
process.exitCode = stale ? 1 : 0;

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
