// Which page is shown: the part of the address after `#`, so that the server has one page to serve, under any path.
import { useEffect, useState } from 'preact/hooks';

export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

export type Route = {
  /** `#/callbacks/0c5b…` is `['callbacks', '0c5b…']`. */
  path: readonly string[];
  query: URLSearchParams;
};

export function readRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  return { path: path.split('/').filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

/** What cannot be decoded names nothing that exists, and is shown as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function link(path: readonly string[], query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of [value].flat()) if (one !== undefined && one !== '') params.append(name, one);
  const asked = params.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${asked === '' ? '' : `?${asked}`}`;
}

export function go(path: readonly string[], query: Query = {}): void {
  location.hash = link(path, query);
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const change = () => setHash(location.hash);
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  return readRoute(hash);
}
