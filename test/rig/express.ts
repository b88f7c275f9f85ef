// A program of somebody's own, on Express with its limit: what `listen --forward` forwards to. On a port that it may leave
// and take again.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

type Taken = { id: string; body: Record<string, unknown> };

export type ExpressApp = {
  port: number;
  url: string;
  /** What it took, in order. */
  taken: Taken[];
  down(): Promise<void>;
  up(): Promise<void>;
};

export async function startExpress(limit: string): Promise<ExpressApp> {
  // It comes without types.
  const { default: express } = await import('express' as string);
  const taken: Taken[] = [];
  let server: Server;
  let port = 0;
  const up = async () => {
    const app = express();
    app.use(express.json({ limit }));
    app.post(
      '/hook',
      (
        request: { headers: Record<string, string>; body: Record<string, unknown> },
        response: { sendStatus(status: number): void },
      ) => {
        taken.push({ id: request.headers['webhook-id'] ?? '', body: request.body });
        response.sendStatus(204);
      },
    );
    // Its own handler prints the stack of every 413.
    app.use(
      (
        error: { status?: number },
        _request: unknown,
        response: { sendStatus(status: number): void },
        _: unknown,
      ) => response.sendStatus(error.status ?? 500),
    );
    server = app.listen(port, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    ({ port } = server.address() as AddressInfo);
  };
  await up();
  return {
    port,
    url: `http://127.0.0.1:${port}/hook`,
    taken,
    up,
    down: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
