// The web servers that stand before an API, as Debian ships them: TLS with HTTP/2 and HTTP/1.1, plain HTTP to the sandbox.
//
// Each takes the same limits: `requests` and `idleSeconds` of one connection. All compress JSON.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { find, Program } from './programs.mjs';

const execute = promisify(execFile);

/** What is used by default where a server has no default of its own. */
const LIMITS = { requests: 1000, idleSeconds: 60, http2: true };

/** Debian's `nginx.conf`, with a server that hands everything on. */
function nginx({ port, folder, upstream, requests, idleSeconds, http2 }) {
  return {
    'nginx.conf': `
      daemon off;${process.getuid() === 0 ? '\n      user root;' : ''}
      worker_processes auto;
      pid ${folder}/nginx.pid;
      error_log ${folder}/error.log;
      events { worker_connections 768; }
      http {
        sendfile on;
        tcp_nopush on;
        types_hash_max_size 2048;
        access_log off;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_prefer_server_ciphers on;
        gzip on;
        gzip_types application/json;
        gzip_proxied any;
        gzip_min_length 1;
        keepalive_requests ${requests};
        keepalive_timeout ${idleSeconds}s;
        ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
        server {
          listen 127.0.0.1:${port} ssl${http2 ? ' http2' : ''};
          ssl_certificate ${folder}/server.pem;
          ssl_certificate_key ${folder}/server.key;
          location / { proxy_pass http://127.0.0.1:${upstream}; }
        }
      }`,
  };
}

/** It has no limit of requests for one connection. */
function haproxy({ port, folder, upstream, idleSeconds, http2 }) {
  return {
    'haproxy.cfg': `
global
  maxconn 2000
  stats socket ${folder}/haproxy.sock mode 600 expose-fd listeners
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout http-keep-alive ${idleSeconds}s
frontend front
  bind 127.0.0.1:${port} ssl crt ${folder}/both.pem alpn ${http2 ? 'h2,' : ''}http/1.1
  compression algo gzip
  compression type application/json
  default_backend sandbox
backend sandbox
  server sandbox 127.0.0.1:${upstream}
`,
  };
}

const APACHE_MODULES = [
  'mpm_event',
  'authz_core',
  'ssl',
  'socache_shmcb',
  'http2',
  'proxy',
  'proxy_http',
  'filter',
  'deflate',
];

/** With threads to spare: when it runs out of them, it ends connections before their time. */
function apache({ port, folder, upstream, requests, idleSeconds, http2 }) {
  return {
    'apache.conf': `
ServerRoot ${folder}
ServerName 127.0.0.1
PidFile ${folder}/apache.pid
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/error.log
${APACHE_MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
<IfModule unixd_module>
  User www-data
  Group www-data
</IfModule>
StartServers 4
ThreadsPerChild 64
MaxRequestWorkers 256
MinSpareThreads 64
MaxSpareThreads 256
Listen 127.0.0.1:${port}
KeepAlive On
MaxKeepAliveRequests ${requests}
KeepAliveTimeout ${idleSeconds}
Protocols ${http2 ? 'h2 ' : ''}http/1.1
SSLSessionCache shmcb:${folder}/sessions(512000)
AddOutputFilterByType DEFLATE application/json
<VirtualHost 127.0.0.1:${port}>
  SSLEngine on
  SSLCertificateFile ${folder}/server.pem
  SSLCertificateKeyFile ${folder}/server.key
  ProxyPass / http://127.0.0.1:${upstream}/
</VirtualHost>
`,
  };
}

function caddy({ port, folder, upstream, idleSeconds, http2 }) {
  return {
    Caddyfile: `
{
  admin unix/${folder}/admin.sock
  auto_https off
  servers {
    protocols h1${http2 ? ' h2' : ''}
    timeouts {
      idle ${idleSeconds}s
    }
  }
}
https://127.0.0.1:${port} {
  tls ${folder}/server.pem ${folder}/server.key
  encode {
    gzip
    minimum_length 1
  }
  reverse_proxy 127.0.0.1:${upstream}
}
`,
  };
}

/** It is told over a socket of its own; without `--force` it passes over a configuration that it has already. */
async function reloadCaddy({ folder }) {
  const config = ['--config', `${folder}/Caddyfile`, '--adapter', 'caddyfile'];
  await execute(find('caddy'), ['reload', ...config, '--address', `unix/${folder}/admin.sock`, '--force']);
}

/**
 * How each is started and told to read its configuration again. `limitsRequests`: whether it can end a connection after a
 * number of requests. `breaksHttp2`: whether that breaks requests of HTTP/2 that it has begun.
 */
export const FRONTS = {
  nginx: {
    program: 'nginx',
    files: nginx,
    args: ({ folder }) => ['-p', folder, '-c', `${folder}/nginx.conf`, '-e', `${folder}/error.log`],
    reload: (front) => front.signal('SIGHUP'),
    limitsRequests: true,
  },
  HAProxy: {
    program: 'haproxy',
    files: haproxy,
    args: ({ folder }) => ['-W', '-db', '-f', `${folder}/haproxy.cfg`],
    reload: (front) => front.signal('SIGUSR2'),
  },
  Apache: {
    program: 'apache2',
    files: apache,
    args: ({ folder }) => ['-DFOREGROUND', '-f', `${folder}/apache.conf`],
    reload: (front) => front.signal('SIGUSR1'),
    limitsRequests: true,
    breaksHttp2: true,
  },
  Caddy: {
    program: 'caddy',
    files: caddy,
    args: ({ folder }) => ['run', '--config', `${folder}/Caddyfile`, '--adapter', 'caddyfile'],
    reload: reloadCaddy,
    env: ({ folder }) => ({ HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder }),
  },
};

/** A front before a sandbox that speaks plain HTTP. `authority` vouches for it. */
export async function startFront(t, kind, { sandbox, authority, ...limits }) {
  const { program, files, args, reload, env } = FRONTS[kind];
  const upstream = new URL(sandbox.url).port;
  const { cert, key } = authority;
  const front = await Program.start(t, program, {
    args,
    env,
    files: ({ port, folder }) => ({
      ...files({ ...LIMITS, ...limits, port, folder, upstream }),
      'server.pem': cert,
      'server.key': key,
      'both.pem': cert + key,
    }),
  });
  front.url = `https://127.0.0.1:${front.port}`;
  front.reload = () => reload(front);
  return front;
}
