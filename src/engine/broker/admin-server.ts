// HTTP for the operator, under /v1: health, metrics, what the cluster is, its domains (admin-domain-routes.ts), and the work on its
// history (admin-maintenance-routes.ts).
//
// A browser must not become the way in: the Host header must name this server (against DNS rebinding), any other Origin is
// refused, no CORS header is ever sent, and a POST must carry a header that no form can send. Methods, header size, time and
// connections are limited. Bodies are not read.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Registry } from 'prom-client';
import { EngineError, toEngineError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { type AdminAnswer, type AdminRequest, failure, jsonAnswer, refusal } from './admin-answer.ts';

export interface AdminServerOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly registry: Registry;
  readonly logger: Logger;
  readonly isReady: () => boolean;
  /** The body of /v1/cluster. */
  readonly cluster: () => Readonly<Record<string, unknown>>;
  /** Further paths; undefined for one that is not known there either. */
  readonly routes?: (request: AdminRequest) => Promise<AdminAnswer | undefined>;
}

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);
const connectionsMax = 64;
/** A form or an image of a foreign page cannot send it, and a script there would have to ask first. */
const mutationHeader = 'x-cloudtopics-admin';

export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #server: Server;

  private constructor(options: AdminServerOptions) {
    this.#options = options;
    const limits = { maxHeaderSize: 8 * 1024, headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 5_000 };
    this.#server = createServer(limits, (request, response) => void this.#serve(request, response));
    this.#server.maxConnections = connectionsMax;
    this.#server.on('error', (error) => options.logger.error({ error: error.message }, 'the admin server failed'));
  }

  static async open(options: AdminServerOptions): Promise<AdminServer> {
    const admin = new AdminServer(options);
    await new Promise<void>((resolve, reject) => {
      const { host, port } = options;
      const onError = (error: NodeJS.ErrnoException) => {
        const code = error.code === 'EADDRINUSE' ? 'address-in-use' : 'usage';
        reject(
          new EngineError(code, `cannot listen on ${host}:${port} for the admin server: ${error.message}`, {
            cause: error,
          }),
        );
      };
      admin.#server.once('error', onError);
      admin.#server.listen({ host, port }, () => {
        admin.#server.off('error', onError);
        resolve();
      });
    });
    return admin;
  }

  get address(): { readonly host: string; readonly port: number } {
    const address = this.#server.address();
    const port = typeof address === 'object' && address !== null ? address.port : this.#options.port;
    return { host: this.#options.host, port };
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const left = new AbortController();
    response.once('close', () => {
      if (!response.writableEnded) left.abort(new EngineError('cancelled', 'the client has gone'));
    });
    let answer: AdminAnswer;
    try {
      answer = this.#refused(request) ?? (await this.#answer(request, left.signal));
    } catch (caught) {
      const error = toEngineError(caught);
      const isBug = error.kind === 'bug';
      if (isBug) this.#options.logger.error({ error: error.message }, 'an admin request failed');
      answer = isBug ? refusal(500, 'the request failed; see the log of the broker') : failure(error);
    }
    const { status, body, type = 'application/json; charset=utf-8' } = answer;
    // A body that was sent along is not read; the connection is not used again then.
    const hasBody =
      request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(status === 405 ? { allow: 'GET, HEAD, POST' } : {}),
      ...(hasBody ? { connection: 'close' } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  #refused({ method, headers }: IncomingMessage): AdminAnswer | undefined {
    const { host, origin } = headers;
    if (host === undefined || !this.#isOurName(host)) {
      return refusal(403, 'the Host header names another server; use localhost or the configured admin address');
    }
    if (origin !== undefined && origin !== `http://${host}`)
      return refusal(403, 'requests of other origins are refused');
    if (method === 'POST') {
      return headers[mutationHeader] === '1'
        ? undefined
        : refusal(403, `a POST must carry the header ${mutationHeader}: 1`);
    }
    if (method !== 'GET' && method !== 'HEAD') return refusal(405, 'only GET, HEAD and POST are served');
    return undefined;
  }

  /** Names are what an attacker can make resolve to us; a literal address cannot lie. */
  #isOurName(hostHeader: string): boolean {
    const name = hostHeader.replace(/:\d{1,5}$/, '').toLowerCase();
    const { host } = this.#options;
    if (loopbackNames.has(name) || name === host.toLowerCase() || name === `[${host.toLowerCase()}]`) return true;
    const isWildcard = host === '0.0.0.0' || host === '::';
    return isWildcard && isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
  }

  async #answer({ url = '/', method }: IncomingMessage, signal: AbortSignal): Promise<AdminAnswer> {
    const { registry, isReady, cluster, routes } = this.#options;
    const [path = '/', query = ''] = url.split(/\?(.*)/s, 2);
    const isPost = method === 'POST';
    const further = await routes?.({
      method: isPost ? 'POST' : 'GET',
      path,
      query: new URLSearchParams(query),
      signal,
    });
    if (further !== undefined) return further;
    if (isPost) return refusal(405, 'only GET and HEAD are served here');
    switch (path) {
      case '/v1/health':
        return jsonAnswer(isReady() ? 200 : 503, { live: true, ready: isReady() });
      case '/v1/metrics':
        return { status: 200, type: registry.contentType, body: await registry.metrics() };
      case '/v1/cluster':
        return jsonAnswer(200, cluster());
      default:
        return refusal(
          404,
          'unknown path; served are /v1/health, /v1/metrics, /v1/cluster, /v1/domains, /v1/reconcile and /v1/compact',
        );
    }
  }
}
