// What every page of the dashboard must be: accessible, as axe judges it, and no wider than its window.
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

/** `name`: what the failure is told under. */
export async function audit(page: Page, name: string): Promise<void> {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
    return (await axe.run()).violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
  });
  expect([name, violations]).toEqual([name, []]);
  // Only what scrolls in its own place may be wider.
  const wide = await page
    .locator('body')
    .evaluate((body) =>
      [...body.querySelectorAll('*')]
        .filter((one) => !one.closest('.scroll') && one.getBoundingClientRect().right > body.clientWidth)
        .map((one) => one.outerHTML),
    );
  expect([name, wide]).toEqual([name, []]);
}
