// Forward proxies as Debian ships them. The names of a test are known to them alone: what gets there by name went through
// one.

import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { userInfo } from 'node:os';
import { Program } from './programs.mjs';
import { surroundings } from './surroundings.mjs';

/** Started by root they go on as somebody else, who must be able to write. */
const IS_ROOT = process.getuid?.() === 0;

/** Squid. With `users`, `{ name: password }`, it wants a login; `refuses`: it lets nobody through. */
export async function startSquid(t, { names = {}, users, refuses = false } = {}) {
  const rules = users
    ? (folder) => [
        `auth_param basic program /usr/lib/squid/basic_ncsa_auth ${folder}/users`,
        'acl known proxy_auth REQUIRED',
        'http_access allow known',
        'http_access deny all',
      ]
    : () => [`http_access ${refuses ? 'deny' : 'allow'} all`];
  const hash = (password) => execFileSync('openssl', ['passwd', '-apr1', password], { encoding: 'utf8' }).trim();
  const squid = await Program.start(t, 'squid', {
    files: ({ port, folder }) => ({
      hosts: Object.entries(names)
        .map(([name, address]) => `${address} ${name}\n`)
        .join(''),
      users: Object.entries(users ?? {})
        .map(([name, password]) => `${name}:${hash(password)}\n`)
        .join(''),
      'squid.conf': [
        `http_port 127.0.0.1:${port}`,
        `pid_filename ${folder}/squid.pid`,
        `hosts_file ${folder}/hosts`,
        `cache_log ${folder}/cache.log`,
        'access_log none',
        'cache deny all',
        'dns_nameservers 127.0.0.1',
        'dns_timeout 1 second',
        'shutdown_lifetime 0 seconds',
        'pinger_enable off',
        ...rules(folder),
        '',
      ].join('\n'),
    }),
    prepare: ({ folder }) => IS_ROOT && chmodSync(folder, 0o777),
    args: ({ folder }) => ['-N', '-f', `${folder}/squid.conf`],
  });
  return { host: `127.0.0.1:${squid.port}`, url: `http://127.0.0.1:${squid.port}` };
}

/** tinyproxy; `refuses`: it lets nobody through. */
export async function startTinyproxy(t, { names = {}, refuses = false } = {}) {
  const proxy = await Program.start(t, 'tinyproxy', {
    files: ({ port }) => ({
      'tinyproxy.conf': [
        ...(IS_ROOT ? ['User nobody', 'Group nogroup'] : []),
        `Port ${port}`,
        'Listen 127.0.0.1',
        'Timeout 60',
        'MaxClients 100',
        `Allow ${refuses ? '127.0.0.99' : '127.0.0.1'}`,
        '',
      ].join('\n'),
    }),
    args: ({ folder }) => ['-d', '-c', `${folder}/tinyproxy.conf`],
    env: () => surroundings(t, names).env,
  });
  return { host: `127.0.0.1:${proxy.port}`, url: `http://127.0.0.1:${proxy.port}` };
}

/** Dante, which speaks SOCKS; `refuses`: it lets nobody through. */
export async function startDante(t, { names = {}, refuses = false } = {}) {
  const everybody = '{ from: 127.0.0.0/8 to: 0.0.0.0/0 }';
  const dante = await Program.start(t, 'danted', {
    files: ({ port, folder }) => ({
      'danted.conf': [
        `logoutput: ${folder}/log`,
        `internal: 127.0.0.1 port = ${port}`,
        'external: 127.0.0.1',
        'clientmethod: none',
        'socksmethod: none',
        `user.privileged: ${userInfo().username}`,
        `user.unprivileged: ${IS_ROOT ? 'nobody' : userInfo().username}`,
        `client pass ${everybody}`,
        `socks ${refuses ? 'block' : 'pass'} ${everybody}`,
        '',
      ].join('\n'),
    }),
    args: ({ folder }) => ['-f', `${folder}/danted.conf`, '-p', `${folder}/danted.pid`],
    env: () => surroundings(t, names).env,
  });
  const host = `127.0.0.1:${dante.port}`;
  return { host, url: `socks5h://${host}`, localNames: `socks5://${host}` };
}
