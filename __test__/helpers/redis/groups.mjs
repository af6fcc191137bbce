// Servers that stand in for one another: a primary with replicas under sentinels, and a cluster.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { until } from '../setup.mjs';
import { CLI, folderFor, freePort, ServerProcess } from './processes.mjs';
import { PASSWORD, PLAIN, Server, startServerOver } from './server.mjs';

const runs = promisify(execFile);

/** After this long without an answer a primary counts as gone, so that tests need not wait for its successor. */
const DOWN_AFTER_MS = 1000;

const SENTINELS = 3;
const REPLICAS = 2;
const QUORUM = 2;
const NODES = 6;

/** What the sentinels call their primary. */
const NAME = 'guests';

/** A primary, two replicas, and three sentinels: `{ servers, primary(), store }`. */
export async function startSentinels(t, transport = PLAIN) {
  const first = await startServerOver(t, transport);
  const servers = [first];
  for (let i = 0; i < REPLICAS; i++)
    servers.push(await startServerOver(t, transport, `replicaof 127.0.0.1 ${first.port}`));
  await until(
    async () => (await first.ask('INFO', 'replication')).match(/state=online/g)?.length === REPLICAS,
    'in sync',
  );
  const sentinels = [];
  for (let i = 0; i < SENTINELS; i++) sentinels.push(await startSentinel(t, transport, first.port));
  const knowsAll = async (sentinel) => {
    const told = (await sentinel.ask('SENTINEL', 'MASTER', NAME)).split('\n');
    const value = (field) => Number(told[told.indexOf(field) + 1]);
    return value('num-other-sentinels') === SENTINELS - 1 && value('num-slaves') === REPLICAS;
  };
  for (const sentinel of sentinels) await until(() => knowsAll(sentinel), 'the sentinels know one another');
  const primary = async () => {
    const [, port] = (await sentinels[0].ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)).split('\n');
    return servers.find((server) => server.port === Number(port));
  };
  const url = sentinels.map((sentinel) => sentinel.url);
  return { servers, primary, store: { url, sentinel: { name: NAME, password: PASSWORD }, ...transport.store } };
}

async function startSentinel(t, transport, primary) {
  const port = await freePort();
  const lines = [
    ...transport.lines(port),
    `requirepass ${PASSWORD}`,
    `sentinel sentinel-pass ${PASSWORD}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${primary} ${QUORUM}`,
    `sentinel auth-pass ${NAME} ${PASSWORD}`,
    `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${NAME} ${DOWN_AFTER_MS * 10}`,
  ];
  return new Server(new ServerProcess(t, folderFor(t), lines, '--sentinel'), port, transport).isUp();
}

/** Three primaries with a replica each: `{ servers, primaries(), store }`. */
export async function startCluster(t, transport = PLAIN) {
  const lines = ['cluster-enabled yes', `cluster-node-timeout ${DOWN_AFTER_MS}`, 'cluster-replica-validity-factor 0'];
  const servers = [];
  for (let i = 0; i < NODES; i++) servers.push(await startServerOver(t, transport, ...lines));
  const addresses = servers.map((server) => `127.0.0.1:${server.port}`);
  const args = [...transport.cliArgs, '--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'];
  await runs(CLI, args, { env: { ...process.env, REDISCLI_AUTH: PASSWORD } });
  const isSound = async (server) => {
    const told = await server.ask('CLUSTER', 'INFO');
    return told.includes('cluster_state:ok') && told.includes(`cluster_known_nodes:${NODES}`);
  };
  for (const server of servers) await until(() => isSound(server), 'the cluster is sound');
  const isInSync = (info) => /role:master/.test(info) || /master_link_status:up/.test(info);
  for (const server of servers) await until(async () => isInSync(await server.ask('INFO', 'replication')), 'in sync');
  const primaries = async () => {
    const roles = await Promise.all(servers.map((server) => server.ask('ROLE').catch(() => 'gone')));
    return servers.filter((_, i) => roles[i].startsWith('master'));
  };
  const url = servers.slice(0, 3).map((server) => server.url);
  return { servers, primaries, store: { url, cluster: true, ...transport.store } };
}
