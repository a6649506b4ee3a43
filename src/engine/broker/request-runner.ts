// From frame to answer: decodes the header and body, calls the handler, encodes what it says.
//
// - a frame whose header cannot be read, an API or version that is not served: `close` (ApiVersions is answered in version 0)
// - a body that cannot be read: INVALID_REQUEST where the API's answer has a place for it, else `close`
// - an EngineError thrown by a handler: its Kafka code, in the same way; anything else is logged as a bug and answered with −1

import { errorTable } from '../base/error-table.ts';
import { EngineError, toEngineError } from '../base/errors.ts';
import { apiVersions, encodeResponse, type ReceivedRequest } from '../wire/wire.ts';
import { type ApiTable, refusalBody } from './api-table.ts';
import type { ComplaintLog } from './complaint-log.ts';
import { type BrokerServices, closeConnection, noResponse, type ServedApi } from './handler.ts';
import { isOldProduce, refuseOldProduce } from './old-produce-format.ts';
import type { RequestInWork } from './request-in-work.ts';

/** The answer's parts; empty when none is due; 'close' to end the connection. */
export type Answered = readonly Buffer[] | 'close';

export class RequestRunner {
  readonly #table: ApiTable;
  readonly #services: BrokerServices;
  readonly #complaints: ComplaintLog;

  constructor(table: ApiTable, services: BrokerServices, complaints: ComplaintLog) {
    this.#table = table;
    this.#services = services;
    this.#complaints = complaints;
  }

  /** Everything up to the handler's first await happens before this returns. Never throws or rejects. */
  run(request: ReceivedRequest, work: RequestInWork): Answered | Promise<Answered> {
    const { apiKey, apiVersion, correlationId } = request.header;
    const served = this.#table.get(apiKey);
    if (served === undefined || !request.served) {
      if (apiKey === apiVersions.key) {
        return this.#table.apiVersionsRefusal(correlationId, errorTable['unsupported-version'].kafkaCode);
      }
      if (isOldProduce(request.header)) return this.#oldProduceRefused(request, work);
      this.#complaints.warn(
        work.clientHost,
        'unsupported',
        { apiKey, apiVersion, clientId: work.clientId.slice(0, 100) },
        'a client asked for an API or version that is not served; its connection is closed',
      );
      return 'close';
    }
    let body: unknown;
    try {
      body = request.body(served.api as never);
    } catch (error) {
      return this.#refused(served, undefined, work, error);
    }
    try {
      const answer = served.handle(body as never, work, this.#services);
      if (!(answer instanceof Promise)) return this.#encoded(served, body, work, answer);
      return answer.then(
        (settled) => this.#encoded(served, body, work, settled),
        (error: unknown) => this.#refused(served, body, work, error),
      );
    } catch (error) {
      return this.#refused(served, body, work, error);
    }
  }

  #oldProduceRefused({ header }: ReceivedRequest, work: RequestInWork): Answered {
    const fields = { apiVersion: header.apiVersion, clientId: work.clientId.slice(0, 100) };
    this.#complaints.warn(
      work.clientHost,
      'old',
      fields,
      'a client produces in a format older than Kafka 0.11; it is refused',
    );
    try {
      const refusal = refuseOldProduce(work.frameContent, header);
      return refusal === 'none' ? 'close' : [refusal];
    } catch {
      return 'close';
    }
  }

  #encoded(served: ServedApi, body: unknown, work: RequestInWork, answer: unknown): Answered {
    if (answer === noResponse) return [];
    if (answer === closeConnection) return 'close';
    try {
      return encodeResponse(served.api, work.apiVersion, work.correlationId, answer as never);
    } catch (error) {
      return this.#refused(served, body, work, error);
    }
  }

  #refused(served: ServedApi, body: unknown, work: RequestInWork, thrown: unknown): Answered {
    const error = toEngineError(thrown);
    const fields = { api: served.api.name, apiVersion: work.apiVersion, clientId: work.clientId.slice(0, 100) };
    if (error.code === 'bug') {
      const stack = (error.cause instanceof Error ? error.cause : error).stack;
      this.#services.logger.error({ ...fields, error: error.message, stack }, 'a request handler failed');
    } else if (body === undefined) {
      this.#complaints.warn(
        work.clientHost,
        'malformed',
        { ...fields, error: error.message },
        'a request cannot be read',
      );
    }
    if (work.signal.aborted && error.code === 'cancelled') return 'close';
    return this.#refusal(served, body, work, error);
  }

  #refusal(served: ServedApi, body: unknown, work: RequestInWork, error: EngineError): Answered {
    try {
      const refusal = refusalBody(served, body, error.kafkaCode, error.message);
      if (refusal === undefined) return 'close';
      return encodeResponse(served.api, work.apiVersion, work.correlationId, refusal as never);
    } catch (cause) {
      const failed = new EngineError('bug', `${served.api.name} cannot say that it failed`, { cause });
      this.#services.logger.error({ error: failed.message, cause: String(cause) }, 'a request handler failed');
      return 'close';
    }
  }
}
