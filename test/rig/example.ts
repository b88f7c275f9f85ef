// The receivers of examples/receivers as their users run them.
import { fileURLToPath } from 'node:url';
import { type Program, startProgram } from './program.ts';

export const RECEIVERS = ['express.mjs', 'fastify.mjs', 'node-http.mjs', 'python_receiver.py'] as const;

export type Example = Program & {
  /** Where callbacks go. */
  url: string;
  port: number;
};

export type ExampleOptions = {
  secret?: string;
  ringbackUrl?: string;
  apiKey?: string;
  port?: number;
  env?: Readonly<Record<string, string>>;
};

/** Any program that prints `listening on <url>`, on a free port unless one is given. */
export async function startExample(file: URL, options: ExampleOptions): Promise<Example> {
  const program = startProgram({
    command: file.pathname.endsWith('.py') ? 'python3' : process.execPath,
    args: [fileURLToPath(file)],
    env: {
      PORT: String(options.port ?? 0),
      ...(options.secret === undefined ? {} : { RINGBACK_SIGNING_SECRET: options.secret }),
      RINGBACK_URL: options.ringbackUrl ?? 'http://127.0.0.1:1',
      RINGBACK_API_KEY: options.apiKey ?? 'rb_test',
      ...options.env,
    },
  });
  try {
    const url = (await program.line(/^listening on /)).replace('listening on ', '');
    return { ...program, url, port: Number(new URL(url).port) };
  } catch (error) {
    await program.stop();
    throw error;
  }
}

export function exampleFile(name: string): URL {
  return new URL(`../../examples/receivers/${name}`, import.meta.url);
}
