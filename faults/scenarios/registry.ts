import type { Group, Scenario } from '../runner/scenario';
import { brokerFrozen } from './kafka/broker-frozen';
import { brokerKilled } from './kafka/broker-killed';
import { brokerRestarted } from './kafka/broker-restarted';
import { clusterNodesDown } from './kafka/cluster-nodes-down';
import { clusterRollingRestart } from './kafka/cluster-rolling-restart';
import { kafkaDiskFull } from './kafka/disk-full';
import { frames } from './kafka/frames';
import { idsExpired } from './kafka/ids-expired';
import { topicDeleted } from './kafka/topic-deleted';
import { backendsTerminated } from './postgres/backends-terminated';
import { connectionsExhausted } from './postgres/connections-exhausted';
import { postgresDiskFull } from './postgres/disk-full';
import { longTransaction } from './postgres/long-transaction';
import { olderCopy } from './postgres/older-copy';
import { readOnly } from './postgres/read-only';
import { reverseCommits } from './postgres/reverse-commits';
import { stoppedImmediately } from './postgres/stopped-immediately';
import { tableLocked } from './postgres/table-locked';
import { temporalKilled } from './temporal/server-killed';
import { temporalWiped } from './temporal/server-wiped';
import { signalsLost } from './temporal/signals-lost';
import { workflowsTerminated } from './temporal/workflows-terminated';
import { clockJumps } from './tenancy/clock-jumps';
import { deadTopics } from './tenancy/dead-topics';
import { ordersBesideKills } from './tenancy/orders-beside-kills';
import { poisonEvents } from './tenancy/poison-events';
import { allWorkersKilled } from './worker/all-workers-killed';
import { continueAsNewStorm } from './worker/continue-as-new-storm';
import { eventLoopBlocked } from './worker/event-loop-blocked';
import { freezeEachStep } from './worker/freeze-each-step';
import { killEachStep } from './worker/kill-each-step';
import { killWhileParking } from './worker/kill-while-parking';
import { strikeAtRandom } from './worker/strike-at-random';
import { terminateUnderLoad } from './worker/terminate-under-load';

export const GROUPS: readonly Group[] = ['worker', 'kafka', 'postgres', 'temporal', 'tenancy'];

/** All scenarios, in the order of the report. */
export const SCENARIOS: readonly Scenario[] = [
  killEachStep,
  killWhileParking,
  freezeEachStep,
  strikeAtRandom,
  terminateUnderLoad,
  eventLoopBlocked,
  allWorkersKilled,
  continueAsNewStorm,
  brokerKilled,
  brokerFrozen,
  brokerRestarted,
  frames,
  topicDeleted,
  idsExpired,
  clusterRollingRestart,
  clusterNodesDown,
  kafkaDiskFull,
  stoppedImmediately,
  backendsTerminated,
  tableLocked,
  connectionsExhausted,
  longTransaction,
  reverseCommits,
  olderCopy,
  readOnly,
  postgresDiskFull,
  temporalKilled,
  temporalWiped,
  workflowsTerminated,
  signalsLost,
  deadTopics,
  poisonEvents,
  ordersBesideKills,
  clockJumps,
];
