// A real NGINX with examples/receivers/nginx.conf, or a server block of a test's own, on a free port, with a folder of its own under /tmp.
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { exampleFile } from './example.ts';
import { startProgram } from './program.ts';

/** The binary; null where it is not installed. Debian's is outside an ordinary user's PATH. */
export const NGINX: string | null =
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
    .map((folder) => join(folder, 'nginx'))
    .find((path) => existsSync(path)) ?? null;

export type Nginx = {
  url: string;
  /** As an operator reloads it: old workers finish what they have, and close idle connections. */
  reload(): Promise<void>;
  stop(): Promise<void>;
};

export type NginxOptions = {
  upstreamPort: number;
  /** Changes of the example: each text must be in it. */
  edit?: readonly (readonly [from: string, to: string])[];
};

/** Another server block than the example's, for the port. */
export type OwnServer = { server: (port: number) => string };

export async function startNginx(options: NginxOptions | OwnServer): Promise<Nginx> {
  if (NGINX === null) throw new Error('nginx is not installed');
  const folder = await mkdtemp(join(tmpdir(), 'ringback-nginx-'));
  // Its workers are another user when the tests run as root, and must reach the temporary bodies in here.
  await chmod(folder, 0o755);
  // It cannot listen on port 0; between finding a free port and its bind another process may take it.
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    await writeFile(join(folder, 'nginx.conf'), await configuration(port, options));
    const program = startProgram({
      command: NGINX,
      args: ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr', '-g', 'daemon off;'],
      read: 'stderr',
      stopSignal: 'SIGTERM',
    });
    try {
      await program.line(/start worker process \d+/);
      return {
        url: `http://127.0.0.1:${port}/hooks/stt`,
        async reload() {
          const before = program.count('gracefully shutting down');
          program.signal('SIGHUP');
          await program.line('gracefully shutting down', before + 1);
        },
        async stop() {
          await program.stop();
          await rm(folder, { recursive: true, force: true });
        },
      };
    } catch (error) {
      await program.stop();
      if (tries === 3 || program.count('Address already in use') === 0) {
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
    }
  }
}

async function configuration(port: number, options: NginxOptions | OwnServer): Promise<string> {
  const server = 'server' in options ? options.server(port) : await example(port, options);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
pid nginx.pid;
worker_processes 1;
error_log stderr notice;
events {}
http {
${temporary.map((kind) => `  ${kind}_temp_path ${kind};`).join('\n')}
  access_log off;
${server}
}
`;
}

async function example(port: number, { upstreamPort, edit = [] }: NginxOptions): Promise<string> {
  let server = await readFile(exampleFile('nginx.conf'), 'utf8');
  for (const [from, to] of [
    ['listen 8080;', `listen 127.0.0.1:${port};`],
    ['127.0.0.1:4848', `127.0.0.1:${upstreamPort}`],
    ...edit,
  ] as const) {
    if (!server.includes(from)) throw new Error(`examples/receivers/nginx.conf no longer says ${from}`);
    server = server.replace(from, to);
  }
  return server;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
