// The API key of whoever looks: kept by this browser for the tab, or until they sign out. Never in an address.
const NAME = 'ringback.key';

export function storedKey(): string | null {
  return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME);
}

export function storeKey(key: string, { keep }: { keep: boolean }): void {
  (keep ? localStorage : sessionStorage).setItem(NAME, key);
}

export function forgetKey(): void {
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
}
