// Stands where `net.connect` stands and shows what would have been dialled: every attempt is recorded with its address, and
// refused. For tests about public addresses, which must never leave the machine.
import { Socket, type TcpNetConnectOpts } from 'node:net';

export type DialSpy = {
  /** The address of each dial, in order. */
  dialled: string[];
  connect(options: TcpNetConnectOpts): Socket;
};

export function dialSpy(): DialSpy {
  const dialled: string[] = [];
  return {
    dialled,
    connect({ host = '' }) {
      dialled.push(host);
      return new Socket().destroy(Object.assign(new Error('refused by the spy'), { code: 'ECONNREFUSED' }));
    },
  };
}
