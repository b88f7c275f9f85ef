// Stands where `net.connect` stands and shows what would have been dialled: every attempt is recorded with the addresses
// it was pinned to, and refused. For tests about public addresses, which must never leave the machine.
import { isIP, type LookupFunction, Socket, type TcpNetConnectOpts } from 'node:net';

export type DialSpy = {
  /** The addresses of each dial, in order. */
  dialled: string[][];
  connect(options: TcpNetConnectOpts): Socket;
};

export function dialSpy(): DialSpy {
  const dialled: string[][] = [];
  return {
    dialled,
    connect(options) {
      const host = options.host ?? '';
      const socket = new Socket();
      const refuse = (addresses: string[]) => {
        dialled.push(addresses);
        socket.destroy(Object.assign(new Error('refused by the spy'), { code: 'ECONNREFUSED' }));
      };
      if (isIP(host) !== 0) refuse([host]);
      else {
        (options.lookup as LookupFunction)(host, { all: true }, (_error, addresses) => {
          refuse((addresses as { address: string }[]).map(({ address }) => address));
        });
      }
      return socket;
    },
  };
}
