// How this process shares out the file descriptors that the system allows it. A process without one left can neither
// open a file nor a connection to its database, so strangers' sockets and receivers' sockets have a share each that they
// never exceed, and the rest stays for PostgreSQL, audio files, decoders and the log.

/** More of either is no use on one machine, however many the system allows. */
const MOST = 10_000;
/** Kept back before anything is shared out: connections to PostgreSQL (some 30), decoders, audio files, the log. */
const RESERVED = 256;

/** Descriptors this process may have open at a time; Infinity where the system sets no limit. */
export function descriptorLimit(): number {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork: boolean };
  // Looking up the names of the machine's addresses may take seconds.
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as unknown as {
    userLimits?: { open_files?: { soft: number | string } };
  };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : Number.POSITIVE_INFINITY;
}

/**
 * Sockets of those who call us, and as many of those we call (receivers of callbacks): two fifths each of what is left
 * after the reserve; of very few, half is the reserve.
 */
export function shareOfDescriptors(limit: number): number {
  const free = limit - Math.min(RESERVED, Math.floor(limit / 2));
  return Math.max(8, Math.min(MOST, Math.floor((free * 2) / 5)));
}
