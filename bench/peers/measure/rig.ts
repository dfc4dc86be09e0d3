import type { Helper } from '../../harness/helper';
import type { BenchServers } from '../../harness/servers';
import type { PeersConsumerCalls } from '../consumer/consumer';
import type { PeersOptions } from '../options';
import type { Peer, PeerName } from '../peer';

/** What the measurements of one peer work with. */
export interface Rig {
  readonly name: PeerName;
  readonly peer: Peer;
  readonly options: PeersOptions;
  readonly servers: BenchServers;
  readonly tenant: string;
  /** Fresh topics of this peer, in the order in which the consumer looks at them. */
  readonly topics: { readonly counted: string; readonly timed: string; readonly identified: string };
  readonly consumer: Helper<PeersConsumerCalls>;
  readonly log: (line: string) => void;
}
