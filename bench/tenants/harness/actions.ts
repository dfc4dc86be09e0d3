import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

const LISTENING = '0A';

/**
 * Counts Temporal's billable actions by the server's own counter. The development server publishes its metrics on a port of its choice, so
 * this looks at the ports that its process listens on. Null where there is no such process or no /proc.
 */
export class TemporalActions {
  private constructor(private readonly url: string) {}

  static async find(pid: number | undefined): Promise<TemporalActions | null> {
    for (const port of pid === undefined ? [] : listeningPorts(pid)) {
      const url = `http://127.0.0.1:${port}/metrics`;
      const text = await scrape(url).catch(() => '');
      if (/^# TYPE .*_?requests/m.test(text)) return new TemporalActions(url);
    }
    return null;
  }

  async count(): Promise<number> {
    return sumOfActions(await scrape(this.url), 'default');
  }
}

/** Of all series of the counter `action` of this namespace, in Prometheus' text format. */
export function sumOfActions(text: string, namespace: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith('action{') && line.includes(`namespace="${namespace}"`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** TCP ports on which the process listens, from the text of /proc/PID/net/tcp and the inodes of its sockets. */
export function portsOf(table: string, inodes: ReadonlySet<string>): number[] {
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTENING && inodes.has(fields[9] ?? ''))
    .map((fields) => Number.parseInt(fields[1]?.split(':').at(-1) ?? '', 16));
}

function listeningPorts(pid: number): number[] {
  try {
    const inodes = new Set(
      readdirSync(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${fd}`))?.[1] ?? ''),
    );
    inodes.delete('');
    return ['tcp', 'tcp6'].flatMap((table) => portsOf(readFileSync(`/proc/${pid}/net/${table}`, 'utf8'), inodes));
  } catch {
    return [];
  }
}

/** Empty for a descriptor that was closed meanwhile. */
function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

async function scrape(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  return response.text();
}
