// Debian's Chromium, and pages that remember what they asked for and what they complained about.
import { existsSync } from 'node:fs';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';

export const CHROMIUM = '/usr/bin/chromium';
export const hasBrowser = existsSync(CHROMIUM);

export type WatchedPage = {
  page: Page;
  /** Every address the page asked for. */
  asked: string[];
  /** Errors it logged or threw, and what its policy forbade. */
  complaints: string[];
};

export async function openBrowser() {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  return {
    async watchedPage(options?: BrowserContextOptions): Promise<WatchedPage> {
      const page = await browser.newPage(options);
      // A browser, a speech model and a database on two busy cores.
      page.setDefaultTimeout(60_000);
      const asked: string[] = [];
      const complaints: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      page.on('console', (message) => {
        if (message.type() === 'error' || message.text().includes('Content Security Policy'))
          complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      return { page, asked, complaints };
    },
    close: () => browser.close(),
  };
}
