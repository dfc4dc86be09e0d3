/** What mappings of a Node process on Linux with glibc hold. */
export type Kind = 'files' | 'stack' | 'break' | 'arenas' | 'v8' | 'large' | 'small';

/** glibc gives each arena beside the first heaps aligned to this; V8's pages are aligned to and as long as the smaller size. */
const ARENA = 64n * 1024n * 1024n;
const V8_PAGE = 256n * 1024n;
const LARGE = 1024n * 1024n;

const HEAD = /^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \d+\s*(.*)$/;
const RSS = /^Rss:\s+(\d+) kB/;

/** Resident MiB by kind of mapping, from the text of /proc/<pid>/smaps. */
export function residentByKind(smaps: string): Partial<Record<Kind, number>> {
  const kib = new Map<Kind, number>();
  let kind: Kind = 'small';
  for (const line of smaps.split('\n')) {
    const head = HEAD.exec(line);
    if (head !== null) kind = kindOf(BigInt(`0x${head[1]}`), BigInt(`0x${head[2]}`), head[3] ?? '');
    const rss = RSS.exec(line);
    if (rss !== null) kib.set(kind, (kib.get(kind) ?? 0) + Number(rss[1]));
  }
  return Object.fromEntries([...kib].map(([name, size]) => [name, Math.round(size / 1_024)]));
}

function kindOf(start: bigint, end: bigint, name: string): Kind {
  if (name === '[heap]') return 'break';
  if (name.startsWith('[stack')) return 'stack';
  if (name !== '') return 'files';
  const size = end - start;
  if (start % ARENA === 0n && size <= ARENA) return 'arenas';
  if (start % V8_PAGE === 0n && size <= V8_PAGE) return 'v8';
  return size > LARGE ? 'large' : 'small';
}
