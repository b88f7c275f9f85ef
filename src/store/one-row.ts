/** SQLSTATE classes of data and of constraints: one row is refused, and would be each time; the others beside it are not. */
export function isOfOneRow(error: unknown): boolean {
  return /^2[23]/.test(String((error as { code?: unknown } | null)?.code));
}
