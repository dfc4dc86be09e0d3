import { Traffic } from '../traffic/traffic';
import type { TrafficOptions } from '../traffic/traffic';
import { Rig } from './rig';
import type { RigOptions } from './rig';
import { createTopics } from './topics';

/** A rig with tenants, topics and traffic flowing by SQL, and by HTTP too if `http`. */
export interface FaultRun {
  readonly rig: Rig;
  readonly tenants: readonly string[];
  readonly topics: readonly string[];
  readonly traffic: Traffic;
}

export interface FaultRunOptions extends RigOptions {
  readonly seed: number;
  readonly tenantCount: number;
  /** Post by HTTP as well; needs the api. */
  readonly http?: boolean;
  /** Variables of the api, where it is started. */
  readonly apiEnv?: Readonly<Record<string, string>>;
  readonly traffic?: Partial<TrafficOptions>;
}

/** Runs `body` and ends everything that it started. A failure carries the publishers' rows and the last lines of all logs. */
export async function withTraffic<T>(options: FaultRunOptions, body: (run: FaultRun) => Promise<T>): Promise<T> {
  const rig = await Rig.start(options);
  let traffic: Traffic | null = null;
  try {
    const tenants = await rig.tenants(options.tenantCount);
    const topics = ['orders', 'invoices'].map((name) => `${rig.options.name}-${name}`);
    await createTopics(options.servers.kafkaBrokers, topics);
    const ingest = options.http === true ? await rig.ingest(tenants, options.apiEnv) : null;
    traffic = Traffic.start({
      seed: options.seed,
      databaseUrl: rig.direct.databaseUrl,
      tenants,
      topics,
      ...(ingest !== null && { ingest }),
      ...options.traffic,
    });
    return await body({ rig, tenants, topics, traffic });
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${await rig.describe()}`, {
      cause: error,
    });
  } finally {
    await traffic?.stop();
    await rig.close();
  }
}
